"""No load into Databricks succeeds over rows that are not as many as it had, whichever way they came to be so."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.parts.workloads.exports import OPERATIONS, put, rows_of
from tests.parts.workloads.lake import Lake

from freshet.workloads.databricks_incoming import Incoming
from freshet.workloads.errors import WorkloadError
from freshet.workloads.ledger import LOAD_ID

PUBLISH = r"^(INSERT|MERGE) (INTO|OVERWRITE) \S+`raw`|^CREATE TABLE \S+`raw` AS"
GONE = {"action": "refuse", "error": "[INSUFFICIENT_PERMISSIONS] gone", "times": None, "after": True}
DOUBLED = "INSERT INTO {{raw}} SELECT * FROM {{raw}} WHERE {mark} = '{id}'"


def cut_off(lake: Lake, spec: dict[str, Any]) -> str:
    """Published, and not recorded. Returns the load's id."""
    lake.faults({"action": "lose", "statement": PUBLISH}, GONE)
    with pytest.raises(WorkloadError):
        lake.load(**spec)
    lake.faults()
    known = "(SELECT load_id FROM {_freshet_loads})"
    [(load_id,)] = lake.query(f"SELECT DISTINCT load_id FROM {{_freshet_files}} WHERE load_id NOT IN {known}")
    return str(load_id)


@pytest.mark.parametrize(("name", "first"), [("append", False), ("grow", False), ("replace", True), ("replace", False)])
def test_rows_of_a_load_that_was_cut_off_are_counted_before_it_is_recorded(lake: Lake, name: str, first: bool) -> None:
    operation, held = OPERATIONS[name], []
    if not first:
        held = rows_of(0)
        lake.load(**put(lake, operation, held, 0))
    spec = put(lake, operation, rows_of(1), 1)
    load_id = cut_off(lake, spec)
    lake.query(DOUBLED.format(mark=LOAD_ID, id=load_id))
    told = lake.load(**spec)
    assert lake.rows() == operation.after(held, rows_of(1))
    assert told["rows"] == len(lake.rows())
    assert lake.query("SELECT rows FROM {_freshet_loads} ORDER BY seq DESC LIMIT 1") == [(told["rows"],)]


def test_a_first_load_of_which_there_are_more_rows_is_not_taken_for_whole(lake: Lake) -> None:
    """Nor taken out: where nothing is on record, its rows may have been told of."""
    spec = put(lake, OPERATIONS["append"], rows_of(1), 1)
    lake.query(DOUBLED.format(mark=LOAD_ID, id=cut_off(lake, spec)))
    held = lake.rows()
    with pytest.raises(WorkloadError, match="holds 4 rows of a load that had 2, and no load is on record") as caught:
        lake.load(**spec)
    assert (caught.value.reason, lake.rows()) == ("TableNotOurs", held)
    lake.load(**{**spec, "write": {**spec["write"], "adopt": True}})
    assert lake.rows() == held
    assert not lake.load(**spec)["changed"]


def test_nor_is_it_recorded_where_another_input_follows(lake: Lake) -> None:
    """Its file is not taken: it comes with the next look."""
    append = OPERATIONS["append"]
    lake.load(**put(lake, append, rows_of(0), 0))
    load_id = cut_off(lake, put(lake, append, rows_of(1), 1))
    lake.query(DOUBLED.format(mark=LOAD_ID, id=load_id))
    told = lake.load(**put(lake, append, rows_of(2), 2))
    assert lake.rows() == sorted(rows_of(0) + rows_of(1) + rows_of(2))
    assert (told["rows"], told["rowsLoaded"]) == (6, 4)


@pytest.mark.parametrize(("name", "first"), [("append", True), *((name, False) for name in OPERATIONS)])
def test_rows_that_arrive_after_they_were_counted_are_not_published(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, name: str, first: bool
) -> None:
    """A copy whose answer was lost may be done once more, at any time."""
    operation, held = OPERATIONS[name], []
    if not first:
        held = rows_of(0)
        lake.load(**put(lake, operation, held, 0))
    run, copied = Incoming.bring, []

    def late(self: Incoming, sql: Any, **more: Any) -> int:
        found = run(self, sql, **more)
        if not copied:
            copied.append(self.table[-1])
            lake.query(f"INSERT INTO {{{self.table[-1]}}} SELECT * FROM {{{self.table[-1]}}}")
        return found

    monkeypatch.setattr(Incoming, "bring", late)
    seen: list[Any] = []
    monkeypatch.setattr(lake.server.faults, "run", _looking(lake, seen, lake.server.faults.run))
    told = lake.load(**put(lake, operation, rows_of(1), 1))
    assert copied
    assert lake.rows() == operation.after(held, rows_of(1))
    assert told["rows"] == len(lake.rows())
    allowed = [held, operation.after(held, rows_of(1))]
    assert [rows for rows in seen if rows not in allowed] == [], "nobody reads what is not whole"


def _looking(lake: Lake, seen: list[Any], run: Callable[..., Any]) -> Callable[..., Any]:
    """What a reader of the table sees after each statement."""

    def asked(statement: str, work: Callable[[], Any]) -> Any:
        try:
            return run(statement, work)
        finally:
            if "raw" in lake.tables():
                seen.append(lake.rows())

    return asked


def test_a_table_that_holds_a_key_twice_is_said_with_what_to_do(lake: Lake) -> None:
    lake.load(**put(lake, OPERATIONS["append"], rows_of(0), 0))
    lake.query("INSERT INTO {raw} SELECT * FROM {raw}")
    spec = put(lake, OPERATIONS["merge"], rows_of(1), 1)
    for _ in range(2):
        with pytest.raises(WorkloadError, match=r"more than one row of the same key \(id\).*delete") as caught:
            lake.load(**spec)
        assert lake.rows() == sorted(rows_of(0) + rows_of(0))
        assert lake.query("SELECT count(*) FROM {_freshet_files} WHERE path = ''") == [(0,)]
        assert (caught.value.reason, caught.value.exit_code) == ("DuplicateKeysInTable", 2)
        assert caught.value.refused is not None
        assert caught.value.refused["ofTable"]
    lake.query("CREATE OR REPLACE TABLE {raw} AS SELECT DISTINCT * FROM {raw}")
    assert lake.load(**spec)["rows"] == 3
    assert lake.rows() == OPERATIONS["merge"].after(rows_of(0), rows_of(1))
