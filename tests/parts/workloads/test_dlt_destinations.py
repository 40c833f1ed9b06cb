"""Other destinations of dlt's, on Debian's PostgreSQL and SQLite: what loads leave there."""

import os
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from tests.parts.workloads.dlt_place import Place
from tests.parts.workloads.writes import MERGE

from freshet.workloads.columns import Column
from freshet.workloads.dlt_types import expect_known, stored
from freshet.workloads.errors import ConfigError, DataRefused, InputError


def test_append_takes_a_file_once(place: Place) -> None:
    place.write("id,v\n1,a\n2,b\n")
    first = place.load()
    assert (first["changed"], first["rows"], first["rowsLoaded"]) == (True, 2, 2)
    assert first["relation"] == f"{place.schema}.raw"
    again = place.load()
    assert (again["changed"], again["version"], again["rows"]) == (False, first["version"], 2)
    place.write("id,v\n3,c\n", "in-2.csv")
    more = place.load(csv={"path": str(place.folder / "in*.csv")})
    assert (more["rows"], more["rowsLoaded"], more["previousRows"]) == (3, 1, 2)
    assert more["version"] != first["version"]
    assert place.rows() == [(1, "a"), (2, "b"), (3, "c")]
    place.write("id,v\n1,other\n")
    with pytest.raises(InputError) as caught:
        place.load(csv={"path": str(place.folder / "in*.csv")})
    assert caught.value.reason == "FileChanged"


def test_a_file_that_grows_is_loaded_from_where_it_was(place: Place) -> None:
    grow = {"disposition": "append", "onFileChange": "append"}
    place.write("id,v\n1,a\n")
    place.load(write=grow)
    place.write("id,v\n1,a\n2,b\n")
    second = place.load(write=grow)
    assert (second["rowsLoaded"], place.rows()) == (1, [(1, "a"), (2, "b")])
    place.write("id,v\n1,a\n2,b\n\n")
    third = place.load(write=grow)
    assert (third["changed"], third["version"], third["rows"]) == (False, second["version"], 2)
    place.write("id,v\n1,a\n2,c\n")
    with pytest.raises(InputError) as caught:
        place.load(write=grow)
    assert caught.value.reason == "FileChanged"


def test_merge_updates_adds_and_leaves_the_rest(place: Place) -> None:
    place.write("id,v,w\n1,a,x\n2,b,y\n")
    place.load(write=MERGE)
    place.write("id,v,n\n2,B,7\n3,c,8\n")
    found = place.load(write=MERGE, checks={"rows": {"minimum": 3, "maximumDropPercent": 10}})
    assert (found["rows"], found["rowsLoaded"], found["previousRows"]) == (3, 2, 2)
    assert [check["passed"] for check in found["checks"]] == [True, True]
    assert place.rows("id, v, w, n") == [(1, "a", "x", None), (2, "B", "y", 7), (3, "c", None, 8)]


def test_replace_leaves_what_is_in_the_file_and_views_stay(place: Place) -> None:
    replace_ = {"disposition": "replace"}
    place.write("id,v\n1,a\n2,b\n")
    place.load(write=replace_)
    place.server.query(f"CREATE VIEW {place.schema}.top AS SELECT max(id) AS id FROM {place.schema}.raw")
    place.write("id,v\n9,z\n")
    assert place.load(write=replace_)["rows"] == 1
    assert place.rows() == [(9, "z")]
    assert place.rows("id", "top") == [(9,)]


@pytest.mark.parametrize("nulls", [[""], ["NULL"]])
def test_values_arrive_as_they_were(place: Place, nulls: list[str]) -> None:
    """Once by CSV and COPY, once by statements: there an empty text is a text."""
    kinds = {"id": "INTEGER", "n": "DECIMAL(18,2)", "t": "TIMESTAMP", "z": "TIMESTAMPTZ", "u": "UUID", "x": "DOUBLE"}
    one = '1,"a ""q"", b\n\\N é",1234.50,2026-01-02 03:04:05.123456,2026-01-02T03:04:05+02:00,true,2026-01-02,'
    null = nulls[0]
    rest = ",".join([null] * 7)
    place.write(f"id,v,n,t,z,b,d,u,x\n{one}00000000-0000-0000-0000-00000000000a,0.1\n2,,{rest}\n")
    found = place.load(csv={"schema": kinds, "nullStrings": nulls}, dataTimeColumn="z")
    assert found["dataTime"] == "2026-01-02T01:04:05.000000Z"
    columns = "id, v, n::text, (t AT TIME ZONE 'UTC')::text, (z AT TIME ZONE 'UTC')::text, b, d::text, u, x"
    uuid_ = "00000000-0000-0000-0000-00000000000a"
    times = ("2026-01-02 03:04:05.123456", "2026-01-02 01:04:05")
    empty = None if null == "" else ""
    assert place.rows(columns) == [
        (1, 'a "q", b\n\\N é', "1234.50", *times, True, "2026-01-02", uuid_, 0.1),
        (2, empty, None, None, None, None, None, None, None),
    ]


