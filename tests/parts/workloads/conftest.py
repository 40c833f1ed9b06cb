"""Loads and counts in this process, on files below tmp_path."""

import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest
from tests.parts.workloads.dlt_place import VARIABLE, Place
from tests.parts.workloads.lake import Lake, environ_of
from tests.parts.workloads.telling import telling
from tests.parts.workloads.web_server import Server, web_server
from tests.support.postgres import PostgresServer, postgres
from tests.support.secrecy import DATABRICKS_TOKEN

from freshet.local.databricks.server import DatabricksServer
from freshet.workloads.command import now
from freshet.workloads.load import load
from freshet.workloads.spec import IngestSpec


class World:
    """A folder with input files and a warehouse, and a load on them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "w.duckdb"
        self.csv = folder / "in.csv"

    def write(self, content: str | bytes, name: str = "in.csv") -> Path:
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def spec(
        self, *, csv: dict[str, Any] | None = None, write: dict[str, Any] | None = None, **more: Any
    ) -> dict[str, Any]:
        found = {
            "asset": "raw",
            "warehouse": {"duckdb": {"path": str(self.path), "schema": "kw", "lockTimeout": 100}},
            "table": "raw",
            "csv": {"path": str(self.csv), **(csv or {})},
            "write": write or {"disposition": "replace"},
        }
        return {**found, **more}

    def load(self, *, last: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
        with telling() as told:
            return told(load(spec=msgspec.convert(self.spec(**spec), IngestSpec), last=last or {}, started=now()))

    def rows(self, query: str = "FROM kw.raw ORDER BY ALL") -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.path)) as con:
            return list(con.execute(query).fetchall())

    def do(self, statement: str) -> None:
        with duckdb.connect(str(self.path)) as con:
            con.execute(statement)

    def spec_file(self, **spec: Any) -> Path:
        return self.write(json.dumps(self.spec(**spec)), "spec.json")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    before = dict(os.environ)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    yield World(tmp_path)
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="session")
def databricks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabricksServer]:
    with DatabricksServer(state=tmp_path_factory.mktemp("databricks"), token=DATABRICKS_TOKEN) as server:
        yield server


@pytest.fixture
def lake(databricks: DatabricksServer, tmp_path: Path) -> Iterator[Lake]:
    before = dict(os.environ)
    os.environ.update(environ_of(databricks), TMPDIR=str(tmp_path))
    databricks.faults.clear()
    yield Lake(databricks, folder=tmp_path, schema=f"kw_{uuid.uuid4().hex[:8]}")
    databricks.faults.clear()
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def server() -> Iterator[Server]:
    with web_server() as found:
        yield found


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    with postgres() as server:
        yield server


@pytest.fixture
def place(postgres_server: PostgresServer, tmp_path: Path) -> Iterator[Place]:
    before = dict(os.environ)
    os.environ.update({VARIABLE: postgres_server.url, "TMPDIR": str(tmp_path)})
    yield Place(postgres_server, folder=tmp_path)
    os.environ.clear()
    os.environ.update(before)
