"""Keys of a load that the table holds more than once: a merge would write one row over several."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from freshet.workloads.dlt_destination import Place
from freshet.workloads.dlt_types import stored
from freshet.workloads.engine import engine
from freshet.workloads.sql import identifier, literal
from freshet.workloads.warehouse import Batch

__all__ = ["held_twice"]


def held_twice(place: Place, batch: Batch, *, of: str, folder: Path) -> bool:
    """Whether the relation ``of``, whose name is quoted, holds some key of ``batch`` more than once."""
    names = [place.quoted(name) for name in batch.table_key]
    key, there = ", ".join(names), " AND ".join(f"{name} IS NOT NULL" for name in names)
    twice = place.ask(f"SELECT {key} FROM {of} WHERE {there} GROUP BY {key} HAVING count(*) > 1")
    return bool(twice) and _comes(batch, twice, folder)


def _comes(batch: Batch, twice: Sequence[tuple[Any, ...]], folder: Path) -> bool:
    """Whether a row of the load has one of these keys, which each destination answers in types of its own."""
    import pyarrow as pa

    kinds = {column.name: stored(column.type) for column in batch.columns}
    texts = [pa.array(map(str, values), pa.string()) for values in zip(*twice, strict=True)]
    same = " AND ".join(
        f"CAST(it.{name} AS {kind}) = TRY_CAST(twice.{name} AS {kind})"
        for name, kind in ((identifier(name), kinds[name]) for name in batch.key)
    )
    with closing(engine(folder)) as con:
        con.register("twice", pa.table(dict(zip(batch.key, texts, strict=True))))
        found = f"FROM read_parquet({literal(str(batch.path))}) AS it SEMI JOIN twice ON {same}"
        return con.execute(f"SELECT 1 {found} LIMIT 1").fetchone() is not None
