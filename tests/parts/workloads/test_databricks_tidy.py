"""Nothing piles up in Databricks: neither files and tables nor what is noted of loads."""

from typing import Any

import pytest
from tests.parts.workloads.exports import OPERATIONS, put, rejected, rows_of
from tests.parts.workloads.lake import Lake

from freshet.workloads.errors import WorkloadError

PUBLISH = r"^(INSERT|MERGE) (INTO|OVERWRITE) \S+`raw`"
DENIED = {"action": "refuse", "error": "[INSUFFICIENT_PERMISSIONS] gone", "times": None}


def never_published(lake: Lake, name: str, number: int) -> None:
    lake.faults({**DENIED, "statement": PUBLISH})
    with pytest.raises(WorkloadError, match="do not allow"):
        lake.load(**put(lake, OPERATIONS[name], rows_of(number), number, bad=True))
    lake.faults()


def noted(lake: Lake) -> set[str]:
    """Loads that are noted and not recorded."""
    text = "SELECT DISTINCT load_id FROM {_freshet_files} WHERE load_id NOT IN (SELECT load_id FROM {_freshet_loads})"
    return {load_id for (load_id,) in lake.query(text)}


def older(lake: Lake, days: int) -> None:
    lake.query(f"UPDATE {{_freshet_files}} SET noted_at = noted_at - INTERVAL {days} DAY")


@pytest.mark.parametrize("name", OPERATIONS)
def test_what_was_noted_of_loads_that_never_published_goes_after_a_day(lake: Lake, name: str) -> None:
    operation = OPERATIONS[name]
    lake.load(**put(lake, operation, rows_of(0), 0))
    never_published(lake, name, 1)
    old = noted(lake)
    assert len(old) == 1
    older(lake, 2)
    never_published(lake, name, 2)
    young = noted(lake) - old
    assert len(young) == 1
    lake.load(**put(lake, operation, rows_of(3), 3))
    assert noted(lake) == young, "it may still come"
    older(lake, 2)
    lake.load(**put(lake, operation, rows_of(4), 4))
    assert noted(lake) == set()
    assert len(rejected(lake)) == len(set(rejected(lake))), "nor do their bad rows stay"


def test_a_load_that_is_tried_again_is_noted_anew(lake: Lake) -> None:
    """Its rows may come from now on."""
    lake.load(**put(lake, OPERATIONS["append"], rows_of(0), 0))
    for _ in range(2):
        never_published(lake, "append", 1)
        [(recent,)] = lake.query("SELECT max(noted_at) > now() - INTERVAL 1 HOUR FROM {_freshet_files}")
        assert recent
        older(lake, 2)


def test_rows_that_came_late_keep_their_note(lake: Lake) -> None:
    """It is how they are found."""
    replace = OPERATIONS["replace"]
    lake.load(**put(lake, replace, rows_of(0), 0))
    never_published(lake, "replace", 1)
    [other] = noted(lake)
    older(lake, 2)
    read_back, run = r"SELECT count(*), coalesce", lake.server.faults.run

    def late(statement: str, work: Any) -> Any:
        found = run(statement, work)
        if statement.startswith(read_back):
            lake.query(f"UPDATE {{raw}} SET _freshet_load_id = '{other}'")
        return found

    lake.server.faults.run = late  # type: ignore[method-assign]
    try:
        lake.load(**put(lake, replace, rows_of(2), 2))
    finally:
        lake.server.faults.run = run  # type: ignore[method-assign]
    assert noted(lake) == {other}


def test_dlts_schema_versions_do_not_pile_up_and_those_of_others_stay(lake: Lake) -> None:
    lake.load(**put(lake, OPERATIONS["append"], rows_of(0), 0))
    lake.query("INSERT INTO {_dlt_version} SELECT 1, 1, now(), 'anothers', 'hash', '{{}}'")
    for number in range(1, 4):
        lake.load(**put(lake, OPERATIONS["append"], rows_of(number), number, bad=True))
    assert lake.query("SELECT schema_name FROM {_dlt_version}") == [("anothers",)]
