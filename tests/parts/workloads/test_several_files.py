"""A glob on a volume: its files are one load."""

import pytest
from tests.parts.workloads.conftest import World
from tests.parts.workloads.writes import MERGE

from freshet.workloads.errors import DataRefused


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_a_file_that_a_glob_names_twice_is_loaded_once(world: World, encoding: str) -> None:
    (world.folder / "x" / "y").mkdir(parents=True)
    world.write("id\n1\n", "x/y/a.csv")
    told = world.load(csv={"path": f"{world.folder}/**/**/*.csv", "encoding": encoding})
    assert (world.rows(), told["bytes"]) == ([(1,)], 5)


def test_a_bad_row_of_several_files_is_told_with_its_file(world: World) -> None:
    world.write("id\n1\n", "a.csv")
    path = world.write("id\n1\nx\n", "b.csv")
    with pytest.raises(DataRefused, match=f"first in line 3 of {path}, column id"):
        world.load(csv={"path": f"{world.folder}/*.csv", "schema": {"id": "BIGINT"}})


def test_files_of_a_glob_are_one_load_whatever_the_order_of_their_columns(world: World) -> None:
    world.write("id,name\n1,a\n", "day-1.csv")
    world.write("level,id\n9,2\n", "day-2.csv")
    world.write("id,name\n", "day-3.csv")
    world.load(csv={"path": str(world.folder / "day-*.csv")})
    assert world.rows("SELECT id, name, level FROM kw.raw ORDER BY id") == [(1, "a", None), (2, None, 9)]


def test_merged_files_of_a_glob_count_together_and_one_alone_leaves_what_it_has_not(world: World) -> None:
    world.write("id,v,w\n1,v1,w1\n2,v2,w2\n", "a.csv")
    spec = {"csv": {"path": f"{world.folder}/*.csv"}, "write": MERGE}
    world.load(**spec)
    world.write("id,w\n1,W\n", "a.csv")
    world.load(**spec)
    assert world.rows() == [(1, "v1", "W"), (2, "v2", "w2")]
    world.write("id,v,w\n3,v3,w3\n", "b.csv")
    world.load(**spec)
    assert world.rows() == [(1, None, "W"), (2, "v2", "w2"), (3, "v3", "w3")]


def test_a_type_that_only_a_later_file_shows(world: World) -> None:
    world.write("v\n1\n", "day-1.csv")
    world.write("v\n1.5\n", "day-2.csv")
    world.load(csv={"path": str(world.folder / "day-*.csv")})
    assert world.rows() == [(1.0,), (1.5,)]


def test_numbers_of_several_files_that_no_double_keeps_are_text(world: World) -> None:
    world.write("v\n1234567890123456789\n", "day-1.csv")
    world.write("v\n1.5\n", "day-2.csv")
    world.load(csv={"path": str(world.folder / "day-*.csv")})
    assert world.rows() == [("1.5",), ("1234567890123456789",)]
