"""Tables of somebody else's at one of dlt's destinations: left alone, or adopted with their rules."""

import os
import sqlite3
from contextlib import closing
from functools import partial
from typing import Any

import pytest
from tests.parts.workloads.dlt_place import Place
from tests.parts.workloads.writes import MERGE

from freshet.workloads.errors import ConfigError, InputError


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


@pytest.mark.parametrize(
    ("kind", "value"), [("time", "12:30:00"), ("uuid", "7f2c1c1e-0000-4000-8000-000000000000")], ids=["time", "uuid"]
)
def test_what_dlt_brings_as_text_is_appended_and_not_merged(place: Place, kind: str, value: str) -> None:
    """Of a time it was said that csv.schema, which says TIME, does not say TIME."""
    place.server.query(
        f"CREATE SCHEMA {place.schema}; CREATE TABLE {place.schema}.raw (id bigint PRIMARY KEY, v {kind})"
    )
    for number, csv in enumerate(({}, {"schema": {"v": kind.upper()}}, {"nullStrings": ["NULL"]})):
        place.write(f"id,v\n{number},{value}\n")
        place.load(csv=csv, write={"disposition": "append", "adopt": True, "onFileChange": "append"})
        place.server.query(f"DROP TABLE {place.schema}._freshet_loads")
    assert place.rows("id, v::text") == [(number, value) for number in range(3)]
    with pytest.raises(ConfigError, match="that dlt brings as text") as caught:
        place.load(write={**MERGE, "adopt": True})
    assert caught.value.reason == "SchemaConflict"


def test_values_that_an_adopted_column_would_change_are_refused(place: Place) -> None:
    """They were rounded, or had their NUL character taken out, in silence."""
    place.server.query(
        f"CREATE SCHEMA {place.schema};"
        f" CREATE TABLE {place.schema}.raw (r real, t timestamptz(0), h time(1), m money, w text)"
    )
    good = {"r": "0.1", "t": "2026-01-02T03:04:05Z", "h": "03:04:05.9", "m": "12.340", "w": "a"}
    bad = {"r": "16777217", "t": "2026-01-02T03:04:05.9Z", "h": "03:04:05.95", "m": "12.345", "w": "a\0b"}
    load = partial(place.load, csv={"nullStrings": ["NULL"]})
    for name, value in bad.items():
        place.write(",".join(good) + "\n" + ",".join({**good, name: value}.values()) + "\n")
        with pytest.raises(InputError, match=rf"Column {name} of .* would change 1 values") as caught:
            load(write={"disposition": "append", "adopt": True})
        assert caught.value.reason == "ConstraintViolated"
    place.write("r,t,w\n0.1,2026-01-02T03:04:05Z,a\n")
    load(write={"disposition": "replace", "adopt": True}, csv={"schema": {"r": "DOUBLE"}})
    assert place.rows("r::text, w") == [("0.1", "a")]


@pytest.mark.parametrize("destination", ["postgres", "sqlalchemy"])
def test_a_merge_writes_no_row_over_several(place: Place, destination: str) -> None:
    """PostgreSQL published it, and each try failed for good; SQLite took the other row away."""
    os.environ["DESTINATION__SQLALCHEMY__CREDENTIALS"] = f"sqlite:///{place.folder}/lite.db"
    kinds = {"day": "DATE", "at": "TIMESTAMP", "n": "DECIMAL(9,2)", "ok": "BOOLEAN"}
    write = {"disposition": "merge", "primaryKey": ["id", *kinds]}
    load = partial(place.load, destination=destination, write=write, csv={"schema": kinds})
    row = "{},2026-01-02,2026-01-02 03:04:05,1.50,true,{}\n"
    place.write("id,day,at,n,ok,v\n" + row.format(1, "a") + row.format(2, "b"))
    load()
    if destination == "postgres":
        place.server.query(f"INSERT INTO {place.schema}.raw SELECT * FROM {place.schema}.raw WHERE id = 1")
    else:
        with closing(sqlite3.connect(f"{place.folder}/lite__{place.schema}.db")) as file, file:
            file.execute("INSERT INTO raw SELECT * FROM raw WHERE id = 1")
    place.write("id,day,at,n,ok,v\n" + row.format(1, "x"))
    with pytest.raises(InputError, match="nothing was published") as caught:
        load()
    assert caught.value.reason == "DuplicateKeysInTable"
    place.write("id,day,at,n,ok,v\n" + row.format(2, "y"))
    assert load()["rows"] == 3


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


def test_append_is_refused_where_the_record_alone_was_dropped(place: Place) -> None:
    """Each file's rows came once more, as a success."""
    files: dict[str, Any] = {"path": str(place.folder / "in*.csv")}
    place.write("id,v\n1,a\n")
    place.load(csv=files)
    place.server.query(f"DROP TABLE {place.schema}._freshet_loads")
    assert place.load(csv=files)["rows"] == 1
    place.write("id,v\n2,b\n", "in-2.csv")
    place.load(csv=files)
    place.server.query(f"DROP TABLE {place.schema}._freshet_loads")
    with pytest.raises(ConfigError, match="holds 2 rows of loads that freshet has no record of") as caught:
        place.load(csv=files)
    assert (caught.value.reason, place.rows()) == ("TableNotOurs", [(1, "a"), (2, "b")])
    assert place.load(csv=files, write=MERGE)["rows"] == 2
