"""Columns of a table in DuckDB come and stay, and keep their types, whatever the next file has."""

import pytest
from tests.parts.workloads.conftest import World
from tests.parts.workloads.writes import MERGE

from freshet.workloads.errors import ConfigError, InputError


def test_new_columns_are_added_and_missing_ones_stay_empty(world: World) -> None:
    world.write("id,name\n1,a\n")
    world.load(write=MERGE)
    world.write("id,level\n1,9\n2,8\n")
    world.load(write=MERGE)
    assert world.rows("SELECT id, name, level FROM kw.raw ORDER BY id") == [(1, "a", 9), (2, None, 8)]


def test_a_changed_schema_is_refused_where_a_person_decides(world: World) -> None:
    world.write("id,name\n1,a\n")
    world.load(write=MERGE)
    world.write("id,level\n1,9\n")
    with pytest.raises(InputError) as caught:
        world.load(write=MERGE, onSchemaChange="fail")
    assert caught.value.reason == "SchemaChanged"
    assert "new: level; gone: name" in caught.value.message


def test_a_declared_type_that_contradicts_the_table_is_refused(world: World) -> None:
    world.write("id,name\n1,a\n")
    world.load(write=MERGE)
    with pytest.raises(ConfigError) as caught:
        world.load(write=MERGE, csv={"schema": {"id": "VARCHAR"}})
    assert caught.value.reason == "SchemaConflict"


def test_a_type_never_changes_by_itself(world: World) -> None:
    """Not even where the table is replaced; what does not fit it is a bad row."""
    world.write("id,v\n1,2\n")
    world.load()
    world.write("id,v\n1,x\n2,3\n")
    told = world.load(onBadRows="drop")
    assert (world.rows(), told["rowsRejected"]) == ([(2, 3)], 1)
    world.write("id,v\n1,2.5\n2,3\n")
    world.load(csv={"schema": {"v": "DOUBLE"}})
    assert world.rows() == [(1, 2.5), (2, 3.0)]


def test_replacing_keeps_a_column_that_the_file_lacks_and_empties_it(world: World) -> None:
    world.write("id,v\n1,2\n")
    world.load()
    world.write("id,w\n1,x\n")
    with pytest.raises(InputError) as caught:
        world.load(onSchemaChange="fail")
    assert caught.value.reason == "SchemaChanged"
    world.load()
    assert world.rows("SELECT column_name FROM information_schema.columns WHERE table_name = 'raw'") == [
        ("id",),
        ("w",),
        ("v",),
    ]
    assert world.rows("SELECT id, v, w FROM kw.raw") == [(1, None, "x")]
    with pytest.raises(ConfigError, match="dataTimeColumn v is not in"):
        world.load(dataTimeColumn="v")
