"""The data time of a table in Databricks: its column, the years that it may be of, and when it is asked for."""

from typing import Any

import pytest
from tests.parts.workloads.lake import Lake, count

from freshet.workloads.errors import WorkloadError


@pytest.mark.parametrize(("column", "reason"), [("nope", "DataTimeColumnMissing"), ("id", "DataTimeColumnType")])
@pytest.mark.parametrize("disposition", ["append", "replace"])
def test_a_data_time_column_that_is_none_is_said_before_anything_is_published(
    lake: Lake, disposition: str, column: str, reason: str
) -> None:
    lake.write("id,at\n1,2026-01-01\n", "1.csv")
    spec: dict[str, Any] = {"csv": {"path": str(lake.folder / "*.csv")}, "write": {"disposition": disposition}}
    lake.load(dataTimeColumn="at", **spec)
    lake.write("id,more,at\n2,x,2026-01-02\n", "2.csv")
    with pytest.raises(WorkloadError) as caught:
        lake.load(dataTimeColumn=column, **spec)
    assert (caught.value.reason, lake.rows("id")) == (reason, [(1,)])


def test_a_data_time_column_may_come_with_the_load_or_stay_in_the_table(lake: Lake) -> None:
    spec: dict[str, Any] = {"csv": {"path": str(lake.folder / "*.csv")}, "write": {"disposition": "append"}}
    lake.write("id\n1\n", "1.csv")
    lake.load(**spec)
    lake.write("id,at\n2,2026-01-02\n", "2.csv")
    told = lake.load(dataTimeColumn="at", **spec)
    lake.write("id\n3\n", "3.csv")
    again = lake.load(dataTimeColumn="at", **spec)
    assert told["dataTime"] == again["dataTime"] == "2026-01-02T00:00:00.000000Z"


def test_another_data_time_column_is_asked_for_at_once(lake: Lake) -> None:
    """Also where ``append`` has nothing new to load; and once."""
    lake.write("id,a,b\n1,2026-01-01,2026-01-05\n")
    write = {"disposition": "append"}
    first = lake.load(write=write)
    for column, day in (("a", 1), ("b", 5)):
        told = lake.load(write=write, dataTimeColumn=column)
        assert (told["changed"], told["version"], told["rows"]) == (False, first["version"], 1)
        assert told["dataTime"] == f"2026-01-0{day}T00:00:00.000000Z"
        lake.faults()
        again = lake.load(write=write, dataTimeColumn=column, last=told)
        assert (again["dataTime"], lake.asked()) == (told["dataTime"], [])


@pytest.mark.parametrize("kind", ["DATE", "TIMESTAMP", "TIMESTAMPTZ"])
@pytest.mark.parametrize("odd", ["20262-01-01", "0001-01-01 (BC)"])
def test_a_time_of_a_year_that_python_lacks_stops_no_load_and_no_count(lake: Lake, kind: str, odd: str) -> None:
    spec: dict[str, Any] = {"csv": {"schema": {"at": kind}}, "write": {"disposition": "merge", "primaryKey": ["id"]}}
    lake.write("id,at\n1,2026-01-01 00:00:00Z\n2,2026-01-02 00:00:00Z\n")
    lake.load(**spec)
    lake.query(f"UPDATE {{raw}} SET \"at\" = '{odd}' WHERE id = 1")
    lake.write("id,at\n3,2026-01-03 00:00:00Z\n")
    told = lake.load(dataTimeColumn="at", **spec)
    found = count(lake, f"{lake.schema}.raw", dataTimeColumn="at")
    assert (found["rows"], found["dataTime"], told["dataTime"]) == (3, *["2026-01-03T00:00:00.000000Z"] * 2)


