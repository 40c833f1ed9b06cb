"""Rows that are long, or have many columns, are loaded in the memory that a load has."""

import os

import pytest
from tests.parts.workloads.conftest import World
from tests.parts.workloads.writes import MERGE

from freshet.workloads.errors import WorkloadError

LONG = 6_000


def written(world: World) -> None:
    """6,000 rows of 4 KB; the keys of five come twice."""
    text = os.urandom(2_000).hex()
    rows = "".join(f"{number},{text}\n" for number in range(LONG))
    world.write("id,t\n" + rows + "".join(f"{number},last\n" for number in range(5)))


@pytest.mark.parametrize(("rule", "left", "aside"), [("keepLast", LONG, 0), ("quarantine", LONG - 5, 10)])
def test_rows_of_a_key_that_comes_twice_may_be_long(
    world: World, monkeypatch: pytest.MonkeyPatch, rule: str, left: int, aside: int
) -> None:
    monkeypatch.setenv("FRESHET_PARSE_MEMORY", "40MB")
    written(world)
    told = world.load(write={**MERGE, "onDuplicateKey": rule})
    assert (told["rows"], told["rowsRejected"]) == (left, aside)
    assert world.rows("SELECT count(DISTINCT id) FROM kw.raw") == [(left,)]
    assert world.rows("SELECT count(*) FROM kw.raw WHERE t = 'last'") == [(0 if aside else 5,)]


def test_keys_for_which_memory_is_short_say_what_to_raise(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from freshet.workloads import prepare

    def short(con: object, **_: object) -> int:
        import duckdb

        raise duckdb.OutOfMemoryException("Out of Memory Error: could not allocate block of size 256.0 KiB")

    monkeypatch.setattr(prepare, "check_keys", short)
    world.write("id\n1\n")
    with pytest.raises(WorkloadError, match="needs more memory than FRESHET_PARSE_MEMORY allows") as caught:
        world.load(write=MERGE)
    assert caught.value.reason == "TooLittleSpace"


def test_a_file_may_have_many_columns(world: World) -> None:
    """With what DuckDB may hold by default: a batch of so many rows whatever their width did not fit."""
    names = [f"c{number}" for number in range(500)]
    world.write(",".join(names) + "\n" + (",".join(["1001"] * 500) + "\n") * 30_000)
    assert world.load(csv={"schema": dict.fromkeys(names, "BIGINT")})["rows"] == 30_000


def test_too_little_memory_for_a_file_names_the_variable(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRESHET_PARSE_MEMORY", "4MB")
    names = [f"c{number}" for number in range(200)]
    world.write(",".join(names) + "\n" + (",".join(["1001"] * 200) + "\n") * 4_000)
    with pytest.raises(WorkloadError, match="FRESHET_PARSE_MEMORY allows: raise it") as caught:
        world.load(csv={"schema": dict.fromkeys(names, "BIGINT")})
    assert caught.value.reason == "TooLittleSpace"