@pytest.mark.parametrize("nulls", [[""], ["NULL"]])
def test_numbers_that_are_none_arrive(place: Place, nulls: list[str]) -> None:
    """By statements they were taken for columns, and the load tried again for ever."""
    place.write("id,x\n401,nan\n2,inf\n3,-inf\n4,1.5\n")
    place.load(csv={"schema": {"x": "DOUBLE"}, "nullStrings": nulls})
    assert place.rows("id, x::text") == [(2, "Infinity"), (3, "-Infinity"), (4, "1.5"), (401, "NaN")]


def test_bad_rows_are_set_aside(place: Place) -> None:
    place.write("id,v\n1,a\ntwo,b\n")
    found = place.load(csv={"schema": {"id": "BIGINT"}}, onBadRows="quarantine")
    assert (found["rows"], found["rowsRejected"]) == (1, 1)
    assert place.rows('line, "column", raw', "raw_rejected") == [(3, "id", "two,b")]
    with pytest.raises(DataRefused):
        place.load(csv={"schema": {"id": "BIGINT"}}, table="other")


def test_a_table_dropped_by_hand_is_loaded_anew_with_its_files(place: Place) -> None:
    place.write("id,v\n1,a\n")
    first = place.load()
    place.server.query(f"DROP TABLE {place.schema}.raw")
    again = place.load()
    assert (again["changed"], again["rows"], again["version"] != first["version"]) == (True, 1, True)
    assert place.load()["version"] == again["version"]
    assert place.rows() == [(1, "a")]


def test_a_type_that_the_table_contradicts_is_refused(place: Place) -> None:
    place.write("id,v\n1,a\n")
    place.load(write={"disposition": "replace"})
    place.write("id,v\n1,2\n")
    with pytest.raises(ConfigError) as caught:
        place.load(csv={"schema": {"v": "BIGINT"}}, write={"disposition": "replace"})
    assert caught.value.reason == "SchemaConflict"


def test_sqlite_is_one_more(place: Place) -> None:
    """By dlt's sqlalchemy: the same words on what has no times, no schemas and other statements."""
    os.environ["DESTINATION__SQLALCHEMY__CREDENTIALS"] = f"sqlite:///{place.folder}/lite.db"
    load = partial(place.load, destination="sqlalchemy", dataTimeColumn="at")
    place.write("id,v,at\n1,a,2026-01-01 00:00:00\n2,b,2026-01-02 00:00:00\n")
    first = load()
    assert (first["rows"], first["dataTime"]) == (2, "2026-01-02T00:00:00.000000Z")
    assert load()["version"] == first["version"]
    load(table="kept", write=MERGE)
    place.write("id,v,at\n2,B,2026-01-03 00:00:00\n3,c,\n")
    assert load(table="kept", write=MERGE)["rows"] == 3
    assert load(table="swapped", write={"disposition": "replace"})["rows"] == 2
    counted = place.count("kept", destination="sqlalchemy", dataTimeColumn="at")
    assert (counted["rows"], counted["dataTime"]) == (3, "2026-01-03T00:00:00.000000Z")


def test_types_that_dlt_lacks_are_refused() -> None:
    fine = Column(name="a", type="UTINYINT")
    expect_known([fine, replace(fine, type="DECIMAL(18,2)")])
    assert stored("UTINYINT") == "BIGINT"
    with pytest.raises(ConfigError):
        expect_known([replace(fine, type="UBIGINT")])


def test_bad_rows_are_told_again_by_a_look_that_finds_nothing_new(place: Place) -> None:
    """The load's own pod may have been lost before it told anybody."""
    place.write("id,v\n1,a\nx,b\n")
    spec: dict[str, Any] = {"csv": {"schema": {"id": "BIGINT"}}, "onBadRows": "drop"}
    first = place.load(**spec)
    again = place.load(**spec)
    for told in (first, again):
        assert (told["rowsIn"], told["rowsRejected"]) == (2, 1)
        assert told["samples"] == [{"line": 3, "column": "id", "reason": "the value does not fit BIGINT"}]
    assert (again["changed"], again["version"]) == (False, first["version"])


def test_the_record_of_an_earlier_freshet_gets_what_it_lacks(place: Place) -> None:
    place.write("id,v\n1,a\n")
    first = place.load()
    place.server.query(f"ALTER TABLE {place.schema}._freshet_loads DROP COLUMN samples, DROP COLUMN rows_in")
    look = place.load()
    assert (look["changed"], look["version"]) == (False, first["version"])
    spec: dict[str, Any] = {"csv": {"path": str(place.folder / "in*.csv")}, "onBadRows": "drop"}
    place.write("id,v\n2,b\nx,c\n", "in-2.csv")
    told = place.load(**spec)
    again = place.load(**spec)
    assert (told["rows"], again["rowsIn"], again["rowsRejected"]) == (2, 2, 1)
    assert again["samples"] == told["samples"]