@pytest.mark.parametrize("disposition", ["append", "replace"])
def test_a_never_stops_nothing_where_sessions_are_in_a_zone_that_leads_it_beyond_the_calendar(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, disposition: str
) -> None:
    """As an admin may have set it for the warehouse: loads set UTC, and a count passes that row over."""
    monkeypatch.setattr(lake.server.store, "zone", "Asia/Tokyo")
    spec: dict[str, Any] = {"csv": {"schema": {"at": "TIMESTAMPTZ"}}, "write": {"disposition": disposition}}
    lake.write("id,at\n1,2026-01-01 00:00:00Z\n2,9999-12-31 23:59:59Z\n")
    told = lake.load(dataTimeColumn="at", **spec)
    assert (told["rows"], told["dataTime"]) == (2, "9999-12-31T23:59:59.000000Z")
    assert lake.load(dataTimeColumn="at", **spec)["version"] == told["version"]
    found = count(lake, f"{lake.schema}.raw", dataTimeColumn="at")
    assert (found["rows"], found["dataTime"]) == (2, "2026-01-01T00:00:00.000000Z")


def test_a_mistyped_year_is_a_bad_row_that_the_mended_file_cures(lake: Lake) -> None:
    spec: dict[str, Any] = {"dataTimeColumn": "t", "write": {"disposition": "merge", "primaryKey": ["id"]}}
    lake.write("id,t\n1,2024-01-01 00:00:00\n")
    lake.load(**spec)
    lake.write("id,t\n1,2024-01-01 00:00:00\n2,20262-01-01 00:00:00\n")
    with pytest.raises(WorkloadError) as caught:
        lake.load(**spec)
    assert (caught.value.reason, lake.rows("id")) == ("BadRows", [(1,)])
    lake.write("id,t\n1,2024-01-01 00:00:00\n2,2026-01-01 00:00:00\n")
    assert lake.load(**spec)["dataTime"] == "2026-01-01T00:00:00.000000Z"


def test_the_data_time_and_the_checks_come_from_the_table(lake: Lake) -> None:
    lake.write("id,at\n1,2026-01-02T03:04:05Z\n2,2026-01-01T00:00:00Z\n")
    told = lake.load(dataTimeColumn="at", checks={"rows": {"minimum": 3}})
    assert (told["dataTime"], told["checks"][0]["passed"]) == ("2026-01-02T03:04:05.000000Z", False)
    found = count(lake, f"{lake.schema}.raw", dataTimeColumn="at", checks={"rows": {"maximum": 2}}, timeout=60)
    assert (found["rows"], found["dataTime"], found["checks"][0]["passed"]) == (2, told["dataTime"], True)


@pytest.mark.parametrize("name", ["Event Time", "eventTime", "event_time"])
def test_a_count_finds_the_column_as_a_load_does(lake: Lake, name: str) -> None:
    lake.write("id,Event Time\n1,2026-01-02\n")
    told = lake.load(dataTimeColumn=name)
    lake.query("CREATE VIEW {seen} AS SELECT * FROM {raw}")
    for relation in ("raw", "seen"):
        found = count(lake, f"{lake.schema}.{relation}", dataTimeColumn=name)
        assert (found["rows"], found["dataTime"]) == (1, told["dataTime"])
    assert told["dataTime"] == "2026-01-02T00:00:00.000000Z"


def test_a_count_names_the_columns_where_none_is_meant(lake: Lake) -> None:
    lake.write("id,at\n1,2026-01-02\n")
    lake.load()
    with pytest.raises(WorkloadError, match=r"dataTimeColumn nope is not in \S+\.raw, which has id, at") as caught:
        count(lake, f"{lake.schema}.raw", dataTimeColumn="nope")
    assert caught.value.reason == "DataTimeColumnMissing"


@pytest.mark.parametrize(("kind", "is_time"), [("VARCHAR", False), ("BIGINT", False), ("DATE", True)])
def test_a_column_that_holds_nothing_yet_is_known_by_its_type(lake: Lake, kind: str, is_time: bool) -> None:
    lake.write("id,at\n1,\n")
    lake.load(csv={"schema": {"at": kind}})
    if is_time:
        assert count(lake, f"{lake.schema}.raw", dataTimeColumn="at")["dataTime"] is None
        return
    with pytest.raises(WorkloadError, match="At holds no times") as caught:
        count(lake, f"{lake.schema}.raw", dataTimeColumn="At")
    assert caught.value.reason == "DataTimeColumnType"
