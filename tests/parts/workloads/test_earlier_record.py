"""A warehouse whose record of loads an earlier freshet made, with fewer columns: loads go on as if it had them."""

import re
import threading
from collections.abc import Callable
from typing import Any

import pytest
from tests.parts.workloads.conftest import World
from tests.parts.workloads.exports import OPERATIONS, put, rows_of
from tests.parts.workloads.lake import Lake
from tests.parts.workloads.test_taken_up import PUBLISH, bad, cut_off, found

LATER = {
    "_freshet_loads": ("samples", "files_taken"),
    "_freshet_files": ("noted_at", "load_rows", "asset", "rows_in", "rows_rejected", "samples"),
}
"""Columns that came after the first release of the record, by its tables."""
OF_CONTENT = ("content_bytes", "content_sha256")


def take_back(place: World | Lake, table: str, *columns: str) -> None:
    name = f"{{{table}}}" if isinstance(place, Lake) else f"kw.{table}"
    for column in columns:
        (place.query if isinstance(place, Lake) else place.do)(f"ALTER TABLE {name} DROP COLUMN {column}")


def made_earlier(place: World | Lake) -> None:
    if isinstance(place, Lake):
        for table, columns in LATER.items():
            take_back(place, table, *columns)
    else:
        take_back(place, "_freshet_loads", "samples", "rows_in", "files_taken")
    take_back(place, "_freshet_files", *OF_CONTENT)


def held(place: World | Lake) -> list[tuple[Any, ...]]:
    return place.rows() if isinstance(place, Lake) else place.rows("SELECT id, v FROM kw.raw ORDER BY ALL")


@pytest.fixture(params=["world", "lake"])
def place(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("name", ["append", "merge", "replace"])
def test_loads_and_looks_go_on(place: World | Lake, name: str) -> None:
    operation = OPERATIONS[name]
    first = place.load(**put(place, operation, rows_of(0), 0))
    made_earlier(place)
    look = place.load(**put(place, operation, rows_of(0), 0))
    assert (look["version"], look["changed"]) == (first["version"], False)
    spec = put(place, operation, rows_of(1), 1, bad=True)
    told = place.load(**spec)
    assert (told["rows"], told["rowsRejected"], told["previousRows"]) == (len(held(place)), 1, 2)
    assert held(place) == operation.after(rows_of(0), rows_of(1))
    assert found(place.load(**spec)) == (3, 1, bad(4)), "the record keeps all of it by now"


@pytest.mark.parametrize("name", ["append", "merge", "replace"])
def test_a_load_that_an_earlier_freshet_was_cut_off_in_is_taken_up(lake: Lake, name: str) -> None:
    operation = OPERATIONS[name]
    first = lake.load(**put(lake, operation, rows_of(0), 0))
    spec = put(lake, operation, rows_of(1), 1)
    cut_off(lake, PUBLISH, spec)
    made_earlier(lake)
    told = lake.load(**spec)
    assert (lake.rows(), told["version"] != first["version"]) == (operation.after(rows_of(0), rows_of(1)), True)
    assert lake.load(**spec)["version"] == told["version"]


def test_two_pods_may_mend_it_at_once(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both have seen that columns are lacking before either adds them."""
    lake.load(**put(lake, OPERATIONS["append"], rows_of(0), 0))
    made_earlier(lake)
    spec = put(lake, OPERATIONS["append"], rows_of(1), 1)
    run, both, first = lake.server.faults.run, threading.Barrier(2), iter((1, 2))

    def together(statement: str, work: Callable[[], Any]) -> Any:
        answer = run(statement, work)
        if statement.startswith("SELECT table_name, column_name") and next(first, None):
            both.wait(60)
        return answer

    monkeypatch.setattr(lake.server.faults, "run", together)
    told: list[dict[str, Any]] = []
    failed: list[Exception] = []

    def load() -> None:
        try:
            told.append(lake.load(**spec))
        except Exception as error:
            failed.append(error)

    pods = [threading.Thread(target=load) for _ in range(2)]
    for pod in pods:
        pod.start()
    for pod in pods:
        pod.join(120)
    told.append(lake.load(**spec))
    assert {one["rows"] for one in told} == {4}
    assert [error for error in failed if getattr(error, "reason", "") != "InputChanging"] == [], "it may be in the way"
    assert lake.rows() == sorted(rows_of(0) + rows_of(1))


def test_what_is_whole_is_only_looked_at(lake: Lake) -> None:
    lake.load(**put(lake, OPERATIONS["append"], rows_of(0), 0))
    lake.faults()
    lake.load(**put(lake, OPERATIONS["append"], rows_of(1), 1))
    assert not [text for text in lake.asked() if re.match(r"(ALTER TABLE|UPDATE) \S+_freshet_(loads|files)", text)]
