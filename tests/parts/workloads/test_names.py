"""Which column of a table a name of the file, or of the spec, means: the one that is there, however it is written."""

import re
from typing import Any

import pytest
from tests.parts.workloads.conftest import World
from tests.parts.workloads.lake import Lake

from freshet.workloads.errors import WorkloadError
from freshet.workloads.ledger import LOAD_ID

Place = World | Lake
KEY = ["eventId"]
WRITES: dict[str, dict[str, Any]] = {
    "append": {"disposition": "append", "adopt": True, "onFileChange": "append"},
    "merge": {"disposition": "merge", "primaryKey": KEY, "adopt": True},
    "replace": {"disposition": "replace", "adopt": True},
}
AFTER = {"append": [(1, "a"), (1, "b"), (2, "c")], "merge": [(1, "b"), (2, "c")], "replace": [(1, "b"), (2, "c")]}
HEADERS = ["eventId,V", "event_id,v", "Event ID,v", "EVENTID,V"]


@pytest.fixture(params=["world", "lake"])
def place(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


def made(place: Place, columns: str = '("eventId" BIGINT, "V" VARCHAR)', values: str = "(1, 'a')") -> None:
    if isinstance(place, Lake):
        place.query(f'CREATE SCHEMA "main@"."{place.schema}"')
        place.query(f"CREATE TABLE {{raw}} {columns}")
        place.query(f"INSERT INTO {{raw}} VALUES {values}")
    else:
        place.do(f"CREATE SCHEMA kw; CREATE TABLE kw.raw {columns}; INSERT INTO kw.raw VALUES {values}")


def asked(place: Place, query: str) -> list[tuple[Any, ...]]:
    if isinstance(place, Lake):
        return place.query(query)
    return place.rows(query.replace("{raw__rejected}", "kw.raw__rejected").replace("{raw}", "kw.raw"))


def held(place: Place, columns: str = '"eventId", "V"') -> list[tuple[Any, ...]]:
    return asked(place, f"SELECT {columns} FROM {{raw}} ORDER BY ALL")


def names(place: Place) -> list[str]:
    found = asked(place, "SELECT name FROM (DESCRIBE {raw}) AS d(name)")
    return [name for (name,) in found if name != LOAD_ID]


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("name", WRITES)
def test_a_column_of_the_table_is_found_however_it_is_written(place: Place, name: str, header: str) -> None:
    made(place)
    place.write(f"{header}\n1,b\n2,c\n")
    is_other = name == "merge" and header == "EVENTID,V"
    write = {**WRITES[name], "primaryKey": ["EVENTID"]} if is_other else WRITES[name]
    place.load(write=write, onSchemaChange="fail")
    assert (held(place), names(place)) == (AFTER[name], ["eventId", "V"])
    place.write(f"{header}\n1,b\n2,c\n3,d\n")
    place.load(write=write, onSchemaChange="fail")
    assert (held(place), names(place)) == ([*AFTER[name], (3, "d")], ["eventId", "V"])


def test_replacing_leaves_the_table_s_names_also_of_columns_that_are_gone_and_beside_new_ones(place: Place) -> None:
    made(place, '("eventId" BIGINT, "theV" VARCHAR)')
    for _ in range(2):
        place.write("event_id,newOne\n1,2\n")
        place.load(write=WRITES["replace"])
        assert sorted(names(place)) == ["eventId", "new_one", "theV"]
        place.write("event_id,the_v\n1,c\n")
        place.load(write=WRITES["replace"])
        assert sorted(names(place)) == ["eventId", "new_one", "theV"]
        assert held(place, '"eventId", "theV", new_one') == [(1, "c", None)]


def test_the_spec_s_names_mean_the_table_s_columns_too(place: Place) -> None:
    made(place, '("eventId" BIGINT, "eventTime" TIMESTAMP)', "(1, '2026-01-01')")
    place.write("event_id,EventTime\n1,2026-01-02 10:00:00\nx,2026-01-03\n2,2026-01-04\n")
    spec = {"onBadRows": "quarantine", "dataTimeColumn": "event_time"}
    schema = {"schema": {"eventId": "BIGINT"}}
    told = place.load(write=WRITES["merge"], csv=schema, **spec)
    assert told["dataTime"].startswith("2026-01-04")
    assert asked(place, 'SELECT line, "column" FROM {raw__rejected}') == [(3, "event_id")]
    assert names(place) == ["eventId", "eventTime"]
    place.write("event_id\n7\n")
    assert place.load(write=WRITES["merge"], csv=schema, **spec)["dataTime"].startswith("2026-01-04")


def test_what_does_not_fit_is_told_of_the_table_s_column(place: Place) -> None:
    made(place)
    place.write("eventId,v\nx,1\n")
    with pytest.raises(WorkloadError, match="Column event_id is BIGINT in the table") as caught:
        place.load(write=WRITES["append"])
    assert caught.value.reason == "SchemaConflict"


def test_the_name_that_is_there_comes_first_and_no_column_is_taken_twice(place: Place) -> None:
    made(place, '("eventId" BIGINT, event_id BIGINT, v VARCHAR)', "(1, 10, 'a')")
    place.write("eventId,v\n10,b\n")
    place.load(write=WRITES["merge"])
    assert held(place, '"eventId", event_id, v') == [(1, 10, "b")]


def test_a_name_with_a_space_is_found(world: World) -> None:
    made(world, '("Event ID" BIGINT, "Größe" VARCHAR)')
    world.write("Event ID,Größe\n1,b\n2,c\n")
    world.load(write={**WRITES["merge"], "primaryKey": ["Event ID"]})
    assert (names(world), held(world, "*")) == (["Event ID", "Größe"], [(1, "b"), (2, "c")])


@pytest.mark.parametrize("more", ["", ",w"])
def test_a_merge_by_a_column_that_the_table_lacks_is_refused(place: Place, more: str) -> None:
    place.write("id,v\n1,a\n2,b\n")
    place.load(write={"disposition": "merge", "primaryKey": ["id"]})
    place.write(f"id,Region,v{more}\n1,n,a{',x' if more else ''}\n")
    with pytest.raises(WorkloadError, match=r"has no column Region of write\.primaryKey") as caught:
        place.load(write={"disposition": "merge", "primaryKey": ["id", "Region"]})
    assert (caught.value.reason, caught.value.exit_code) == ("SchemaConflict", 2)
    assert caught.value.refused is not None
    assert (names(place), held(place, "id, v")) == (["id", "v"], [(1, "a"), (2, "b")])


def test_an_empty_table_may_get_its_key(place: Place) -> None:
    made(place, "(v VARCHAR)", "('a')")
    asked(place, "DELETE FROM {raw}")
    place.write("eventId,v\n1,a\n")
    for _ in range(2):
        place.load(write=WRITES["merge"])
        assert held(place, "event_id, v") == [(1, "a")]


@pytest.mark.parametrize("twice", [("eventId", "event_id"), ("eventId", "EVENTID")], ids="-".join)
def test_a_column_that_is_declared_twice_is_refused(world: World, twice: tuple[str, str]) -> None:
    made(world)
    world.write("eventId,V\n1,a\n")
    what = f"csv.schema names the column event_id twice ({twice[0]!r} and {twice[1]!r})"
    with pytest.raises(WorkloadError, match=re.escape(what)) as caught:
        world.load(write=WRITES["append"], csv={"schema": {twice[0]: "BIGINT", twice[1]: "VARCHAR"}})
    assert (caught.value.reason, caught.value.exit_code) == ("ColumnDoubled", 2)
