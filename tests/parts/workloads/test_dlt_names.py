"""Names as dlt writes them: schemas in any spelling, tables and columns that the destination shortens."""

from typing import Any

import pytest
from tests.parts.workloads.dlt_place import Place
from tests.parts.workloads.writes import MERGE

from freshet.workloads.errors import ConfigError, DataRefused, InputError


def test_a_schema_in_any_spelling_is_the_one_that_dlt_makes(place: Place) -> None:
    place.schema = place.schema.replace("kw_", "Kaizen-Wars-")
    place.write("id,v\n1,a\n")
    told = place.load()
    assert place.count("raw")["rows"] == place.count(told["relation"])["rows"] == 1


def test_a_merge_by_a_column_that_dlt_cannot_name_is_refused(place: Place) -> None:
    """PostgreSQL tells upper case from lower, and dlt writes all names in the latter."""
    place.server.query(
        f'CREATE SCHEMA {place.schema}; CREATE TABLE {place.schema}.raw ("eventId" bigint, "V" text);'
        f" INSERT INTO {place.schema}.raw VALUES (1, 'a')"
    )
    place.write("eventId,v\n1,a\n")
    with pytest.raises(ConfigError, match="freshet did not make it"):
        place.load(write={"disposition": "append"})
    with pytest.raises(ConfigError, match=r"'eventId' in the table, a name that dlt cannot write") as caught:
        place.load(write={"disposition": "merge", "primaryKey": ["eventId"], "adopt": True})
    assert caught.value.reason == "SchemaConflict"
    assert place.rows('"V"') == [("a",)]


@pytest.mark.parametrize("change", ["evolve", "fail"])
@pytest.mark.parametrize("column", ["unit price", "größe", "id_", "1st", "e-mail", "eventId"])
def test_a_column_that_dlt_cannot_name_is_not_filled_beside_it(place: Place, column: str, change: str) -> None:
    """Its values went to a new column, as a success."""
    place.server.query(f'CREATE SCHEMA {place.schema}; CREATE TABLE {place.schema}.raw (n bigint, "{column}" bigint)')
    place.server.query(f"INSERT INTO {place.schema}.raw VALUES (1, 10)")
    place.write(f"n,{column}\n1,11\n")
    for write in ({"disposition": "append"}, {"disposition": "merge", "primaryKey": ["n"]}, {"disposition": "replace"}):
        with pytest.raises(ConfigError, match=f"The column {column} of .*in.csv is '{column}' in the table") as caught:
            place.load(write={**write, "adopt": True}, onSchemaChange=change)
        assert caught.value.reason == "SchemaConflict"
    with pytest.raises(ConfigError, match="a name that dlt cannot write"):
        place.load(write={"disposition": "merge", "primaryKey": [column], "adopt": True})
    assert place.rows("*") == [(1, 10)]


def test_a_column_that_dlt_cannot_name_may_tell_the_data_time(place: Place) -> None:
    """The server fills it: it is read, and not written."""
    place.server.query(
        f'CREATE SCHEMA {place.schema}; CREATE TABLE {place.schema}.raw (a__b bigint, "Loaded at" timestamptz DEFAULT'
        " '2026-01-02Z')"
    )
    place.write("a__b\n1\n")
    write = {"disposition": "merge", "primaryKey": ["a__b"], "adopt": True}
    told = [place.load(write=write, dataTimeColumn="Loaded at") for _ in range(2)]
    assert [(one["rows"], one["dataTime"]) for one in told] == [(1, "2026-01-02T00:00:00.000000Z")] * 2


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
