"""Files that hold a header and no rows: an empty day, or an export that has only begun."""

import pytest
from tests.parts.workloads.conftest import World
from tests.parts.workloads.writes import APPEND, MERGE

from freshet.workloads.errors import InputError


def test_an_empty_day_brings_nothing_new_and_is_taken_once_it_has_rows(world: World) -> None:
    """It was refused, and again with each look, and that of the first day could never be filled."""
    spec = {"csv": {"path": str(world.folder / "*.csv")}, "write": APPEND}
    world.write("id,v\n", "0.csv")
    world.write("id,v\n1,a\n", "1.csv")
    world.load(**spec)
    world.write("id,v\n", "2.csv")
    told = world.load(**spec)
    assert (told["changed"], told["rows"], told["rowsLoaded"]) == (False, 1, 0)
    assert told["message"] == "No new file has a row: kw.raw holds 1 rows."
    assert "warehouse was not opened" in world.load(last=told, **spec)["message"]
    world.write("id,v\n2,b\n", "2.csv")
    world.write("id,v\n0,z\n", "0.csv")
    assert world.load(**spec)["rowsIn"] == 2
    assert world.rows() == [(0, "z"), (1, "a"), (2, "b")]


@pytest.mark.parametrize("write", [APPEND, MERGE])
def test_the_files_without_rows_are_named_where_there_are_no_others(world: World, write: dict[str, object]) -> None:
    for name in "abcde":
        world.write("id,v\n", f"{name}.csv")
    spec = {"csv": {"path": str(world.folder / "*.csv")}, "write": write}
    with pytest.raises(InputError, match=r"/a\.csv, \S+/b\.csv, \S+/c\.csv and 2 more hold a header and no rows"):
        world.load(**spec)
    with pytest.raises(InputError, match=r"/a\.csv holds a header and no rows") as caught:
        world.load(**{**spec, "csv": {"path": str(world.folder / "a.csv")}})
    assert (caught.value.reason, caught.value.exit_code) == ("NoRows", 2)
