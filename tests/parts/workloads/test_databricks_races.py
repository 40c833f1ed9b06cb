"""Two pods load into one table at once, each with another input, and stand in each other's way at the worst moments."""

import re
import threading
from collections.abc import Callable
from typing import Any

import pytest
from tests.parts.workloads.exports import OPERATIONS, put, rows_of
from tests.parts.workloads.lake import Lake

LIMIT_SECONDS = 60


class Gates:
    """The first statement of each kind waits until it is let through."""

    def __init__(self, lake: Lake, monkeypatch: pytest.MonkeyPatch, kinds: dict[str, str]) -> None:
        self._run = lake.server.faults.run
        self._waiting = dict(kinds)
        self._came = {name: threading.Event() for name in kinds}
        self._open = {name: threading.Event() for name in kinds}
        monkeypatch.setattr(lake.server.faults, "run", self._held)

    def _held(self, statement: str, work: Callable[[], Any]) -> Any:
        for name, pattern in list(self._waiting.items()):
            if re.match(pattern, statement) and self._waiting.pop(name, None):
                self._came[name].set()
                self._open[name].wait(LIMIT_SECONDS)
        return self._run(statement, work)

    def reached(self, name: str) -> None:
        assert self._came[name].wait(LIMIT_SECONDS), name

    def let(self, name: str) -> None:
        self._open[name].set()


def test_a_table_that_is_renamed_while_it_is_about_to_be_dropped_doubles_nothing(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The later pod drops the earlier one's incoming table under the name that it had a moment ago: in vain."""
    append = OPERATIONS["append"]
    lake.load(**put(lake, append, rows_of(0), 0))
    spec = put(lake, append, rows_of(1), 1)
    kinds = {
        "rename": r"ALTER TABLE .* RENAME",
        "drop": r"DROP TABLE IF EXISTS \S+_arriving",
        "note": r"MERGE INTO \S+_freshet_files",
        "publish": r"INSERT INTO \S+`raw`",
    }
    gates = Gates(lake, monkeypatch, kinds)
    pods = [threading.Thread(target=lake.load, kwargs=spec) for _ in range(2)]
    pods[0].start()
    gates.reached("rename")
    put(lake, append, rows_of(2), 2)
    pods[1].start()
    gates.reached("drop")
    gates.let("rename")
    gates.reached("note")
    gates.let("drop")
    gates.reached("publish")
    gates.let("note")
    pods[0].join(LIMIT_SECONDS)
    gates.let("publish")
    pods[1].join(LIMIT_SECONDS)
    assert lake.rows() == sorted(rows_of(0) + rows_of(1) + rows_of(2))


class Older:
    """A pod that has read its input, whereupon a newer one follows: the first statement like ``stops`` waits."""

    def __init__(self, lake: Lake, monkeypatch: pytest.MonkeyPatch, name: str, stops: str) -> None:
        self._lake, self._operation = lake, OPERATIONS[name]
        lake.load(**put(lake, self._operation, rows_of(0), 0))
        spec = put(lake, self._operation, rows_of(1), 1)
        self.gates = Gates(lake, monkeypatch, {"older": stops})
        self._pod = threading.Thread(target=lake.load, kwargs=spec)
        self._pod.start()
        self.gates.reached("older")
        self.newer = put(lake, self._operation, rows_of(2), 2)

    def goes_on(self) -> None:
        self.gates.let("older")
        self._pod.join(LIMIT_SECONDS)
        assert not self._pod.is_alive()

    @property
    def expected(self) -> list[Any]:
        return self._operation.after(rows_of(0), rows_of(2))


LOOKED = r"CREATE OR REPLACE TABLE \S+_arriving"
PUBLISH = r"(INSERT|MERGE) (INTO|OVERWRITE) \S+`raw`"


@pytest.mark.parametrize("stops", [LOOKED, r"MERGE INTO \S+_freshet_files", PUBLISH])
@pytest.mark.parametrize("name", ["merge", "replace"])
def test_an_older_input_never_comes_over_a_newer_one(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, name: str, stops: str
) -> None:
    """Its pod stalls, and nobody looks again: who loaded the newer one has reported it."""
    older = Older(lake, monkeypatch, name, stops)
    told = lake.load(**older.newer)
    older.goes_on()
    assert lake.rows() == older.expected
    assert lake.load(last=told, **older.newer)["rows"] == len(older.expected)
    assert not lake.load(**older.newer)["changed"]


@pytest.mark.parametrize("name", ["merge", "replace"])
def test_nor_over_one_that_was_publishing_when_it_looked(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Its incoming table was dropped when the statement had begun: it is done before the older pod publishes."""
    older, note = Older(lake, monkeypatch, name, LOOKED), r"MERGE INTO \S+_freshet_files"
    run, begun, done = lake.server.faults.run, threading.Event(), threading.Event()

    def held(statement: str, work: Callable[[Callable[[], None]], Any]) -> Any:
        if re.match(PUBLISH, statement) and not begun.is_set():
            return run(statement, lambda go_on: work(lambda: (go_on(), begun.set(), done.wait(LIMIT_SECONDS))[0]))
        if re.match(note, statement) and begun.is_set() and not done.is_set():
            done.set()
            newer.join(LIMIT_SECONDS)
        return run(statement, work)

    monkeypatch.setattr(lake.server.faults, "run", held)
    newer = threading.Thread(target=lake.load, kwargs=older.newer)
    newer.start()
    assert begun.wait(LIMIT_SECONDS)
    older.goes_on()
    assert done.is_set()
    newer.join(LIMIT_SECONDS)
    assert lake.rows() == older.expected
    assert not lake.load(**older.newer)["changed"]


def test_ledgers_that_many_sources_write_at_once_do_not_make_a_load_begin_again(lake: Lake) -> None:
    """Without row-level concurrency each such statement may be in conflict with another table's."""
    append = OPERATIONS["append"]
    lake.load(**put(lake, append, rows_of(0), 0))
    spec = put(lake, append, rows_of(1), 1)
    writes = (r"^MERGE INTO \S+_freshet_files", r"^MERGE INTO \S+_freshet_loads", r"^DELETE FROM \S+_freshet_files")
    lake.faults(*({"action": "refuse", "statement": statement, "times": 3} for statement in writes))
    assert lake.load(**spec)["rows"] == len(rows_of(0) + rows_of(1))
    assert sum(text.startswith("COPY INTO") for text in lake.asked()) == 1


@pytest.mark.parametrize("name", ["append", "merge"])
def test_sources_of_one_schema_load_at_once(lake: Lake, name: str) -> None:
    """They share the record of loads: none is told that its input changed, none brings its rows twice."""
    told: dict[str, list[int]] = {}
    lakes = [Lake(lake.server, folder=lake.folder / str(number), schema=lake.schema) for number in range(4)]

    def work(at: int, number: int) -> None:
        spec = put(lakes[at], OPERATIONS[name], rows_of(number), number)
        told.setdefault(f"t{at}", []).append(lakes[at].load(table=f"t{at}", asset=f"t{at}", **spec)["rows"])

    for each in lakes:
        each.folder.mkdir()
    lake.faults()
    for number in range(2):
        pods = [threading.Thread(target=work, args=(at, number)) for at in range(len(lakes))]
        for pod in pods:
            pod.start()
        for pod in pods:
            pod.join(LIMIT_SECONDS)
    rows = [len(rows_of(0)), len(OPERATIONS[name].after(rows_of(0), rows_of(1)))]
    assert told == {f"t{at}": rows for at in range(4)}
    assert sum(text.startswith("COPY") for text in lake.asked()) == 2 * len(lakes)
