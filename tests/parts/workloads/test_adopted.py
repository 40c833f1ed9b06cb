"""Tables that freshet did not make: what their columns and rules say counts, however their names are written."""

from typing import Any

import pytest
from tests.parts.workloads.conftest import World
from tests.parts.workloads.lake import Lake

from freshet.workloads.csvsql import TYPES
from freshet.workloads.databricks_types import from_databricks
from freshet.workloads.errors import WorkloadError

WRITES: dict[str, dict[str, Any]] = {
    "append": {"disposition": "append", "adopt": True},
    "merge": {"disposition": "merge", "primaryKey": ["id"], "adopt": True},
    "replace": {"disposition": "replace", "adopt": True},
}
AFTER = {"append": [(1, 1), (1, 5), (2, 6)], "merge": [(1, 5), (2, 6)], "replace": [(1, 5), (2, 6)]}
NAMES = [("id", "amount"), ("ID", "Amount")]


def made(place: World | Lake, id_: str, amount: str, *, rule: str = "") -> None:
    columns = f'("{id_}" BIGINT, "{amount}" INTEGER {rule})'
    if isinstance(place, Lake):
        place.query(f'CREATE SCHEMA "main@"."{place.schema}"')
        place.query(f"CREATE TABLE {{raw}} {columns}")
        place.query("INSERT INTO {raw} VALUES (1, 1)")
    else:
        place.do(f"CREATE SCHEMA kw; CREATE TABLE kw.raw {columns}; INSERT INTO kw.raw VALUES (1, 1)")


def held(place: World | Lake) -> list[tuple[Any, ...]]:
    if isinstance(place, Lake):
        return place.rows("id, amount")
    return place.rows("SELECT id, amount FROM kw.raw ORDER BY ALL")


@pytest.fixture(params=["duckdb", "databricks"])
def place(request: pytest.FixtureRequest) -> World | Lake:
    found: World | Lake = request.getfixturevalue("world" if request.param == "duckdb" else "lake")
    return found


@pytest.mark.parametrize("names", NAMES, ids=lambda names: names[0])
@pytest.mark.parametrize("name", WRITES)
def test_its_columns_are_known_in_whatever_case(place: World | Lake, name: str, names: tuple[str, str]) -> None:
    made(place, *names)
    place.write("id,amount\n1,2\n2,2.7\n")
    with pytest.raises(WorkloadError) as caught:
        place.load(write=WRITES[name])
    assert caught.value.reason in ("BadRows", "SchemaConflict")
    assert "INTEGER" in caught.value.message
    assert held(place) == [(1, 1)]
    place.write("ID,Amount\n1,5\n2,6\n")
    assert place.load(write=WRITES[name], onSchemaChange="fail")["rows"] == len(AFTER[name])
    assert held(place) == AFTER[name]


@pytest.mark.parametrize("name", ["append", "merge"])
def test_rows_that_break_its_rules_are_said_to_do_so(place: World | Lake, name: str) -> None:
    made(place, "id", "amount", rule="NOT NULL")
    place.write("id,amount\n2,\n")
    with pytest.raises(WorkloadError, match=r"break a rule of .*NOT NULL.* nothing was published") as caught:
        place.load(write=WRITES[name])
    assert (caught.value.reason, caught.value.exit_code) == ("ConstraintViolated", 2)
    assert caught.value.refused is not None
    assert held(place) == [(1, 1)]
    place.write("id,amount\n2,2\n")
    assert place.load(write=WRITES[name])["rows"] == 2


def test_a_text_that_is_longer_than_its_column_breaks_a_rule_of_it(lake: Lake) -> None:
    """As https://docs.databricks.com/error-messages/error-classes calls that; the stand-in has no such columns."""
    made(lake, "id", "amount")
    lake.write("id,amount\n2,2\n")
    error = "[DELTA_EXCEED_CHAR_VARCHAR_LIMIT] Value exceeds char/varchar type length limitation."
    lake.faults({"action": "refuse", "statement": r"^(MERGE|INSERT) INTO \S+`raw`", "error": error, "times": None})
    with pytest.raises(WorkloadError) as caught:
        lake.load(write=WRITES["merge"])
    assert caught.value.reason == "ConstraintViolated"


def test_a_column_that_pads_what_is_loaded_is_none_that_a_csv_can_fill() -> None:
    """No row would be found as it came (https://docs.databricks.com/sql/language-manual/data-types/char-type.html)."""
    assert from_databricks("char(5)") not in TYPES
    assert from_databricks("varchar(5)") == "VARCHAR"


def test_a_key_that_it_has_already_is_said_to_break_its_rule(world: World) -> None:
    world.do("CREATE SCHEMA kw; CREATE TABLE kw.raw (id BIGINT PRIMARY KEY); INSERT INTO kw.raw VALUES (7)")
    world.write("id\n7\n")
    with pytest.raises(WorkloadError) as caught:
        world.load(write=WRITES["append"])
    assert caught.value.reason == "ConstraintViolated"
    assert "7" not in caught.value.message


@pytest.mark.parametrize(
    ("made", "content", "write", "says"),
    [
        (
            "(id BIGINT PRIMARY KEY); CREATE TABLE kw.child (of BIGINT REFERENCES kw.raw (id))",
            "id\n1\n",
            "replace",
            "drop",
        ),
        ("(id BIGINT, twice BIGINT GENERATED ALWAYS AS (id * 2))", "id,twice\n3,6\n", "append", "generated"),
    ],
)
def test_what_duckdb_does_not_let_one_write_says_why(
    world: World, made: str, content: str, write: str, says: str
) -> None:
    """It was an outage of the warehouse, tried again for ever."""
    world.do(f"CREATE SCHEMA kw; CREATE TABLE kw.raw {made}; INSERT INTO kw.raw (id) VALUES (1)")
    world.write(content)
    with pytest.raises(WorkloadError, match=rf"does not let kw.raw be written so \(.*{says}.*\)") as caught:
        world.load(write=WRITES[write])
    assert (caught.value.reason, caught.value.exit_code) == ("SchemaConflict", 2)
    assert world.rows("SELECT id FROM kw.raw") == [(1,)]
