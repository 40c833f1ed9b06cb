"""Two pods load into one table of Databricks at once: what one does is never taken for the other's."""

import re
import threading
from collections.abc import Callable
from typing import Any

import pytest
from tests.parts.workloads.breaking import GONE, POINTS, broken
from tests.parts.workloads.exports import OPERATIONS, put, rows_of
from tests.parts.workloads.lake import Lake

from freshet.workloads.databricks_incoming import Incoming
from freshet.workloads.ledger import LOAD_ID


def test_another_pod_that_loads_the_same_is_fenced_off(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever looks later drops the incoming table of the slower one, which then finds that all is done."""
    lake.load(**put(lake, OPERATIONS["append"], rows_of(0), 0))
    spec = put(lake, OPERATIONS["append"], rows_of(1), 1)
    run, came, done = lake.server.faults.run, threading.Event(), threading.Event()

    def held(statement: str, work: Callable[[], Any]) -> Any:
        if re.match(r"INSERT INTO \S+`raw`", statement) and not came.is_set():
            came.set()
            done.wait(60)
        return run(statement, work)

    monkeypatch.setattr(lake.server.faults, "run", held)
    told: list[dict[str, Any]] = []
    slow = threading.Thread(target=lambda: told.append(lake.load(**spec)))
    slow.start()
    assert came.wait(60)
    told.append(lake.load(**spec))
    done.set()
    slow.join(timeout=60)
    assert lake.rows() == sorted(rows_of(0) + rows_of(1))
    assert told[0]["version"] == told[1]["version"]


def test_rows_that_another_pod_brings_are_never_taken_for_ones_own(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """One stalls between its copy and its rename; meanwhile the other copies as many rows of another content."""
    append = OPERATIONS["append"]
    lake.load(**put(lake, append, rows_of(0), 0))
    spec = put(lake, append, rows_of(1), 1)
    run, copied, go_on = lake.server.faults.run, threading.Semaphore(0), [threading.Event(), threading.Event()]
    waiting = iter(go_on)

    def held(statement: str, work: Callable[[], Any]) -> Any:
        if re.match(POINTS["rename"], statement) and (mine := next(waiting, None)):
            copied.release()
            mine.wait(60)
        return run(statement, work)

    monkeypatch.setattr(lake.server.faults, "run", held)
    pods = [threading.Thread(target=lake.load, kwargs=spec) for _ in go_on]
    pods[0].start()
    assert copied.acquire(timeout=60)
    (lake.folder / "001.csv").unlink()
    put(lake, append, rows_of(2), 2)
    pods[1].start()
    assert copied.acquire(timeout=60)
    for pod, event in zip(pods, go_on, strict=True):
        event.set()
        pod.join(timeout=60)
    assert lake.rows() == sorted(rows_of(0) + rows_of(2))
    assert not any("incoming" in table for table in lake.tables())


def test_rows_of_another_pod_that_arrive_meanwhile_are_not_added_again(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It had begun to publish when its incoming table was dropped, and is done once this load has looked."""
    lake.load(**put(lake, OPERATIONS["append"], rows_of(0), 0))
    spec = put(lake, OPERATIONS["append"], rows_of(1), 1)
    lake.faults({"action": "refuse", "statement": POINTS["publish"], "error": GONE["error"], "times": None})
    assert broken(lake, spec) is None
    lake.faults()
    came = f"(SELECT {LOAD_ID} FROM {{raw}})"
    [(other,)] = lake.query(f"SELECT load_id FROM {{_freshet_files}} WHERE load_id NOT IN {came}")
    bring = Incoming.bring

    def brought(self: Incoming, *args: Any, **more: Any) -> int:
        monkeypatch.undo()
        values = ", ".join(f"({id_}, '{v}', '{other}')" for id_, v in rows_of(1))
        lake.query(f"INSERT INTO {{raw}} (id, v, {LOAD_ID}) VALUES {values}")
        return bring(self, *args, **more)

    monkeypatch.setattr(Incoming, "bring", brought)
    told = lake.load(**put(lake, OPERATIONS["append"], rows_of(2), 2))
    assert lake.rows() == sorted(rows_of(0) + rows_of(1) + rows_of(2))
    assert (told["rows"], told["rowsLoaded"]) == (6, 4), "those of the other pod, too: it has told nobody"
