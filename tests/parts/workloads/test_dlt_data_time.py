"""The data time of a table at dlt's destinations: its column, and the years that it may be of."""

import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from functools import partial

import duckdb
import pytest
from tests.parts.workloads.dlt_place import VARIABLE, Place

from freshet.workloads.dlt_types import moment
from freshet.workloads.errors import ConfigError, WorkloadError


def test_another_data_time_column_is_asked_for_at_once(place: Place) -> None:
    place.write("id,v,at\n1,a,2026-01-01\n")
    first = place.load()
    told = place.load(dataTimeColumn="at")
    assert (told["version"], told["dataTime"]) == (first["version"], "2026-01-01T00:00:00.000000Z")
    with pytest.raises(ConfigError, match="dataTimeColumn nope is not in"):
        place.load(dataTimeColumn="nope")


@pytest.mark.parametrize("destination", ["postgres", "sqlalchemy"])
@pytest.mark.parametrize("disposition", ["append", "replace"])
@pytest.mark.parametrize(("column", "reason"), [("nope", "DataTimeColumnMissing"), ("v", "DataTimeColumnType")])
def test_a_wrong_data_time_column_loads_nothing(
    place: Place, destination: str, disposition: str, column: str, reason: str
) -> None:
    """The rows were published first: with the column mended they came once more."""
    os.environ["DESTINATION__SQLALCHEMY__CREDENTIALS"] = f"sqlite:///{place.folder}/lite.db"
    load = partial(place.load, destination=destination, write={"disposition": disposition})
    place.write("id,v,at\n1,a,2026-01-01 00:00:00\n")
    with pytest.raises(ConfigError) as caught:
        load(dataTimeColumn=column)
    assert caught.value.reason == reason
    with pytest.raises(WorkloadError) as caught_too:
        place.count("raw", destination=destination)
    assert caught_too.value.reason == "RelationMissing"
    assert load(dataTimeColumn="at")["rows"] == 1
    place.write("id,v\n1,a\n")
    if disposition == "replace":
        with pytest.raises(ConfigError) as caught:
            load(dataTimeColumn="at")
        assert caught.value.reason == "DataTimeColumnMissing"
        assert place.count("raw", destination=destination, dataTimeColumn="at")["dataTime"] is not None


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"])
@pytest.mark.parametrize("kind", ["date", "timestamp", "timestamptz"])
def test_a_row_of_a_year_that_python_lacks_does_not_hide_the_newest_of_the_others(
    place: Place, kind: str, zone: str
) -> None:
    """One mistyped row made each load and count fail, for good."""
    place.server.query(f"CREATE SCHEMA {place.schema}; CREATE TABLE {place.schema}.raw (id bigint, at {kind})")
    os.environ[VARIABLE] = f"{place.server.url}?options=-ctimezone%3D{zone}"
    found = []
    for value in ("0044-03-15 BC", "2026-01-02 12:00:00Z", "20262-01-01", "9999-12-31 09:00:00Z"):
        place.server.query(f"INSERT INTO {place.schema}.raw VALUES (1, '{value}')")
        found.append(str(place.count("raw", dataTimeColumn="at")["dataTime"])[:10])
    assert found == ["None", "2026-01-02", "2026-01-02", "9999-12-31"]
    place.write("id,at\n2,2026-01-03\n")
    adopt = {"disposition": "append", "adopt": True}
    told = [place.load(write=adopt, dataTimeColumn="at") for _ in range(2)]
    assert [(one["rows"], one["dataTime"][:10]) for one in told] == [(5, "9999-12-31")] * 2


@pytest.mark.parametrize("kind", ["date", "timestamp", "timestamptz"])
def test_nor_does_a_time_after_all_others(place: Place, kind: str) -> None:
    """PostgreSQL's ``infinity`` was the last moment of the year 9999, and ``-infinity`` the first of the year 1."""
    place.server.query(f"CREATE SCHEMA {place.schema}; CREATE TABLE {place.schema}.raw (id bigint, at {kind})")
    found = []
    for value in ("-infinity", "9999-12-31", "infinity"):
        place.server.query(f"INSERT INTO {place.schema}.raw VALUES (1, '{value}')")
        found.append(str(place.count("raw", dataTimeColumn="at")["dataTime"])[:10])
    assert found == ["None", "9999-12-31", "9999-12-31"]
    place.server.query(f"DELETE FROM {place.schema}.raw WHERE at = '9999-12-31'")
    place.write("id,at\n2,2026-01-03\n")
    told = place.load(write={"disposition": "append", "adopt": True}, dataTimeColumn="at")
    assert (told["rows"], told["dataTime"]) == (3, "2026-01-03T00:00:00.000000Z")


@pytest.mark.parametrize("destination", ["sqlalchemy", "duckdb"])
def test_nor_does_it_where_the_driver_makes_it_a_text(place: Place, destination: str) -> None:
    lite, duck = f"{place.folder}/lite.db", f"{place.folder}/d.duckdb"
    os.environ["DESTINATION__SQLALCHEMY__CREDENTIALS"] = f"sqlite:///{lite}"
    os.environ["DESTINATION__DUCKDB__CREDENTIALS"] = duck
    load = partial(place.load, destination=destination, csv={"path": str(place.folder / "in*.csv")})
    place.write("id,at\n1,2026-01-02\n")
    load()
    insert = """INSERT INTO {}.raw (id, "at") VALUES (2, '20262-01-01'), (3, '0044-03-15 (BC)')"""
    if destination == "duckdb":
        with duckdb.connect(duck) as con:
            con.execute(insert.format(place.schema))
    else:
        with closing(sqlite3.connect(f"{place.folder}/lite__{place.schema}.db")) as file, file:
            file.execute(insert.format("main"))
    counted = place.count("raw", destination=destination, dataTimeColumn="at")
    assert (counted["rows"], counted["dataTime"]) == (3, "2026-01-02T00:00:00.000000Z")
    place.write("id,at\n1,2026-01-03\n", "in-2.csv")
    told = load(dataTimeColumn="at")
    assert (told["rows"], told["dataTime"]) == (4, "2026-01-03T00:00:00.000000Z")


def test_a_time_that_means_never_can_be_read_back_in_every_zone() -> None:
    west = timezone(timedelta(hours=-12))
    for never in (datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(9999, 12, 31, 23, tzinfo=west)):
        assert moment(never, column="at") == datetime(9999, 12, 31, tzinfo=UTC)
