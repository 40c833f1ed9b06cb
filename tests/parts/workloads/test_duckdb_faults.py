"""Every step of a load into DuckDB fails: the rows are right afterwards, good and bad ones.

There is no conflict between writers: one process has the file. (``test_processes`` kills real ones.)
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import duckdb
import pytest
from tests.parts.workloads.conftest import World
from tests.parts.workloads.exports import OPERATIONS, put, rows_of

from freshet.workloads import duckdb_warehouse
from freshet.workloads.errors import WorkloadError

KINDS = ("before", "lost", "cut")
"""before: the statement fails and is not done. lost: it is done, and fails all the same. cut: it is done, and nothing
after it ever is.
"""
POINTS = {
    "make schema": r"^CREATE SCHEMA",
    "make ledger": r"^CREATE TABLE IF NOT EXISTS \S+_freshet_loads",
    "make incoming": r"^CREATE OR REPLACE TABLE",
    "begin": r"^BEGIN",
    "publish": r"^(INSERT INTO \S+ BY NAME|MERGE INTO|ALTER TABLE .* RENAME)",
    "record": r"^INSERT INTO \S+_freshet_loads",
    "make aside": r"^CREATE TABLE IF NOT EXISTS \S+raw__rejected",
    "quarantine": r"^INSERT INTO \S+raw__rejected",
    "commit": r"^COMMIT",
}
OF_APPEND = {"forget file": r"^DELETE FROM \S+_freshet_files", "note": r"^INSERT INTO \S+_freshet_files"}
OF_ALL = {
    "append": OF_APPEND,
    "grow": OF_APPEND,
    "replace": {"drop old": r"^DROP TABLE IF EXISTS", "forget files": r"^DELETE FROM \S+_freshet_files"},
    "merge": {"delete": r"^DELETE FROM \S+raw"},
}
QUERY = "SELECT id, v FROM kw.raw ORDER BY ALL"


@dataclass
class Breaking:
    """A connection one of whose statements fails, in the manner of ``kind``."""

    con: Any
    pattern: str
    kind: str
    struck: list[str] = field(default_factory=list)

    def execute(self, statement: str, *values: Any) -> Any:
        return self._do(self.con.execute, statement, values)

    def executemany(self, statement: str, *values: Any) -> Any:
        return self._do(self.con.executemany, statement, values)

    def _do(self, execute: Callable[..., Any], statement: str, values: tuple[Any, ...]) -> Any:
        if self.struck and self.kind == "cut":
            raise duckdb.IOException("nobody is there any more")
        if self.struck or re.search(self.pattern, statement.strip()) is None:
            return execute(statement, *values)
        self.struck.append(statement)
        if self.kind != "before":
            execute(statement, *values)
        raise duckdb.IOException("the disk went away")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.con, name)


@contextmanager
def broken(monkeypatch: pytest.MonkeyPatch, pattern: str, kind: str) -> Iterator[list[str]]:
    connect, destination = duckdb_warehouse.connect, duckdb_warehouse.duckdb_destination
    struck: list[str] = []

    @contextmanager
    def breaking(where: Any, **more: Any) -> Iterator[Any]:
        with connect(where, **more) as con:
            yield con if more["read_only"] else Breaking(con, pattern, kind, struck)

    with monkeypatch.context() as patch:
        patch.setattr(duckdb_warehouse, "connect", breaking)
        patch.setattr(duckdb_warehouse, "duckdb_destination", lambda one: destination(one.con))
        yield struck


def rejected(world: World) -> list[str]:
    return [raw for (raw,) in world.rows("SELECT raw FROM kw.raw__rejected ORDER BY length(raw), raw")]


@pytest.mark.parametrize("name", OPERATIONS)
def test_rows_are_exact_after_any_fault(world: World, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    operation, held, aside, number = OPERATIONS[name], rows_of(0), ["x,bad0"], 0
    world.load(**put(world, operation, held, 0, bad=True))
    for point, pattern in (POINTS | OF_ALL[name]).items():
        for kind in KINDS:
            number += 1
            spec = put(world, operation, rows_of(number), number, bad=True)
            with broken(monkeypatch, pattern, kind) as struck, pytest.raises(WorkloadError):
                world.load(**spec)
            assert struck, point
            committed = point == "commit" and kind != "before"
            after = operation.after(held, rows_of(number))
            assert world.rows(QUERY) == (after if committed else held), (point, kind)
            held = after
            aside.append(f"x,bad{number}")
            told = world.load(**spec)
            found = world.rows(QUERY)
            print(f"duckdb      {name:<9}{point:<15}{kind:<10}rows expected {len(held):>3}, found {len(found):>3}")
            assert (found, told["rows"], told["changed"]) == (held, len(held), not committed), (point, kind)
            assert rejected(world) == aside, (point, kind)
