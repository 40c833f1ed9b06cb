"""Loads into Debian's PostgreSQL as one of dlt's destinations, and counts there: a schema of its own for each test."""

import uuid
from pathlib import Path
from typing import Any

import msgspec
from tests.parts.workloads.telling import telling
from tests.support.postgres import PostgresServer

from freshet.workloads.command import now
from freshet.workloads.count import count_rows
from freshet.workloads.load import load
from freshet.workloads.spec import CountSpec, IngestSpec

__all__ = ["VARIABLE", "Place"]

VARIABLE = "DESTINATION__POSTGRES__CREDENTIALS"


class Place:
    """A schema of the server, and a file to load into it."""

    def __init__(self, server: PostgresServer, *, folder: Path) -> None:
        self.server = server
        self.schema = f"kw_{uuid.uuid4().hex[:8]}"
        self.folder = folder

    def write(self, content: str, name: str = "in.csv") -> None:
        (self.folder / name).write_text(content)

    def warehouse(self, destination: str) -> dict[str, Any]:
        return {"dlt": {"destination": destination, "schema": self.schema}}

    def load(self, *, destination: str = "postgres", csv: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        spec = {
            "asset": "raw",
            "warehouse": self.warehouse(destination),
            "table": "raw",
            "csv": {"path": str(self.folder / "in.csv"), **(csv or {})},
            "write": {"disposition": "append"},
            **more,
        }
        with telling() as told:
            return told(load(spec=msgspec.convert(spec, IngestSpec), last={}, started=now()))

    def count(self, relation: str, *, destination: str = "postgres", **more: Any) -> Any:
        spec = {"warehouse": self.warehouse(destination), "relation": relation, **more}
        with telling() as told:
            return told(count_rows(msgspec.convert(spec, CountSpec)))

    def rows(self, columns: str = "id, v", table: str = "raw") -> list[tuple[Any, ...]]:
        return self.server.query(f"SELECT {columns} FROM {self.schema}.{table} ORDER BY 1")
