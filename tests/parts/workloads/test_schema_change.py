"""The table is the schema, whatever the disposition and the warehouse: columns stay, types stay, nothing is lost."""

import re
from typing import Any

import pytest
from tests.parts.workloads.conftest import World
from tests.parts.workloads.lake import Lake

from freshet.workloads.errors import DataRefused, InputError

WRITES = {
    "append": {"disposition": "append", "onFileChange": "append"},
    "merge": {"disposition": "merge", "primaryKey": ["id"]},
    "replace": {"disposition": "replace"},
}
Place = World | Lake


@pytest.fixture(params=["world", "lake"])
def place(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


def held(place: Place, columns: str) -> list[tuple[Any, ...]]:
    table = "{raw}" if isinstance(place, Lake) else "kw.raw"
    text = f"SELECT {columns} FROM {table} ORDER BY ALL"
    return place.query(text) if isinstance(place, Lake) else place.rows(text)


def types(place: Place) -> dict[str, str]:
    return {name: kind for name, kind in _described(place) if not name.startswith("_freshet")}


def _described(place: Place) -> list[tuple[Any, ...]]:
    schema = place.schema if isinstance(place, Lake) else "kw"
    text = f"SELECT column_name, data_type FROM duckdb_columns() WHERE schema_name = '{schema}' AND table_name = 'raw'"
    return place.query(text) if isinstance(place, Lake) else place.rows(text)


def follow(place: Place, write: dict[str, Any], rows: str) -> None:
    """The export after the first; one that grows has the new rows behind the old ones."""
    head = place.csv.read_text() if write["disposition"] == "append" else "id,v\n"
    place.write(head + rows)


WIDER = {"DOUBLE": ("1.5", "2"), "VARCHAR": ("a", "2"), "TIMESTAMP": ("2026-01-01 10:00:00", "2026-01-02")}


@pytest.mark.parametrize("kind", WIDER)
@pytest.mark.parametrize("name", WRITES)
def test_values_that_would_fit_a_narrower_type_leave_the_table_s(place: Place, name: str, kind: str) -> None:
    first, then = WIDER[kind]
    place.write(f"id,v\n1,{first}\n")
    place.load(write=WRITES[name])
    before = types(place)
    assert before["v"] == kind
    follow(place, WRITES[name], f"2,{then}\n")
    place.load(write=WRITES[name])
    assert types(place) == before


@pytest.mark.parametrize("bad", ["drop", "quarantine"])
@pytest.mark.parametrize("name", WRITES)
def test_a_column_that_has_become_another_type_is_no_bad_row_that_may_be_left_out(
    place: Place, name: str, bad: str
) -> None:
    place.write("id,v\n1,1\n")
    place.load(write=WRITES[name])
    follow(place, WRITES[name], "2,2\n3,2.5\nx,4,5\n")
    with pytest.raises(InputError, match="Column v is BIGINT in the table, but DOUBLE in") as caught:
        place.load(write=WRITES[name], onBadRows=bad)
    assert caught.value.reason == "SchemaConflict"
    assert held(place, "id, v") == [(1, 1)]
    told = place.load(write=WRITES[name], onBadRows=bad, csv={"schema": {"v": "BIGINT"}})
    assert told["rowsRejected"] == 2, "the contract says what a bad row is"


SETTINGS = [("fail", "evolve"), ("drop", "evolve"), ("drop", "fail"), ("quarantine", "evolve")]


@pytest.mark.parametrize(("bad", "change"), SETTINGS)
@pytest.mark.parametrize("name", ["append", "replace"])
def test_numbers_that_have_become_words_are_a_change_whatever_is_set(
    place: Place, name: str, bad: str, change: str
) -> None:
    glob = {"path": str(place.folder / "*.csv")}
    old = place.write("id,v\n1,1\n", "1.csv")
    place.load(csv=glob, write=WRITES[name])
    if name == "replace":
        old.unlink()
    place.write("id,v\n2,two\n3,\n4,four\n", "2.csv")
    spec = {"write": WRITES[name], "onBadRows": bad, "onSchemaChange": change}
    what = r"Column v is BIGINT in the table, but not one of its values in \S+ is \(first in line 2\)"
    with pytest.raises(InputError, match=what) as caught:
        place.load(csv=glob, **spec)
    assert (caught.value.reason, caught.value.rows_in, caught.value.rows_rejected) == ("SchemaConflict", 3, 2)
    assert [one.line for one in caught.value.samples] == [2, 4]
    assert held(place, "id, v") == [(1, 1)]
    if bad != "fail":
        told = place.load(csv={**glob, "schema": {"v": "BIGINT"}}, **spec)
        assert (told["rowsIn"], told["rowsRejected"]) == (3, 2), "the contract says what a bad row is"


@pytest.mark.parametrize("change", ["evolve", "fail"])
def test_a_word_among_numbers_is_a_bad_row(place: Place, change: str) -> None:
    place.write("id,v\n1,1\n")
    place.load()
    place.write("id,v\n2,two\n3,three\n4,4\n")
    with pytest.raises(DataRefused, match="2 of 3 rows") as caught:
        place.load(onSchemaChange=change)
    assert caught.value.reason == "BadRows"
    assert place.load(onSchemaChange=change, onBadRows="drop")["rowsRejected"] == 2
    assert held(place, "id, v") == [(4, 4)]


WORDS = {"BIGINT": ("1", "one"), "DOUBLE": ("1.5", "one"), "BOOLEAN": ("true", "maybe"), "DATE": ("2026-01-01", "soon")}


@pytest.mark.parametrize("kind", WORDS)
def test_a_value_that_fits_shows_that_its_column_is_what_it_was(world: World, kind: str) -> None:
    """Also in a row that is bad for another column; without it, the column has changed."""
    good, word = WORDS[kind]
    world.write(f"id,v\n1,{good}\n")
    world.load()
    assert types(world)["v"] == kind
    world.write(f"id,v\nx,{good}\n2,{word}\n3,\n")
    assert world.load(onBadRows="drop")["rowsRejected"] == 2
    world.write(f"id,v\nx,{word}\n2,{word}\n3,\n")
    with pytest.raises(InputError, match=f"Column v is {kind} in the table, but not one of its values"):
        world.load(onBadRows="drop")


def test_a_row_that_is_too_short_says_nothing_of_its_columns(world: World) -> None:
    world.write("id,v\n1,1.5\n")
    world.load()
    world.write("id,v\n1,2\n3\n")
    assert world.load(onBadRows="drop")["rowsRejected"] == 1


def test_a_time_of_day_in_a_column_of_dates_is_a_change_and_a_word_in_it_is_a_bad_row(place: Place) -> None:
    place.write("id,v\n1,2026-01-01\n")
    place.load()
    place.write("id,v\n1,2026-01-01 10:00:00\n2,2026-01-02\n")
    with pytest.raises(InputError, match="is DATE in the table, but TIMESTAMP in"):
        place.load(onBadRows="drop")
    place.write("id,v\n1,soon\n2,2026-01-02\n")
    assert place.load(onBadRows="drop")["rowsRejected"] == 1
    with pytest.raises(DataRefused, match="1 of 2 rows"):
        place.load()


def test_the_change_is_seen_behind_any_number_of_bad_rows(place: Place) -> None:
    place.write("id,v\n1,1\n")
    place.load()
    place.write("id,v\n" + "x,1\n" * 500 + "7,2.5\n8,3\n")
    with pytest.raises(InputError, match="Column v is BIGINT"):
        place.load(onBadRows="drop")


@pytest.mark.parametrize("more", ["", ",w"])
def test_replacing_keeps_a_column_that_the_file_lacks_and_empties_it(place: Place, more: str) -> None:
    place.write("id,v\n1,2.5\n")
    place.load()
    place.write(f"id{more}\n7{',new' if more else ''}\n")
    place.load()
    assert held(place, "id, v") == [(7, None)]
    assert types(place) == {"id": "BIGINT", "v": "DOUBLE"} | ({"w": "VARCHAR"} if more else {})
    place.write("id,v\n8,3\n")
    place.load()
    assert held(place, "id, v") == [(8, 3.0)]
    assert types(place)["v"] == "DOUBLE"


def test_replacing_with_a_declared_type_makes_the_column_anew_and_keeps_the_others(place: Place) -> None:
    place.write("id,v,w\n1,2,3\n")
    place.load()
    place.write("id,v\n1,2.5\n")
    place.load(csv={"schema": {"v": "DOUBLE"}})
    assert held(place, "id, v, w") == [(1, 2.5, None)]
    assert types(place) == {"id": "BIGINT", "v": "DOUBLE", "w": "BIGINT"}


@pytest.mark.parametrize("names", [("b.csv",), ("b.csv", "c.csv")], ids=len)
@pytest.mark.parametrize("name", ["append", "replace"])
def test_where_changes_are_refused_each_file_of_a_glob_has_the_table_s_columns(
    place: Place, name: str, names: tuple[str, ...]
) -> None:
    glob = {"path": str(place.folder / "*.csv")}
    place.write("id,v\n1,a\n", "a.csv")
    place.load(csv=glob, write=WRITES[name], onSchemaChange="fail")
    for path, rows in zip(names, ("id\n2\n", "id,v\n3,c\n"), strict=False):
        place.write(rows, path)
    what = rf"columns of {re.escape(str(place.folder / 'b.csv'))} differ from the table's \(gone: v\)"
    with pytest.raises(InputError, match=what) as caught:
        place.load(csv=glob, write=WRITES[name], onSchemaChange="fail")
    assert caught.value.reason == "SchemaChanged"
    assert held(place, "id, v") == [(1, "a")]
    place.load(csv=glob, write=WRITES[name])
    assert held(place, "id, v")[1] == (2, None)
