"""The primary key of a merge: rows without one, rows that share one, and tables that hold one twice."""

import msgspec
import pytest
from tests.parts.workloads.conftest import World
from tests.parts.workloads.writes import MERGE

from freshet.workloads.errors import DataRefused, InputError


def test_merge_with_a_key_of_several_columns_and_nothing_else(world: World) -> None:
    world.write("a,b\n1,x\n1,y\n")
    key = {"disposition": "merge", "primaryKey": ["a", "b"]}
    world.load(write=key)
    world.write("a,b\n1,y\n2,y\n")
    assert world.load(write=key)["rowsLoaded"] == 1
    assert world.rows() == [(1, "x"), (1, "y"), (2, "y")]


@pytest.mark.parametrize(
    ("columns", "key", "held"),
    [
        ("id,g,v\n3,x,c\n", "g", [(1, "x", "a"), (2, "x", "b"), (3, "y", "c")]),
        ("id,g,v\n1,x,a\n3,y,C\n", "g", [(1, "x", "a"), (2, "x", "b"), (3, "y", "c")]),
        ("g\nx\n", "g", [(1, "x", "a"), (2, "x", "b"), (3, "y", "c")]),
    ],
)
def test_a_table_that_holds_a_key_twice_takes_no_rows_by_it(
    world: World, columns: str, key: str, held: list[tuple[int, str, str]]
) -> None:
    """Else one row would be written over several, or beside rows that nobody knows apart."""
    world.write("id,g,v\n1,x,a\n2,x,b\n3,y,c\n")
    world.load(write=MERGE)
    world.write(columns)
    with pytest.raises(InputError, match=r"more than one row of the same key \(g\), nothing was published") as caught:
        world.load(write={"disposition": "merge", "primaryKey": [key]})
    assert caught.value.reason == "DuplicateKeysInTable"
    assert world.rows() == held
    assert world.rows("SELECT count(*) FROM kw._freshet_loads") == [(1,)]
    assert world.rows("SELECT table_name FROM duckdb_tables() WHERE table_name LIKE '%incoming%'") == []


def test_other_rows_of_such_a_table_may_be_merged(world: World) -> None:
    world.write("id,g,v\n1,x,a\n2,x,b\n")
    world.load(write=MERGE)
    world.write("id,g,v\n3,z,c\n")
    world.load(write={"disposition": "merge", "primaryKey": ["g"]})
    assert world.rows() == [(1, "x", "a"), (2, "x", "b"), (3, "z", "c")]


@pytest.mark.parametrize("bad", [100, 101])
def test_lines_of_keys_are_right_or_not_told(world: World, bad: int) -> None:
    """Of dropped rows the first hundred are known by their lines."""
    world.write("id,name\n" + "x,b\n" * bad + "1,a\n2,b\n1,c\n")
    declared = {"schema": {"id": "BIGINT"}}
    with pytest.raises(DataRefused) as caught:
        world.load(csv=declared, write=MERGE, onBadRows="drop")
    lines = [sample.line for sample in caught.value.samples]
    assert (caught.value.reason, lines) == ("DuplicateKeys", [102, 104] if bad == 100 else [])
    assert ("first seen in lines 102, 104" in caught.value.message) == (bad == 100)
    world.write("id,name\n" + "x,b\n" * bad + "1,a\n,c\n")
    with pytest.raises(DataRefused) as caught:
        world.load(csv=declared, write=MERGE, onBadRows="drop")
    lines = [sample.line for sample in caught.value.samples]
    assert (caught.value.reason, lines) == ("KeyMissing", [103] if bad == 100 else [])
    assert ("first in line 103" in caught.value.message) == (bad == 100)


def test_duplicate_keys_name_columns_count_and_lines(world: World) -> None:
    world.write('id,name\n1,a\n2,"b\nb"\n1,c\n\n2,d\n3,e\n')
    with pytest.raises(DataRefused) as caught:
        world.load(write=MERGE)
    assert caught.value.reason == "DuplicateKeys"
    assert "2 rows repeat the primary key (id)" in caught.value.message
    assert "lines 2, 3, 5" in caught.value.message
    assert not world.path.exists()


def test_keep_last_takes_the_last_row_of_each_key(world: World) -> None:
    world.write("id,name\n1,a\n2,b\n1,c\n")
    result = world.load(write={**MERGE, "onDuplicateKey": "keepLast"})
    assert world.rows() == [(1, "c"), (2, "b")]
    assert (result["rowsIn"], result["rowsLoaded"]) == (3, 2)


@pytest.mark.parametrize(("rule", "left"), [("keepLast", [(1, 0), (2, 1)]), ("quarantine", [(2, 1)])])
def test_a_column_may_be_called_as_duckdb_calls_its_counter(
    world: World, rule: str, left: list[tuple[int, int]]
) -> None:
    world.write("id,File_Row_Number\n1,9\n2,1\n1,0\n")
    world.load(write={**MERGE, "onDuplicateKey": rule})
    assert world.rows("SELECT id, file_row_number FROM kw.raw ORDER BY id") == left
    with pytest.raises(DataRefused, match="lines 2, 4"):
        world.load(write=MERGE)


def test_an_empty_key_is_refused(world: World) -> None:
    world.write("id,name\n1,a\n,b\n")
    with pytest.raises(DataRefused) as caught:
        world.load(write=MERGE)
    assert caught.value.reason == "KeyMissing"
    assert caught.value.samples[0].line == 3


def test_rows_that_share_a_key_may_be_set_aside(world: World) -> None:
    world.write("id,name\n1,a\n2,b\nx,y\n2,c\n3,d\n")
    write = {**MERGE, "onDuplicateKey": "quarantine"}
    csv = {"schema": {"id": "BIGINT"}}
    told = world.load(csv=csv, write=write, onBadRows="drop")
    assert world.rows() == [(1, "a"), (3, "d")]
    assert (told["rowsIn"], told["rowsLoaded"], told["rowsRejected"]) == (5, 2, 3)
    aside = world.rows('SELECT line, "column", reason, raw FROM kw.raw__rejected ORDER BY line')
    assert aside == [(3, "id", "the key comes more than once", "2,b"), (5, "id", "the key comes more than once", "2,c")]
    with pytest.raises(DataRefused) as caught:
        world.load(csv={**csv, "nullStrings": ["-"]}, write=write, onBadRows="drop", maximumBadRows=2)
    assert (caught.value.reason, caught.value.rows_rejected) == ("TooManyBadRows", 3)


@pytest.mark.parametrize("key", [["n"], ["day", "n"]])
def test_a_key_may_be_called_as_what_counts_it(world: World, key: list[str]) -> None:
    world.write("day,n,v\n1,0,a\n1,0,b\n1,1,c\n")
    with pytest.raises(DataRefused, match="1 rows repeat"):
        world.load(write={"disposition": "merge", "primaryKey": key})
    world.load(write={"disposition": "merge", "primaryKey": key, "onDuplicateKey": "keepLast"})
    assert world.rows() == [(1, 0, "b"), (1, 1, "c")]


def test_only_merge_takes_a_key(world: World) -> None:
    world.write("id\n1\n")
    with pytest.raises(msgspec.ValidationError, match="read by merge only"):
        world.load(write={"disposition": "append", "primaryKey": ["id"]})
