"""Loads without a warehouse."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pyarrow.parquet as pq
from tests.parts.workloads.writes import GROW

from freshet.workloads.growth import wanted
from freshet.workloads.inputs import InputFile, hash_files, stamps
from freshet.workloads.reading import read
from freshet.workloads.spec import IngestSpec
from freshet.workloads.warehouse import TableState

__all__ = ["Reader"]

_EMPTY = TableState(columns=None, level=None, rows=0)


class Reader:
    """What each load would append to the table, what it would set aside, and what the record would say."""

    def __init__(self, folder: Path, *, name: str = "in.csv", **csv: Any) -> None:
        self.folder = folder
        self.path = folder / name
        names = {"columns": ["a", "b"]} if csv.get("header") is False else {}
        csv = {"path": str(self.path), "schema": {"a": "VARCHAR", "b": "VARCHAR"}, **names, **csv}
        spec = {"warehouse": {"duckdb": {"path": "-"}}, "table": "t", "csv": csv, "write": GROW, "onBadRows": "drop"}
        self.spec = msgspec.convert(spec, IngestSpec)
        self.taken: dict[str, InputFile] = {}
        self.rows: list[tuple[Any, ...]] = []
        self.bad: list[int] = []
        self.kept: list[str] = []

    def take(self, content: bytes) -> None:
        self.path.write_bytes(content)
        found = hash_files(stamps([str(self.path)]))
        files = wanted(found, taken=self.taken, may_grow=True, csv=self.spec.csv)
        local = {file.path: file.path for file in files}
        with TemporaryDirectory(dir=self.folder) as folder:
            state = replace(_EMPTY, taken=self.taken)
            ready, parts = read(self.spec, state, files=files, local=local, folder=Path(folder), stored=str)
            columns = pq.read_table(ready.path).columns
        self.rows += zip(*(column.to_pylist() for column in columns), strict=True)
        self.bad += [one.line for one in ready.parsed.refused]
        self.kept += [one.raw for one in ready.parsed.refused]
        self.taken |= {part.file.path: part.file for part in parts}
