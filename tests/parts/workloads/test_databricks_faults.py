"""Every step of a load into Databricks goes wrong: the rows are right afterwards, whatever was lost.

``FRESHET_FULL_MATRIX=1`` (``make matrix``) takes every step with every kind of fault; without it those that differ most
and a few more, which are others for each operation.
"""

import os
import random
import re
import threading
from collections.abc import Callable
from typing import Any

import pytest
from tests.parts.workloads.exports import OPERATIONS, put, rejected, rows_of
from tests.parts.workloads.lake import Lake
from tests.support.secrecy import DATABRICKS_CLIENT_SECRET
from tests.support.waiting import wait_for

from freshet.workloads import databricks_quarantine
from freshet.workloads.databricks_incoming import Incoming
from freshet.workloads.errors import WorkloadError
from freshet.workloads.ledger import LOAD_ID

GONE = {"action": "refuse", "error": "[INSUFFICIENT_PERMISSIONS] gone", "times": None, "after": True}
KINDS: dict[str, list[dict[str, Any]]] = {
    "before": [{"action": "refuse", "error": "[INTERNAL_ERROR] not done"}],
    "dropped": [{"action": "drop"}],
    "conflict": [{"action": "refuse"}],
    "lost": [{"action": "lose"}],
    "late": [{"action": "late"}],
    "cut": [{"action": "lose"}, GONE],
}
"""before: the statement fails and is not done. dropped: the connection breaks, and it is not done. conflict: another
writer was faster, and it is not done. lost: it is done, and its answer is not heard, so that the connector asks again.
late: the same, and the first comes to its end after the load has. cut: it is done, and nothing after it ever is, as
when a pod is killed.
"""
POINTS = {
    "open to look": r"^OPEN SESSION",
    "open to load": r"^OPEN SESSION",
    "open for dlt": r"^OPEN SESSION",
    "make ledger": r"^CREATE TABLE IF NOT EXISTS \S+_freshet_(loads|files)",
    "make incoming": r"^CREATE OR REPLACE TABLE",
    "clear volume": r"^DROP VOLUME",
    "make volume": r"^CREATE VOLUME",
    "dlt's schema": r"^INSERT INTO \S+_dlt_version",
    "staging": r"^PUT",
    "upload": r"^UPLOAD",
    "copy": r"^COPY INTO",
    "dlt's record": r"^INSERT INTO \S+_dlt_loads",
    "drop volume": r"^DROP VOLUME",
    "rename": r"^ALTER TABLE .* RENAME",
    "forget schema": r"^DELETE FROM \S+_dlt_version",
    "note": r"^MERGE INTO \S+_freshet_files",
    "make aside": r"^CREATE TABLE IF NOT EXISTS \S+`raw__rejected`",
    "quarantine": r"^MERGE INTO \S+`raw__rejected`",
    "publish": r"^(INSERT|MERGE) (INTO|OVERWRITE) \S+`raw`",
    "read back": r"^SELECT count\(\*\), coalesce",
    "record": r"^MERGE INTO \S+_freshet_loads",
    "settle": r"^DELETE FROM \S+_freshet_files` WHERE path",
    "drop incoming": r"^DROP TABLE",
}
OF_SOME = {"forget files": (("grow", "replace"), r"^DELETE FROM \S+_freshet_files` WHERE table_name")}
"""Steps that not every operation has."""
SKIPPED = {"open to load": 1, "open for dlt": 2, "drop volume": 1}
WITH_BAD_ROWS = ("make aside", "quarantine")
QUICK = [
    *(("copy", "cut"), ("rename", "lost"), ("quarantine", "cut"), ("record", "lost"), ("record", "cut")),
    *(("publish", "lost"), ("publish", "late"), ("publish", "cut"), ("publish", "conflict")),
]
FURTHER = 1
WHOLE = bool(os.environ.get("FRESHET_FULL_MATRIX"))


def points_of(name: str) -> dict[str, str]:
    return POINTS | {point: pattern for point, (names, pattern) in OF_SOME.items() if name in names}


