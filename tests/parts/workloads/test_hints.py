"""The newest result that a pod is handed: true only until another load may have run."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.parts.workloads.conftest import World


def stamp(minutes: int) -> str:
    return (datetime.now(UTC) + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_a_then_b_then_a_while_nobody_listened(world: World) -> None:
    """The second A is no repetition of the first, though the hint, which is of before B, says so."""
    world.write("id,name\n1,a\n")
    first = world.load()
    world.write("id,name\n1,b\n")
    assert world.load(last={**first, "trustedUntil": stamp(5)})["changed"]
    world.write("id,name\n1,a\n")
    again = world.load(last={**first, "trustedUntil": stamp(-5)})
    assert again["changed"]
    assert again["version"] != first["version"]
    assert world.rows("SELECT name FROM kw.raw") == [("a",)]


def test_while_it_is_trusted_the_warehouse_sleeps(world: World) -> None:
    world.write("id,name\n1,a\n")
    first = world.load()
    assert "not opened" in world.load(last={**first, "trustedUntil": stamp(5)})["message"]


@pytest.mark.parametrize("disposition", ["append", "replace"])
def test_a_load_that_a_person_asked_for_finds_what_was_dropped_and_makes_no_version_else(
    world: World, disposition: str
) -> None:
    """It is handed the newest result without its fingerprint."""
    write = {"disposition": disposition}
    world.write("id,name\n1,a\n")
    last = {name: value for name, value in world.load(write=write).items() if name != "fingerprint"}
    again = world.load(write=write, last=last)
    assert (again["changed"], again["version"]) == (False, last["version"])
    world.do("DROP TABLE kw.raw")
    anew = world.load(write=write, last=last)
    assert (anew["changed"], anew["rows"], world.rows("SELECT name FROM kw.raw")) == (True, 1, [("a",)])
