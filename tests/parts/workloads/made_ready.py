"""A file that is read as for a load, and goes nowhere: quick, for what many values become."""

from pathlib import Path
from typing import Any

import duckdb
import msgspec

from freshet.workloads.columns import Column
from freshet.workloads.growth import Part
from freshet.workloads.inputs import InputFile
from freshet.workloads.prepare import Ready, prepare
from freshet.workloads.spec import IngestSpec
from freshet.workloads.warehouse import TableState

__all__ = ["loadable", "made_ready"]


def made_ready(
    folder: Path, content: str, *, table: dict[str, str] | None = None, csv: dict[str, Any] | None = None, **more: Any
) -> Ready:
    """``table``: its columns, where there is one. Raises WorkloadError."""
    path = folder / "in.csv"
    path.write_bytes(content.encode())
    spec = {"warehouse": {"duckdb": {"path": "-"}}, "table": "t", "csv": {"path": str(path), **(csv or {})}, **more}
    part = Part(path=str(path), header=str(path), file=InputFile(path=str(path), sha256="", size=0))
    columns = None if table is None else tuple(Column(name=name, type=kind) for name, kind in table.items())
    state = TableState(columns=columns, level=None, rows=0)
    return prepare(spec=msgspec.convert(spec, IngestSpec), state=state, parts=[part], folder=folder)


def loadable(ready: Ready, columns: str = "*") -> list[tuple[Any, ...]]:
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        return list(con.execute(f"SELECT {columns} FROM '{ready.path}' ORDER BY ALL").fetchall())
