"""Every step of a load into DuckDB fails, before it was done or after: the rows are right afterwards."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import duckdb
import pytest
from tests.parts.workloads.conftest import World

from freshet.workloads import duckdb_warehouse
from freshet.workloads.errors import WorkloadError

Rows = list[tuple[int, str]]
POINTS = {
    "make incoming": r"^CREATE OR REPLACE TABLE",
    "begin": r"^BEGIN",
    "publish": r"^(INSERT INTO \S+ BY NAME|MERGE INTO|ALTER TABLE .* RENAME)",
    "record": r"^INSERT INTO \S+_freshet_loads",
    "commit": r"^COMMIT",
}
OPERATIONS: dict[str, tuple[dict[str, Any], Callable[[Rows, Rows], Rows]]] = {
    "append": ({"disposition": "append"}, lambda held, new: sorted(held + new)),
    "grow": ({"disposition": "append", "onFileChange": "append"}, lambda held, new: sorted(held + new)),
    "merge": (
        {"disposition": "merge", "primaryKey": ["id"]},
        lambda held, new: sorted((dict(held) | dict(new)).items()),
    ),
    "replace": ({"disposition": "replace"}, lambda held, new: new),
}


@dataclass
class Breaking:
    """A connection one of whose statements fails. ``kind``: before, or lost (it is done all the same)."""

    con: Any
    pattern: str
    kind: str
    struck: list[str] = field(default_factory=list)

    def execute(self, statement: str, *values: Any) -> Any:
        if self.struck or re.search(self.pattern, statement.strip()) is None:
            return self.con.execute(statement, *values)
        self.struck.append(statement)
        if self.kind == "lost":
            self.con.execute(statement, *values)
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


def put(world: World, write: dict[str, Any], rows: Rows, number: int) -> dict[str, Any]:
    """Appending, each export is a file of its own, or goes on in the same; else one follows the other."""
    text = "id,v\n" + "".join(f"{id_},{v}\n" for id_, v in rows)
    if "onFileChange" in write:
        held = world.csv.read_text() if world.csv.exists() else ""
        world.write(held + (text.removeprefix("id,v\n") if held else text))
    elif write["disposition"] == "append":
        world.write(text, f"{number:03}.csv")
        return {"csv": {"path": str(world.folder / "*.csv")}, "write": write}
    else:
        world.write(text)
    return {"write": write}


def rows_of(number: int) -> Rows:
    return [(0, f"v{number}"), (number + 1, f"w{number}")]


@pytest.mark.parametrize("name", OPERATIONS)
def test_rows_are_exact_after_any_fault(world: World, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    write, after = OPERATIONS[name]
    held, number = rows_of(0), 0
    world.load(**put(world, write, held, 0))
    for point, pattern in POINTS.items():
        for kind in ("before", "lost"):
            number += 1
            spec = put(world, write, rows_of(number), number)
            with broken(monkeypatch, pattern, kind) as struck, pytest.raises(WorkloadError):
                world.load(**spec)
            assert struck, point
            committed = (point, kind) == ("commit", "lost")
            assert world.rows("SELECT id, v FROM kw.raw ORDER BY ALL") == (
                after(held, rows_of(number)) if committed else held
            ), (point, kind)
            held = after(held, rows_of(number))
            told = world.load(**spec)
            found = world.rows("SELECT id, v FROM kw.raw ORDER BY ALL")
            print(f"duckdb      {name:<9}{point:<15}{kind:<10}rows expected {len(held):>3}, found {len(found):>3}")
            assert (found, told["rows"], told["changed"]) == (held, len(held), not committed), (point, kind)