def cells_of(name: str, kinds: str) -> list[tuple[str, str]]:
    """Each point of an operation with each kind of fault that is to be tried there."""
    every = [(point, kind) for point in points_of(name) for kind in KINDS]
    if WHOLE:
        return [(point, kind) for point, kind in every if kind == kinds]
    return QUICK + random.Random(name).sample([cell for cell in every if cell not in QUICK], FURTHER)


def break_at(lake: Lake, statement: str, kind: str, *, skip: int = 0) -> None:
    first, *more = KINDS[kind]
    lake.faults({**first, "statement": statement, "skip": skip}, *more)


def broken(lake: Lake, spec: dict[str, Any]) -> dict[str, Any] | None:
    """The result of a load under a fault, or None where it failed with a sentence."""
    try:
        return lake.load(**spec)
    except WorkloadError as error:
        print(f"            {error.message}")
        return None


@pytest.mark.parametrize("kinds", KINDS if WHOLE else ["some"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_rows_are_exact_after_any_fault(lake: Lake, name: str, kinds: str) -> None:
    """Nor is a bad row lost or doubled."""
    operation, held, aside = OPERATIONS[name], rows_of(0), ["x,bad0"]
    lake.load(**put(lake, operation, held, 0, bad=True))
    for number, (point, kind) in enumerate(cells_of(name, kinds), start=1):
        bad = kind == "cut" or point in WITH_BAD_ROWS
        spec = put(lake, operation, rows_of(number), number, bad=bad)
        held = operation.after(held, rows_of(number))
        aside += [f"x,bad{number}"] if bad else []
        break_at(lake, points_of(name)[point], kind, skip=SKIPPED.get(point, 0))
        told = broken(lake, spec)
        struck = lake.server.faults.log()
        assert any(entry["outcome"] != "done" or "late" in entry for entry in struck), (point, kind)
        lake.server.faults.go()
        wait_for(lake.done, what="what comes late is done")
        lake.faults()
        again = lake.load(**spec)
        found = lake.rows()
        print(f"databricks  {name:<9}{point:<15}{kind:<10}rows expected {len(held):>3}, found {len(found):>3}")
        assert found == held, (point, kind)
        assert rejected(lake) == aside, (point, kind)
        assert again["rows"] == len(held), (point, kind)
        assert (again["rowsIn"], again["rowsRejected"]) == (2 + bad, bad), (point, kind)
        assert told is None or told["version"] == again["version"], (point, kind)
        assert kind != "cut" or told is None, (point, kind)
    lake.load(**put(lake, operation, rows_of(99), 99))
    assert not {table for table in lake.tables() if "incoming" in table}
    assert lake.server.store.volumes("main", lake.schema) == []


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_exact_after_any_fault_of_the_token(lake: Lake, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.delenv("DATABRICKS_TOKEN")
    for name in ("DATABRICKS_CLIENT_ID", "DATABRICKS_CLIENT_SECRET"):
        monkeypatch.setenv(name, DATABRICKS_CLIENT_SECRET)
    operation = OPERATIONS["append"]
    lake.load(**put(lake, operation, rows_of(0), 0))
    spec = put(lake, operation, rows_of(1), 1)
    break_at(lake, r"^FETCH TOKEN", kind)
    broken(lake, spec)
    assert lake.asked()[0] == "FETCH TOKEN"
    lake.faults()
    assert lake.load(**spec)["rows"] == len(rows_of(0) + rows_of(1))
    assert lake.rows() == sorted(rows_of(0) + rows_of(1))


@pytest.mark.parametrize("name", OPERATIONS)
def test_no_step_is_left_out_of_that(lake: Lake, name: str) -> None:
    """What a load asks for, but for looks, is one of the points; each point is asked for."""
    lake.load(**put(lake, OPERATIONS[name], rows_of(0), 0, bad=True))
    lake.faults()
    lake.load(**put(lake, OPERATIONS[name], rows_of(1), 1, bad=True))
    doing = [text for text in lake.asked() if not text.lstrip().startswith("SELECT")]
    points = {point: pattern for point, pattern in points_of(name).items() if point != "read back"}
    assert [text for text in doing if not any(re.match(pattern, text) for pattern in points.values())] == []
    assert [point for point, pattern in points.items() if not any(re.match(pattern, text) for text in doing)] == []


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_first_load_that_was_cut_off_never_swallows_new_data(lake: Lake, name: str) -> None:
    """Published and not recorded; then the next export is there before anybody looks."""
    operation = OPERATIONS[name]
    spec = put(lake, operation, rows_of(0), 0)
    break_at(lake, r"^CREATE TABLE \S+`raw` AS", "cut")
    assert broken(lake, spec) is None
    lake.faults()
    spec = put(lake, operation, rows_of(1), 1)
    told = lake.load(**spec)
    assert lake.rows() == operation.after(rows_of(0), rows_of(1))
    assert told["changed"]
    assert lake.load(**spec)["version"] == told["version"]


FOLLOWING = {
    "the old content": lambda old, cut: old,
    "the cut content, in another order": lambda old, cut: list(reversed(cut)),
    "another content": lambda old, cut: rows_of(2),
}


@pytest.mark.parametrize("following", FOLLOWING)
@pytest.mark.parametrize("name", ["merge", "replace"])
def test_what_was_published_and_not_recorded_is_seen_whatever_comes_next(lake: Lake, name: str, following: str) -> None:
    operation = OPERATIONS[name]
    first = lake.load(**put(lake, operation, rows_of(0), 0))
    spec = put(lake, operation, rows_of(1), 1)
    break_at(lake, POINTS["publish"], "cut")
    assert broken(lake, spec) is None
    lake.faults()
    held, new = operation.after(rows_of(0), rows_of(1)), FOLLOWING[following](rows_of(0), rows_of(1))
    told = lake.load(**put(lake, operation, new, 2))
    assert lake.rows() == sorted(operation.after(held, new))
    assert told["version"] != first["version"], "the table moved"
    assert (told["rows"], told["previousRows"]) == (len(operation.after(held, new)), first["rows"])
    assert not lake.query(f"SELECT 1 FROM {{raw}} WHERE {LOAD_ID} NOT IN (SELECT load_id FROM {{_freshet_loads}})")
    again = lake.load(**spec)
    assert (again["version"], again["changed"]) == (told["version"], False)
    assert not lake.query("SELECT 1 FROM {_freshet_files}"), "notes do not pile up"


@pytest.mark.parametrize("name", ["append", "replace"])
def test_a_record_that_was_dropped_by_hand_is_begun_anew(lake: Lake, name: str) -> None:
    operation = OPERATIONS[name]
    lake.load(**put(lake, operation, rows_of(0), 0))
    lake.query("DROP TABLE {_freshet_loads}")
    lake.query("DROP TABLE {_freshet_files}")
    told = lake.load(**put(lake, OPERATIONS["replace"], rows_of(1), 1))
    assert (told["rows"], lake.rows()) == (2, rows_of(1))


@pytest.mark.parametrize("name", ["append", "replace"])
def test_bad_rows_of_a_load_that_never_published_go_with_the_next(lake: Lake, name: str) -> None:
    break_at(lake, POINTS["quarantine"], "cut")
    assert broken(lake, put(lake, OPERATIONS[name], rows_of(0), 0, bad=True)) is None
    lake.faults()
    told = lake.load(**put(lake, OPERATIONS[name], rows_of(1), 0, bad=True))
    assert lake.query("SELECT load_id, raw FROM {raw__rejected}") == [(told["version"], "x,bad0")]


def test_bad_rows_that_are_not_there_are_no_success(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databricks_quarantine, "_merge", lambda *_: None)
    with pytest.raises(WorkloadError, match="0 of 1 bad rows arrived") as caught:
        lake.load(**put(lake, OPERATIONS["replace"], rows_of(0), 0, bad=True))
    assert (caught.value.reason, caught.value.exit_code) == ("LoadIncomplete", 4)
    assert "raw" not in lake.tables()


def test_a_load_that_was_cut_off_before_its_data_time_column_came_does_not_stop_the_next(lake: Lake) -> None:
    spec = put(lake, OPERATIONS["append"], rows_of(0), 0)
    break_at(lake, r"^CREATE TABLE \S+`raw` AS", "cut")
    assert broken(lake, spec) is None
    lake.faults()
    lake.write("id,v,at\n9,x,2026-01-02\n", "1.csv")
    assert lake.load(dataTimeColumn="at", **spec)["dataTime"] == "2026-01-02T00:00:00.000000Z"


def test_an_appended_file_that_was_cut_off_may_not_change_either(lake: Lake) -> None:
    spec = put(lake, OPERATIONS["append"], rows_of(0), 0)
    break_at(lake, r"^CREATE TABLE \S+`raw` AS", "cut")
    assert broken(lake, spec) is None
    lake.faults()
    put(lake, OPERATIONS["append"], rows_of(1), 0)
    with pytest.raises(WorkloadError, match="has changed since"):
        lake.load(**spec)
    assert lake.rows() == rows_of(0)


@pytest.mark.parametrize("error", [None, "[FIELD_ALREADY_EXISTS] x", "[FIELDS_ALREADY_EXISTS] x"])
def test_columns_that_are_there_when_they_are_added_again_are_looked_at(lake: Lake, error: str | None) -> None:
    """The answer was lost, and the connector asks again."""
    lake.load(**put(lake, OPERATIONS["merge"], rows_of(0), 0))
    lake.write("id,v,more\n0,v1,1\n")
    added = r"^ALTER TABLE \S+ ADD COLUMNS"
    lake.faults(
        {"action": "refuse", "statement": added, "error": error} if error else {"action": "lose", "statement": added}
    )
    lake.load(write=OPERATIONS["merge"].write)
    assert any(entry["outcome"] != "done" for entry in lake.server.faults.log())
    assert lake.rows("id, v, more") == [(0, "v1", 1), (1, "w0", None)]


def test_readers_see_the_table_before_or_after(lake: Lake) -> None:
    """No statement but one touches the table, and none empties it."""
    spec = put(lake, OPERATIONS["replace"], rows_of(0), 0)
    lake.load(**spec)
    put(lake, OPERATIONS["replace"], rows_of(1), 1)
    lake.faults()
    lake.load(**spec)
    target = f"`main`.`{lake.schema}`.`raw`"
    changing = [text for text in lake.asked() if target in text and not text.lstrip().startswith("SELECT")]
    assert [text[:16] for text in changing] == ["INSERT OVERWRITE"]


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


def test_what_a_killed_load_left_is_dropped_by_the_next_look(lake: Lake) -> None:
    """Also where nothing is new: the load was recorded before it was cut off."""
    spec = put(lake, OPERATIONS["merge"], rows_of(0), 0)
    break_at(lake, POINTS["record"], "cut")
    assert broken(lake, spec) is None
    lake.faults()
    assert any("incoming" in table for table in lake.tables())
    assert not lake.load(**spec)["changed"]
    assert not any("incoming" in table for table in lake.tables())


def test_files_of_a_killed_load_are_dropped_where_its_input_is_taken_back(lake: Lake) -> None:
    """So that no other load comes to tidy up."""
    operation = OPERATIONS["replace"]
    spec = put(lake, operation, rows_of(0), 0)
    lake.load(**spec)
    put(lake, operation, rows_of(1), 1)
    break_at(lake, POINTS["copy"], "cut")
    assert broken(lake, spec) is None
    lake.faults()
    assert lake.server.store.volumes("main", lake.schema)
    put(lake, operation, rows_of(0), 0)
    assert not lake.load(**spec)["changed"]
    assert lake.server.store.volumes("main", lake.schema) == []


@pytest.mark.parametrize("name", ["append", "merge", "replace"])
def test_a_load_that_changes_the_columns_may_be_cut_off_there(lake: Lake, name: str) -> None:
    """Where columns change, ``replace`` makes the table anew, and the others add columns first."""
    operation = OPERATIONS[name]
    spec = put(lake, operation, rows_of(0), 0)
    first = lake.load(**spec)
    lake.write("id,v,more\n7,x,1\n", "1.csv" if name == "append" else "in.csv")
    changing = r"^CREATE OR REPLACE TABLE \S+`raw` AS" if name == "replace" else r"^ALTER TABLE \S+`raw` ADD COLUMNS"
    break_at(lake, changing, "cut")
    assert broken(lake, spec) is None
    assert any(entry["outcome"] == "lose" for entry in lake.server.faults.log())
    lake.faults()
    told = lake.load(**spec)
    held = [] if name == "replace" else [(*row, None) for row in rows_of(0)]
    assert lake.rows("id, v, more") == [*held, (7, "x", 1)]
    assert (told["rows"], told["version"] != first["version"]) == (len(held) + 1, True)
    assert not lake.load(**spec)["changed"]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"action": "status", "status": 403, "statement": "^UPLOAD"}, "StagingFailed"),
        ({"action": "refuse", "statement": r"^MERGE INTO \S+_freshet_files"}, "TableMoving"),
        ({"statement": r"^INSERT INTO \S+`raw`", "error": "[UNRESOLVED_COLUMN.WITH_SUGGESTION] v"}, "TableMoving"),
        ({"statement": "^COPY INTO", "error": "[SCHEMA_NOT_FOUND] s"}, "TableMoving"),
    ],
)
def test_what_never_ends_is_told_as_what_it_is(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, fault: dict[str, Any], reason: str
) -> None:
    """Neither the file nor the credentials are to blame, and it is tried again."""
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    append = OPERATIONS["append"]
    lake.load(**put(lake, append, rows_of(0), 0))
    spec = put(lake, append, rows_of(1), 1)
    lake.faults({"action": "refuse", **fault, "times": None})
    with pytest.raises(WorkloadError) as caught:
        lake.load(**spec)
    assert (caught.value.reason, caught.value.exit_code) == (reason, 4)
    lake.faults()
    assert lake.load(**spec)["rows"] == len(rows_of(0) + rows_of(1))


