"""Bad rows on their way beside a Databricks table: the same way that good ones take, then one MERGE by their load's id.

They are written before the load publishes, so that no load is there without them; what a load that never published
has left there goes with the next one. A statement takes 256 values, which is 51 rows: ten thousand go as a file.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from freshet.workloads.bad_rows import Refused
from freshet.workloads.databricks_incoming import Incoming
from freshet.workloads.databricks_sql import ABSENT, Sql, error_class
from freshet.workloads.databricks_types import to_databricks
from freshet.workloads.ledger import LOAD_ID, LOADS
from freshet.workloads.rejected import COLUMNS
from freshet.workloads.sql import identifier, literal, qualified

__all__ = ["clear", "discard", "held", "quarantine"]


def quarantine(
    sql: Sql,
    incoming: Incoming,
    target: Sequence[str],
    *,
    load_id: str,
    refused: Sequence[Refused],
    folder: Path,
    options: Any,
    again: bool = False,
) -> int:
    """Writes ``refused`` into ``target``, once per load. Returns how many are there then. ``folder`` is made.

    ``again``: what an earlier try of the load had set aside, and this one does not, goes.

    Raises what dlt and the connector raise.
    """
    described = ", ".join(f"{_name(column.name)} {to_databricks(column.type)}" for column in COLUMNS)
    sql.ask(f"CREATE TABLE IF NOT EXISTS {_table(target)} ({described})")
    folder.mkdir(exist_ok=True)
    path = _written(folder / "rejected.parquet", load_id, refused)
    try:
        arrived = incoming.bring(sql, path=path, rows=len(refused), columns=COLUMNS, folder=folder, options=options)
        if arrived != len(refused):
            return arrived
        if again:
            _clear_others(sql, incoming.table, target, load_id=load_id)
        _merge(sql, incoming.table, target)
    finally:
        incoming.drop(sql)
    return held(sql, target, load_id=load_id)


def held(sql: Sql, target: Sequence[str], *, load_id: str) -> int:
    """How many bad rows of the load are there."""
    return int(sql.ask(f"SELECT count(*) FROM {_table(target)} WHERE load_id = {literal(load_id)}")[0][0])


def clear(sql: Sql, target: Sequence[str], *, load_id: str) -> None:
    """No row of the load is bad: an earlier try of it may have found otherwise."""
    _delete(sql, target, f"load_id = {literal(load_id)}")


def discard(sql: Sql, target: Sequence[str], *, load_ids: Sequence[str], of: Sequence[str]) -> None:
    """Bad rows of loads that never came; not of one that has published into ``of`` and is about to be recorded, nor of
    one that was recorded meanwhile, which may have had no others. A table that somebody made anew names none.
    """
    among = ", ".join(map(literal, load_ids))
    came = f"SELECT {LOAD_ID} FROM {_table(of)} WHERE {LOAD_ID} IN ({among})"
    recorded = f"SELECT load_id FROM {_table((*of[:2], LOADS))} WHERE load_id IN ({among})"
    unrecorded = f"load_id IN ({among}) AND load_id NOT IN ({recorded})"
    if not _delete(sql, target, f"{unrecorded} AND load_id NOT IN ({came})"):
        _delete(sql, target, unrecorded)


def _delete(sql: Sql, target: Sequence[str], condition: str) -> bool:
    """Where there are any, and a load has come yet: else the next that does takes them away. Returns whether it could
    be asked.
    """
    try:
        sql.ask(f"DELETE FROM {_table(target)} WHERE {condition}")
    except Exception as error:
        if error_class(error) not in ABSENT:
            raise
        return False
    return True


def _clear_others(sql: Sql, incoming: Sequence[str], target: Sequence[str], *, load_id: str) -> None:
    """Rows that are as they were stay where they are: another pod may have published the same load."""
    same = " AND ".join(f"s.{_name(column.name)} <=> t.{_name(column.name)}" for column in COLUMNS)
    sql.ask(
        f"DELETE FROM {_table(target)} AS t WHERE t.load_id = {literal(load_id)}"
        f" AND NOT EXISTS (SELECT 1 FROM {_table(incoming)} AS s WHERE {same})"
    )


def _merge(sql: Sql, incoming: Sequence[str], target: Sequence[str]) -> None:
    names = [_name(column.name) for column in COLUMNS]
    sql.ask(
        f"MERGE INTO {_table(target)} AS t USING {_table(incoming)} AS s"
        " ON t.load_id = s.load_id AND t.path = s.path AND t.line = s.line WHEN NOT MATCHED THEN INSERT"
        f" ({', '.join(names)}) VALUES ({', '.join(f's.{name}' for name in names)})"
    )


def _written(path: Path, load_id: str, refused: Sequence[Refused]) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [(load_id, one.path, one.line, one.column, one.reason, one.raw) for one in refused]
    kinds = {"BIGINT": pa.int64(), "VARCHAR": pa.string()}
    values = zip(COLUMNS, zip(*rows, strict=True), strict=True)
    pq.write_table(pa.table({column.name: pa.array(part, type=kinds[column.type]) for column, part in values}), path)
    return path


def _name(name: str) -> str:
    return identifier(name, mark="`")


def _table(parts: Sequence[str]) -> str:
    return qualified(parts, mark="`")
