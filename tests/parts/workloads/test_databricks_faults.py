"""Every step of a load into Databricks goes wrong: the rows are right afterwards, whatever was lost.

``FRESHET_FULL_MATRIX=1`` (``make matrix``) takes every step with every kind of fault; without it those that differ most
and a few more, which are others for each operation.
"""

import os
import random
import re
from typing import Any

import pytest
from tests.parts.workloads.breaking import KINDS, POINTS, break_at, broken
from tests.parts.workloads.exports import OPERATIONS, put, rejected, rows_of
from tests.parts.workloads.lake import Lake
from tests.support.secrecy import DATABRICKS_CLIENT_SECRET
from tests.support.waiting import wait_for

from freshet.workloads.errors import WorkloadError

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


@pytest.mark.parametrize("name", ["append", "replace"])
def test_a_record_that_was_dropped_by_hand_is_begun_anew_by_adoption(lake: Lake, name: str) -> None:
    """Else the table is nobody's: it might be a copy."""
    operation = OPERATIONS[name]
    lake.load(**put(lake, operation, rows_of(0), 0))
    lake.query("DROP TABLE {_freshet_loads}")
    lake.query("DROP TABLE {_freshet_files}")
    spec = put(lake, OPERATIONS["replace"], rows_of(1), 1)
    with pytest.raises(WorkloadError, match="2 rows of loads that freshet has no record of"):
        lake.load(**spec)
    assert lake.rows() == rows_of(0)
    told = lake.load(**{**spec, "write": {**spec["write"], "adopt": True}})
    assert (told["rows"], lake.rows()) == (2, rows_of(1))


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
