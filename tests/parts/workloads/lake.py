"""Loads into Databricks' stand-in and counts there, in this process: a schema of its own for each test."""

import json
import os
from pathlib import Path
from typing import Any

import msgspec
from tests.parts.workloads.telling import telling
from tests.support.secrecy import DATABRICKS_TOKEN

from freshet.local.databricks.names import quoted
from freshet.local.databricks.server import HTTP_PATH, DatabricksServer
from freshet.workloads.command import now
from freshet.workloads.count import count_rows
from freshet.workloads.load import load
from freshet.workloads.spec import CountSpec, IngestSpec

__all__ = ["Lake", "count", "environ_of"]


def environ_of(server: DatabricksServer) -> dict[str, str]:
    """What a pod has from its Secret."""
    return {
        "DATABRICKS_SERVER_HOSTNAME": server.url,
        "DATABRICKS_HTTP_PATH": HTTP_PATH,
        "DATABRICKS_TOKEN": DATABRICKS_TOKEN,
    }


class Lake:
    """A folder with input files, and a schema to load them into."""

    def __init__(self, server: DatabricksServer, *, folder: Path, schema: str) -> None:
        self.server = server
        self.folder = folder
        self.schema = schema
        self.csv = folder / "in.csv"

    def write(self, content: str | bytes, name: str = "in.csv") -> Path:
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def spec(
        self, *, csv: dict[str, Any] | None = None, write: dict[str, Any] | None = None, **more: Any
    ) -> dict[str, Any]:
        return {
            "asset": "raw",
            "warehouse": {"databricks": {"schema": self.schema, "catalog": "main"}},
            "table": "raw",
            "csv": {"path": str(self.csv), **(csv or {})},
            "write": write or {"disposition": "replace"},
            **more,
        }

    def load(self, *, last: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
        with telling() as told:
            return told(load(spec=msgspec.convert(self.spec(**spec), IngestSpec), last=last or {}, started=now()))

    def query(self, text: str) -> list[tuple[Any, ...]]:
        """In DuckDB's words; ``{raw}`` and the like stand for tables of the schema."""
        with self.server.store.statement(b"the test") as con:
            return list(con.execute(text.format_map(_Names(self.schema))).fetchall())

    def rows(self, columns: str = "id, v", table: str = "raw") -> list[tuple[Any, ...]]:
        return self.query(f"SELECT {columns} FROM {{{table}}} ORDER BY ALL")

    def tables(self) -> set[str]:
        found = self.query(f"SELECT table_name FROM duckdb_tables() WHERE schema_name = '{self.schema}'")
        return {name for (name,) in found}

    def faults(self, *rules: dict[str, Any]) -> None:
        self.server.faults.clear()
        self.server.faults.add(json.dumps(rules).encode())

    def asked(self) -> list[str]:
        return [str(entry["statement"]) for entry in self.server.faults.log()]

    def done(self) -> bool:
        """Nothing is under way in the warehouse."""
        return all(entry["outcome"] != "running" for entry in self.server.faults.log())

    def environ(self) -> dict[str, str]:
        return {**os.environ, **environ_of(self.server)}


def count(lake: Lake, relation: str = "raw", **more: Any) -> dict[str, Any]:
    warehouse = {"databricks": {"schema": lake.schema, "catalog": "main"}}
    with telling() as told:
        spec = msgspec.convert({"warehouse": warehouse, "relation": relation, **more}, CountSpec)
        return told(dict(count_rows(spec)))


class _Names(dict[str, str]):
    def __init__(self, schema: str) -> None:
        super().__init__()
        self._schema = schema

    def __missing__(self, table: str) -> str:
        return quoted(["main", self._schema, table])
