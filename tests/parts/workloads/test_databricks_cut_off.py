"""Loads into Databricks that were cut off: what they have left is taken in, or away, by whoever comes next."""

import pytest
from tests.parts.workloads.breaking import GONE, POINTS, break_at, broken
from tests.parts.workloads.exports import OPERATIONS, put, rows_of
from tests.parts.workloads.lake import Lake
from tests.support.waiting import wait_for

from freshet.workloads.errors import WorkloadError
from freshet.workloads.ledger import LOAD_ID


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
    assert sum(text.startswith("COPY INTO") for text in lake.asked()) == 1, "it is not begun anew"
    assert lake.rows() == sorted(operation.after(held, new))
    assert told["version"] != first["version"], "the table moved"
    assert (told["rows"], told["previousRows"]) == (len(operation.after(held, new)), first["rows"])
    assert not lake.query(f"SELECT 1 FROM {{raw}} WHERE {LOAD_ID} NOT IN (SELECT load_id FROM {{_freshet_loads}})")
    again = lake.load(**spec)
    assert (again["version"], again["changed"]) == (told["version"], False)
    assert not lake.query("SELECT 1 FROM {_freshet_files}"), "notes do not pile up"


@pytest.mark.parametrize("name", ["append", "merge", "replace"])
def test_what_may_still_come_is_looked_for_where_the_input_was_taken_back(lake: Lake, name: str) -> None:
    """A statement goes on when its pod is gone: until it can come no more, nobody is told that all is as it was."""
    operation = OPERATIONS[name]
    lake.load(**put(lake, operation, rows_of(0), 0))
    spec = put(lake, operation, rows_of(1), 1)
    lake.faults({"action": "late", "statement": POINTS["publish"]}, GONE)
    assert broken(lake, spec) is None
    lake.server.faults._uses.clear()
    if name == "append":
        (lake.folder / "001.csv").unlink()
    put(lake, operation, rows_of(0), 0)
    told = lake.load(**spec)
    assert not told["changed"]
    lake.server.faults.go()
    wait_for(lake.done, what="what comes late is done")
    lake.faults()
    held = operation.after(rows_of(0), rows_of(1))
    again = lake.load(last=told, **spec)
    assert lake.rows() == (held if name == "append" else sorted(operation.after(held, rows_of(0))))
    assert again["version"] != told["version"]
    assert lake.load(**spec)["fingerprint"]


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
