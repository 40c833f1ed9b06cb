"""Other destinations of dlt's, on Debian's PostgreSQL: what loads and counts leave there, and what they say."""

import os
import re
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import psycopg2
import pytest
from tests.parts.workloads.telling import telling
from tests.support.postgres import PostgresServer
from tests.support.secrecy import POSTGRES_PASSWORD

from freshet.workloads import dlt_destination, dlt_rows, dlt_warehouse
from freshet.workloads.columns import Column
from freshet.workloads.command import now
from freshet.workloads.count import count_rows
from freshet.workloads.dlt_types import expect_known, moment, stored
from freshet.workloads.errors import ConfigError, DataRefused, InputError, Unavailable, WorkloadError
from freshet.workloads.load import load
from freshet.workloads.spec import CountSpec, IngestSpec

VARIABLE = "DESTINATION__POSTGRES__CREDENTIALS"
MERGE = {"disposition": "merge", "primaryKey": ["id"]}


class Place:
    """A schema of the server, and a file to load into it."""

    def __init__(self, server: PostgresServer, *, folder: Path) -> None:
        self.server = server
        self.schema = f"kw_{uuid.uuid4().hex[:8]}"
        self.folder = folder

    def write(self, content: str, name: str = "in.csv") -> None:
        (self.folder / name).write_text(content)

    def warehouse(self, destination: str) -> dict[str, Any]:
        return {"dlt": {"destination": destination, "schema": self.schema}}

    def load(self, *, destination: str = "postgres", csv: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        spec = {
            "asset": "raw",
            "warehouse": self.warehouse(destination),
            "table": "raw",
            "csv": {"path": str(self.folder / "in.csv"), **(csv or {})},
            "write": {"disposition": "append"},
            **more,
        }
        with telling() as told:
            return told(load(spec=msgspec.convert(spec, IngestSpec), last={}, started=now()))

    def count(self, relation: str, *, destination: str = "postgres", **more: Any) -> Any:
        spec = {"warehouse": self.warehouse(destination), "relation": relation, **more}
        with telling() as told:
            return told(count_rows(msgspec.convert(spec, CountSpec)))

    def rows(self, columns: str = "id, v", table: str = "raw") -> list[tuple[Any, ...]]:
        return self.server.query(f"SELECT {columns} FROM {self.schema}.{table} ORDER BY 1")


@pytest.fixture
def place(postgres_server: PostgresServer, tmp_path: Path) -> Iterator[Place]:
    before = dict(os.environ)
    os.environ.update({VARIABLE: postgres_server.url, "TMPDIR": str(tmp_path)})
    yield Place(postgres_server, folder=tmp_path)
    os.environ.clear()
    os.environ.update(before)


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


def test_another_data_time_column_is_asked_for_at_once(place: Place) -> None:
    place.write("id,v,at\n1,a,2026-01-01\n")
    first = place.load()
    told = place.load(dataTimeColumn="at")
    assert (told["version"], told["dataTime"]) == (first["version"], "2026-01-01T00:00:00.000000Z")
    with pytest.raises(ConfigError, match="dataTimeColumn nope is not in"):
        place.load(dataTimeColumn="nope")


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


def test_bad_rows_are_set_aside(place: Place) -> None:
    place.write("id,v\n1,a\ntwo,b\n")
    found = place.load(csv={"schema": {"id": "BIGINT"}}, onBadRows="quarantine")
    assert (found["rows"], found["rowsRejected"]) == (1, 1)
    assert place.rows('line, "column", raw', "raw_rejected") == [(3, "id", "two,b")]
    with pytest.raises(DataRefused):
        place.load(csv={"schema": {"id": "BIGINT"}}, table="other")


@pytest.mark.parametrize("write", [{"disposition": "append"}, MERGE, {"disposition": "replace"}])
def test_bad_rows_that_did_not_arrive_are_no_success(
    place: Place, write: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """dlt says success; what is beside the table is counted nevertheless, and brought again."""
    place.write("id,v\n1,a\ntwo,b\n")
    once: list[Any] = []

    def aside(self: dlt_destination.Place, *given: Any, **more: Any) -> None:
        run(self, *given, **more)
        if not once and self.columns("raw_rejected"):
            once.append(given)
            place.server.query(f"DELETE FROM {place.schema}.raw_rejected")

    run = dlt_destination.Place.run
    monkeypatch.setattr(dlt_destination.Place, "run", aside)
    told = place.load(csv={"schema": {"id": "BIGINT"}}, onBadRows="quarantine", write=write)
    assert once
    assert (told["rows"], told["rowsRejected"]) == (1, 1)
    assert place.rows("line, raw", "raw_rejected") == [(3, "two,b")]
    assert place.rows() == [(1, "a")]


@pytest.mark.parametrize(
    "columns",
    ["id bigint, v text NOT NULL", "id bigint, v varchar(2)", "id bigint PRIMARY KEY, v text", "id smallint, v text"],
)
def test_rows_that_an_adopted_table_does_not_take_are_a_sentence(place: Place, columns: str) -> None:
    place.server.query(f"CREATE SCHEMA {place.schema}; CREATE TABLE {place.schema}.raw ({columns})")
    place.write("id,v\n1,abc\n1,\n99999,d\n")
    with pytest.raises(InputError) as caught:
        place.load(write={"disposition": "append", "adopt": True})
    assert caught.value.reason == "ConstraintViolated"
    assert place.rows("id") == []


def test_a_schema_in_any_spelling_is_the_one_that_dlt_makes(place: Place) -> None:
    place.schema = place.schema.replace("kw_", "Kaizen-Wars-")
    place.write("id,v\n1,a\n")
    told = place.load()
    assert place.count("raw")["rows"] == place.count(told["relation"])["rows"] == 1


def test_a_load_cut_off_before_its_record_is_not_loaded_twice(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.write("id,v\n1,a\n")

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(dlt_warehouse.ledger, "record", killed)
        with pytest.raises(KeyboardInterrupt):
            place.load()
    assert place.rows() == [(1, "a")]
    assert place.load()["rowsLoaded"] == 1
    assert place.rows() == [(1, "a")]


@pytest.mark.parametrize("write", [{"disposition": "append"}, MERGE, {"disposition": "replace"}])
def test_an_answer_that_was_lost_is_looked_into(
    place: Place, write: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """dlt has loaded the rows, and says that the connection broke."""
    place.write("id,v\n1,a\n2,b\n")
    run, lost = dlt_destination.Place.run, []

    def broken(self: dlt_destination.Place, *given: Any, **more: Any) -> None:
        run(self, *given, **more)
        if not lost:
            lost.append(given)
            raise psycopg2.OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(dlt_destination.Place, "run", broken)
    assert place.load(write=write)["rows"] == 2
    assert lost
    assert place.rows() == [(1, "a"), (2, "b")]


def test_rows_that_did_not_arrive_are_no_success(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """dlt says success; the table is counted nevertheless."""
    place.write("id,v\n1,a\n2,b\n")
    batches = dlt_rows.batches
    monkeypatch.setattr(dlt_rows, "batches", lambda batch, load_id: (rows.slice(1) for rows in batches(batch, load_id)))
    with pytest.raises(Unavailable) as caught:
        place.load()
    assert caught.value.reason == "LoadIncomplete"
    assert "1 of 2 rows" in caught.value.message


def test_a_table_of_somebody_else_is_left_alone(place: Place) -> None:
    place.server.query(f"CREATE SCHEMA {place.schema}; CREATE TABLE {place.schema}.raw (id bigint, v text)")
    place.write("id,v\n1,a\n")
    with pytest.raises(ConfigError) as caught:
        place.load()
    assert caught.value.reason == "TableNotOurs"
    place.load(write={"disposition": "append", "adopt": True})
    assert place.rows() == [(1, "a")]


def test_a_table_of_somebody_else_where_bad_rows_go_is_left_alone(place: Place) -> None:
    """Where no row is bad it is in nobody's way."""
    place.server.query(f"CREATE SCHEMA {place.schema}; CREATE TABLE {place.schema}.raw_rejected (id bigint)")
    spec: dict[str, Any] = {"csv": {"schema": {"id": "BIGINT"}}, "onBadRows": "quarantine"}
    place.write("id,v\n1,a\n")
    place.load(**spec)
    place.write("id,v\nx,b\n2,b\n", "in-2.csv")
    more = {**spec, "csv": {**spec["csv"], "path": str(place.folder / "in*.csv")}}
    with pytest.raises(ConfigError, match="raw_rejected exists, but freshet did not make it") as caught:
        place.load(**more)
    assert (caught.value.reason, place.rows()) == ("TableNotOurs", [(1, "a")])
    place.server.query(f"ALTER TABLE {place.schema}.raw_rejected RENAME TO mine")
    assert place.load(**more)["rowsRejected"] == 1
    assert len(place.rows("raw", "raw_rejected")) == 1


def test_a_table_that_another_asset_loads_is_left_alone(place: Place) -> None:
    place.write("id,v\n1,a\nx,b\n")
    spec: dict[str, Any] = {"csv": {"schema": {"id": "BIGINT"}}, "onBadRows": "drop"}
    place.load(**spec)
    place.write("id,v\n2,a\n", "other.csv")
    other: dict[str, Any] = {"asset": "other", "csv": {"path": str(place.folder / "other.csv")}}
    with pytest.raises(ConfigError, match="last loaded by the asset raw") as caught:
        place.load(**other)
    assert caught.value.reason == "TableNotOurs"
    shared = {"disposition": "append", "adopt": True}
    assert place.load(**other, write=shared)["rows"] == 2
    told = place.load(**spec, write=shared)
    assert (told["changed"], told["rows"], told["rowsIn"], told["rowsRejected"]) == (False, 2, 2, 1)


def test_a_merge_by_a_column_that_dlt_cannot_name_is_refused(place: Place) -> None:
    """PostgreSQL tells upper case from lower, and dlt writes all names in the latter."""
    place.server.query(
        f'CREATE SCHEMA {place.schema}; CREATE TABLE {place.schema}.raw ("eventId" bigint, "V" text);'
        f" INSERT INTO {place.schema}.raw VALUES (1, 'a')"
    )
    place.write("eventId,v\n1,a\n")
    with pytest.raises(ConfigError, match="freshet did not make it"):
        place.load(write={"disposition": "append"})
    with pytest.raises(ConfigError, match=r"has no column eventId of write\.primaryKey") as caught:
        place.load(write={"disposition": "merge", "primaryKey": ["eventId"], "adopt": True})
    assert caught.value.reason == "SchemaConflict"
    assert place.rows('"V"') == [("a",)]


def test_a_table_dropped_by_hand_is_loaded_anew_with_its_files(place: Place) -> None:
    place.write("id,v\n1,a\n")
    first = place.load()
    place.server.query(f"DROP TABLE {place.schema}.raw")
    again = place.load()
    assert (again["changed"], again["rows"], again["version"] != first["version"]) == (True, 1, True)
    assert place.load()["version"] == again["version"]
    assert place.rows() == [(1, "a")]


def test_names_that_the_destination_shortens_are_found_again(place: Place) -> None:
    table, column = "t" * 80, "c" * 80
    place.write(f"id,{column}\n1,a\n")
    first = place.load(table=table, write=MERGE)
    assert place.load(table=table, write=MERGE)["version"] == first["version"]
    place.write(f"id,{column}\n1,b\n")
    assert place.load(table=table, write=MERGE)["rows"] == 1
    assert place.count(first["relation"])["rows"] == 1


QUESTION = "How satisfied are you with the overall experience of our service in general?"
COLUMN = "how_satisfied_are_you_with_thyc6yqqce_of_our_service_in_general"
"""As dlt shortens it."""


def test_a_column_that_the_destination_shortens_is_the_table_s_own(place: Place) -> None:
    """A question of a survey: its type is the table's, and it is no new column."""
    write = {"disposition": "replace"}
    place.write(f"id,{QUESTION}\n1,5\n")
    place.load(write=write)
    place.write(f"id,{QUESTION}\n1,6\n2,x\n")
    told = place.load(write=write, onBadRows="quarantine", onSchemaChange="fail")
    assert (told["rows"], told["rowsRejected"]) == (1, 1)
    assert place.rows('"column", raw', "raw_rejected") == [(COLUMN, "2,x")]
    assert place.rows(f"id, {COLUMN}") == [(1, 6)]
    place.write(f"id,{QUESTION}\n1,x\n")
    with pytest.raises(ConfigError) as caught:
        place.load(write=write, csv={"schema": {QUESTION: "VARCHAR"}})
    assert caught.value.reason == "SchemaConflict"
    with pytest.raises(InputError) as changed:
        place.load(write=write, onBadRows="drop")
    assert changed.value.reason == "SchemaConflict"
    place.write(f"id,{QUESTION}\n1,7\n2,x\n")
    assert place.load(write=write, csv={"schema": {QUESTION: "BIGINT"}}, onBadRows="drop")["rows"] == 1


def test_a_column_that_the_destination_shortens_may_be_key_and_data_time(place: Place) -> None:
    write = {"disposition": "merge", "primaryKey": [QUESTION]}
    spec: dict[str, Any] = {"csv": {"schema": {QUESTION: "DATE"}}, "write": write, "dataTimeColumn": QUESTION}
    place.write(f"{QUESTION},v\n2026-01-02,a\n")
    assert place.load(**spec)["dataTime"] == "2026-01-02T00:00:00.000000Z"
    place.write(f"{QUESTION},v\n2026-01-02,b\n2026-01-03,c\n")
    told = place.load(**spec)
    assert (told["rows"], told["dataTime"]) == (2, "2026-01-03T00:00:00.000000Z")
    place.write(f"{QUESTION},v\n2026-01-02,d\n2026-01-02,e\n")
    with pytest.raises(DataRefused) as caught:
        place.load(**spec)
    assert caught.value.reason == "DuplicateKeys"


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


def test_tables_and_views_are_counted(place: Place) -> None:
    place.server.query(
        f'CREATE SCHEMA {place.schema}; CREATE TABLE {place.schema}."Odd ""Name" AS SELECT DATE \'2026-01-02\' AS d'
    )
    place.server.query(f'CREATE VIEW {place.schema}.v AS SELECT * FROM {place.schema}."Odd ""Name"')
    for relation in ("v", "V", f"{place.schema}.V", f'postgres.{place.schema}."Odd ""Name"'):
        found = place.count(relation, dataTimeColumn="D", checks={"rows": {"minimum": 2}})
        assert (found["rows"], found["dataTime"]) == (1, "2026-01-02T00:00:00.000000Z")
        assert not found["checks"][0]["passed"]


@pytest.mark.parametrize("made", ["1 / a", "CAST(w AS INT)"])
def test_a_view_that_fails_on_a_row_is_broken(place: Place, made: str) -> None:
    """It was told as rows of a load that do not fit."""
    place.server.query(f"CREATE SCHEMA {place.schema}; CREATE TABLE {place.schema}.t AS SELECT 0 AS a, 'secret' AS w")
    place.server.query(f"CREATE VIEW {place.schema}.v AS SELECT {made} AS b FROM {place.schema}.t")
    with pytest.raises(ConfigError) as caught:
        place.count("v", dataTimeColumn="b")
    assert caught.value.reason == "RelationBroken"
    assert "secret" not in caught.value.message


@pytest.mark.parametrize(
    ("relation", "more", "reason"),
    [
        ("nothing", {}, "RelationMissing"),
        ("v; DROP TABLE v", {}, "RelationMissing"),
        ("v", {"dataTimeColumn": "nope"}, "DataTimeColumnMissing"),
        ("v", {"dataTimeColumn": "id"}, "DataTimeColumnType"),
    ],
)
def test_what_cannot_be_counted_is_a_sentence(place: Place, relation: str, more: dict[str, Any], reason: str) -> None:
    place.server.query(f"CREATE SCHEMA {place.schema}; CREATE TABLE {place.schema}.v AS SELECT 1 AS id")
    with pytest.raises(WorkloadError) as caught:
        place.count(relation, **more)
    assert caught.value.reason == reason
    assert place.rows("id", "v") == [(1,)]


@pytest.mark.parametrize(
    ("destination", "settings", "reason", "words"),
    [
        ("postgres", None, "CredentialsMissing", VARIABLE),
        ("postgres", "postgresql://freshet:wrong@{address}/postgres", "AuthenticationFailed", "renew them"),
        ("postgres", "postgresql://freshet:wrong@127.0.0.1:9/postgres", "WarehouseUnavailable", "tried again"),
        ("postgres", "no url", "CredentialsMissing", VARIABLE),
        ("postgres", "postgresql://freshet@{address}/postgres", "CredentialsMissing", f"lacks {VARIABLE}__PASSWORD:"),
        ("postgres", "{url}?sslmode=require", "WarehouseUnsupported", "mend sslmode"),
        ("postgres", "{url}?sslmode=verify-full&sslrootcert=/no/such", "WarehouseUnsupported", "mend sslmode"),
        ("postgres", "postgresql://freshet:wrong@db.invalid/postgres", "WarehouseMissing", "mend the Secret"),
        ("postgres", "{url}_typo", "WarehouseMissing", "mend the Secret"),
        ("snowflake", "snowflake://me:wrong@account/db?warehouse=w", "DriverMissing", "dlt[snowflake]"),
        ("filesystem", None, "WarehouseUnsupported", "no tables that SQL could read back"),
        ("postgrez", None, "WarehouseUnsupported", "dlt ships no destination postgrez"),
    ],
)
def test_what_is_wrong_with_the_settings_is_a_sentence(
    place: Place, destination: str, settings: str | None, reason: str, words: str
) -> None:
    os.environ.pop(VARIABLE)
    os.environ["DESTINATION__FILESYSTEM__BUCKET_URL"] = str(place.folder)
    if settings is not None:
        os.environ[f"DESTINATION__{destination.upper()}__CREDENTIALS"] = settings.format(
            address=place.server.address, url=place.server.url
        )
    place.write("id,v\n1,a\n")
    for work in (lambda: place.load(destination=destination), lambda: place.count("v", destination=destination)):
        with pytest.raises(WorkloadError) as caught:
            work()
        assert (caught.value.reason, caught.value.message.count("\n")) == (reason, 0)
        assert words in caught.value.message
        assert "wrong" not in caught.value.message
        assert POSTGRES_PASSWORD not in caught.value.message


def test_parts_of_the_credentials_that_are_missing_are_named(place: Place) -> None:
    os.environ.pop(VARIABLE)
    host, _, port = place.server.address.partition(":")
    os.environ |= {f"{VARIABLE}__HOST": host, f"{VARIABLE}__PORT": port, f"{VARIABLE}__DATABASE": "postgres"}
    with pytest.raises(ConfigError) as caught:
        place.count("v")
    assert caught.value.reason == "CredentialsMissing"
    assert sorted(re.findall(f"{VARIABLE}[A-Z_]*", caught.value.message)) == [
        f"{VARIABLE}__PASSWORD",
        f"{VARIABLE}__USERNAME",
    ]


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
