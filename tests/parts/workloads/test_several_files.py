"""A glob on a volume: its files are one load."""

import pytest
from tests.parts.workloads.conftest import World

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
