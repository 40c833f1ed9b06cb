"""Rows that are long, or have many columns, are loaded in the memory that a load has."""

import os
from pathlib import Path

import duckdb
import pytest
from tests.parts.workloads.conftest import World
from tests.parts.workloads.writes import MERGE

from freshet.workloads.engine import engine
from freshet.workloads.errors import WorkloadError
from freshet.workloads.threads import bound_threads

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
    """With what DuckDB may hold by default: batches of so many rows whatever their width did not fit, nor, each third
    time, what two threads read ahead.
    """
    names = [f"c{number}" for number in range(500)]
    world.write(",".join(names) + "\n" + (",".join(["1001"] * 500) + "\n") * 30_000)
    assert world.load(csv={"schema": dict.fromkeys(names, "BIGINT")})["rows"] == 30_000


def test_rows_may_be_long_and_all_of_them_differ(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """72 MB of 6 KB rows: one row group of them was more than a load may hold, and so was a join of whole rows."""
    monkeypatch.setenv("FRESHET_LOAD_MEMORY", "64MB")
    text = os.urandom(3_000).hex()
    for version in range(2):
        world.write("id,t\n" + "".join(f"{number},{version}{text}{number}\n" for number in range(12_000)))
        assert world.load(write=MERGE)["rowsLoaded"] == 12_000
    assert world.rows("SELECT count(DISTINCT t), min(left(t, 1)) FROM kw.raw") == [(12_000, "1")]
    assert not world.load(write=MERGE)["changed"]


@pytest.mark.parametrize(("cores", "columns", "left"), [(16, 100, 4), (16, 101, 1), (2, 100, 2), (1, 0, 1)])
def test_a_node_of_many_cores_takes_no_more_memory(cores: int, columns: int, left: int) -> None:
    """What each thread reads ahead of its turn is held: with 16 of them 100 columns did not fit."""
    with duckdb.connect(config={"threads": str(cores)}) as con:
        bound_threads(con, columns=columns)
        assert con.execute("SELECT current_setting('threads')").fetchone() == (left,)


def test_a_load_parses_with_few_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = duckdb.connect
    monkeypatch.setattr(duckdb, "connect", lambda *, config: real(config={**config, "threads": "16"}))
    with engine(tmp_path) as con:
        assert con.execute("SELECT current_setting('threads')").fetchone() == (4,)


def test_too_little_memory_for_a_file_names_the_variable(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRESHET_PARSE_MEMORY", "4MB")
    names = [f"c{number}" for number in range(200)]
    world.write(",".join(names) + "\n" + (",".join(["1001"] * 200) + "\n") * 4_000)
    with pytest.raises(WorkloadError, match="FRESHET_PARSE_MEMORY allows: raise it") as caught:
        world.load(csv={"schema": dict.fromkeys(names, "BIGINT")})
    assert caught.value.reason == "TooLittleSpace"