def test_bad_rows_of_a_load_that_comes_late_are_there(lake: Lake) -> None:
    """Its pod is gone, and an export with other keys has been loaded meanwhile: neither rows nor bad rows are lost."""
    spec: dict[str, Any] = {
        "csv": {"schema": {"id": "BIGINT"}},
        "write": OPERATIONS["merge"].write,
        "onBadRows": "quarantine",
    }
    lake.write("id,v\n1,a\n")
    lake.load(**spec)
    lake.write("id,v\n2,b\nx,bad\n")
    lake.faults({"action": "late", "statement": r"^MERGE INTO \S+`raw`"}, GONE)
    broken(lake, spec)
    lake.server.faults._uses.clear()
    lake.write("id,v\n3,c\n")
    lake.load(**spec)
    lake.server.faults.go()
    wait_for(lake.done, what="what comes late is done")
    lake.faults()
    lake.load(**spec)
    assert lake.rows() == [(1, "a"), (2, "b"), (3, "c")]
    assert rejected(lake) == ["x,bad"]


def test_bad_rows_of_a_load_that_never_comes_go_with_its_note(lake: Lake) -> None:
    spec = put(lake, OPERATIONS["merge"], rows_of(0), 0)
    lake.load(**spec)
    spec = put(lake, OPERATIONS["merge"], rows_of(1), 1, bad=True)
    lake.faults({"action": "drop", "statement": r"^MERGE INTO \S+`raw`"}, GONE)
    broken(lake, spec)
    lake.faults()
    lake.load(**put(lake, OPERATIONS["merge"], rows_of(2), 2))
    assert rejected(lake) == ["x,bad1"]
    lake.query("UPDATE {_freshet_files} SET noted_at = now() - INTERVAL 2 DAYS")
    lake.load(**put(lake, OPERATIONS["merge"], rows_of(3), 3))
    assert rejected(lake) == []
    assert lake.query("SELECT count(*) FROM {_freshet_files}") == [(0,)]
