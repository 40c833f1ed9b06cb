"""Counts at one of dlt's destinations: tables, views, and what cannot be counted."""

import os
import sqlite3
from contextlib import closing
from typing import Any

import pytest
from tests.parts.workloads.dlt_place import Place

from freshet.workloads.errors import ConfigError, WorkloadError


def test_tables_and_views_are_counted(place: Place) -> None:
    place.server.query(
        f'CREATE SCHEMA {place.schema}; CREATE TABLE {place.schema}."Odd ""Name" AS SELECT DATE \'2026-01-02\' AS d'
    )
    place.server.query(f'CREATE VIEW {place.schema}.v AS SELECT * FROM {place.schema}."Odd ""Name"')
    for relation in ("v", "V", f"{place.schema}.V", f'postgres.{place.schema}."Odd ""Name"'):
        found = place.count(relation, dataTimeColumn="D", checks={"rows": {"minimum": 2}})
        assert (found["rows"], found["dataTime"]) == (1, "2026-01-02T00:00:00.000000Z")
        assert not found["checks"][0]["passed"]


@pytest.mark.parametrize("made", ["1 / a", "CAST(w AS INT)", "{schema}.boom()"])
def test_a_view_that_fails_on_a_row_is_broken(place: Place, made: str) -> None:
    """It was told as rows of a load that do not fit."""
    place.server.query(f"CREATE SCHEMA {place.schema}; CREATE TABLE {place.schema}.t AS SELECT 0 AS a, 'secret' AS w")
    body = "BEGIN RAISE EXCEPTION 'secret'; END"
    place.server.query(f"CREATE FUNCTION {place.schema}.boom() RETURNS int AS $$ {body} $$ LANGUAGE plpgsql")
    made = made.format(schema=place.schema)
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
        *(("v", {"dataTimeColumn": name}, "DataTimeColumnType") for name in ("id", "b", "j", "u", "p", "r")),
        ("other.public.v", {}, "RelationMissing"),
        ("unfilled", {}, "RelationBroken"),
        ("unknown", {"dataTimeColumn": "id"}, "StatementRefused"),
    ],
)
def test_what_cannot_be_counted_is_a_sentence(place: Place, relation: str, more: dict[str, Any], reason: str) -> None:
    """Some of them were told as an outage, and tried again."""
    kinds = "1 AS id, true AS b, '{}'::json AS j, gen_random_uuid() AS u, point(1, 2) AS p, daterange(null, null) AS r"
    place.server.query(f"CREATE SCHEMA {place.schema}; CREATE TABLE {place.schema}.v AS SELECT {kinds}")
    place.server.query(f"CREATE MATERIALIZED VIEW {place.schema}.unfilled AS SELECT 1 AS id WITH NO DATA")
    calls = "BEGIN RETURN nothing_of_this_name(); END"
    place.server.query(f"CREATE FUNCTION {place.schema}.calls() RETURNS date AS $$ {calls} $$ LANGUAGE plpgsql")
    place.server.query(f"CREATE VIEW {place.schema}.unknown AS SELECT {place.schema}.calls() AS id")
    with pytest.raises(WorkloadError) as caught:
        place.count(relation, **more)
    assert caught.value.reason == reason
    assert place.rows("id", "v") == [(1,)]


def test_of_two_columns_the_one_of_the_exact_name_is_meant(place: Place) -> None:
    columns = "DATE '2026-01-02' AS \"At\", DATE '2026-01-03' AS at"
    place.server.query(f"CREATE SCHEMA {place.schema}; CREATE TABLE {place.schema}.t AS SELECT {columns}")
    for column, day in (("At", 2), ("at", 3)):
        assert place.count("t", dataTimeColumn=column)["dataTime"] == f"2026-01-0{day}T00:00:00.000000Z"


def test_a_column_may_be_called_as_the_file_calls_it(place: Place) -> None:
    """So it is with a load: to a count of the same table it was missing."""
    place.server.query(f"CREATE SCHEMA {place.schema}; CREATE TABLE {place.schema}.t AS SELECT now() AS event_time")
    for column in ("Event Time", "eventTime", "EVENT_TIME"):
        assert place.count("t", dataTimeColumn=column)["dataTime"] is not None


@pytest.mark.parametrize("name", ["a:b", "a :b", "a%sb", "a b", "order"])
def test_names_that_sqlalchemy_would_read_are_counted(place: Place, name: str) -> None:
    """They went into the statement as they stood, and what came of it was told as an outage."""
    os.environ["DESTINATION__SQLALCHEMY__CREDENTIALS"] = f"sqlite:///{place.folder}/lite.db"
    with closing(sqlite3.connect(f"{place.folder}/lite__{place.schema}.db")) as file, file:
        file.execute(f"""CREATE TABLE "{name}" AS SELECT '2026-01-02' AS "{name}" """)
    found = place.count(f'"{name}"', destination="sqlalchemy", dataTimeColumn=name)
    assert (found["rows"], found["dataTime"]) == (1, "2026-01-02T00:00:00.000000Z")
