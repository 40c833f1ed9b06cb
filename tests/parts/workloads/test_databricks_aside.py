"""Bad rows of a load into Databricks stand aside if, and only if, its rows are there."""

from typing import Any

import msgspec
import pytest
from tests.parts.workloads.breaking import GONE, POINTS, break_at, broken
from tests.parts.workloads.exports import OPERATIONS, put, rejected, rows_of
from tests.parts.workloads.lake import Lake
from tests.support.waiting import wait_for

from freshet.workloads import databricks_ledger, databricks_quarantine
from freshet.workloads.errors import WorkloadError
from freshet.workloads.opening import open_warehouse
from freshet.workloads.spec import IngestSpec


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


def test_bad_rows_of_an_append_that_comes_late_are_there(lake: Lake) -> None:
    """Its pod is gone, and so is its file before anybody looks again: no other load takes it."""
    append = OPERATIONS["append"]
    lake.load(**put(lake, append, rows_of(0), 0))
    spec = put(lake, append, rows_of(1), 1, bad=True)
    lake.faults({"action": "late", "statement": r"^INSERT INTO \S+`raw`"}, GONE)
    assert broken(lake, spec) is None
    lake.server.faults._uses.clear()
    (lake.folder / "001.csv").unlink()
    lake.load(**spec)
    lake.server.faults.go()
    wait_for(lake.done, what="what comes late is done")
    lake.faults()
    lake.load(**spec)
    assert lake.rows() == sorted(rows_of(0) + rows_of(1))
    assert rejected(lake) == ["x,bad1"]


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


@pytest.mark.parametrize("name", ["append", "replace"])
def test_bad_rows_stay_whoever_looks_before_their_load_is_recorded(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Another pod tidies up just then, which knows of the load only that it was noted."""
    lake.load(**put(lake, OPERATIONS[name], rows_of(0), 0))
    spec = put(lake, OPERATIONS[name], rows_of(1), 1, bad=True)
    record, other = databricks_ledger.record, open_warehouse(msgspec.convert(lake.spec(**spec), IngestSpec))

    def recorded(*args: Any, **more: Any) -> None:
        other.tidy()
        record(*args, **more)

    monkeypatch.setattr(databricks_ledger, "record", recorded)
    lake.load(**spec)
    assert rejected(lake) == ["x,bad1"]
