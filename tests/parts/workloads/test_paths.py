"""A file is what its path says, whatever DuckDB makes of such a path: no glob, and no folder that names a column."""

import os
from pathlib import Path

import pytest
from tests.parts.workloads.conftest import World
from tests.parts.workloads.writes import APPEND, GROW

from freshet.workloads.errors import DataRefused, InputError

ODD = ["b[1].csv", "a*.csv", "a?.csv", "[ab].csv", "w[!x].csv", "b\\[1].csv", "d[1]/in.csv", "a\\b.csv", "{a,b}.csv"]
BESIDE = ["b1.csv", "ab.csv", "a.csv", "b.csv", "w1.csv", "d1/in.csv"]


def put(world: World, name: str, content: str) -> Path:
    (world.folder / name).parent.mkdir(parents=True, exist_ok=True)
    return world.write(content, name)


@pytest.mark.parametrize("schema", [{}, {"schema": {"id": "BIGINT", "country": "VARCHAR"}}])
def test_a_folder_that_is_called_as_a_column_does_not_fill_it(world: World, schema: dict[str, dict[str, str]]) -> None:
    path = put(world, "country=DE/x.csv", "id,country\n1,FR\n2,IT\n")
    world.load(csv={"path": str(path), **schema})
    assert world.rows() == [(1, "FR"), (2, "IT")]


def test_a_folder_that_is_called_as_a_column_of_numbers(world: World) -> None:
    path = put(world, "year=2026/x.csv", "id,year\n1,1999\n2,2000\n")
    world.load(csv={"path": str(path)})
    assert world.rows() == [(1, 1999), (2, 2000)]


@pytest.mark.parametrize("name", ODD)
def test_a_name_with_brackets_or_stars_is_no_glob(world: World, name: str) -> None:
    for other in BESIDE:
        put(world, other, "id,n\n2,other\n")
    path = put(world, name, "id,n\n1,own\n")
    world.load(csv={"path": str(path)})
    assert world.rows() == [(1, "own")]


def test_of_files_of_a_glob_none_is_read_for_another(world: World) -> None:
    put(world, "report[1].csv", "id,n\n1,a\n")
    put(world, "report1.csv", "id,n\n2,b\n")
    world.load(csv={"path": f"{world.folder}/*.csv"}, write=APPEND)
    assert world.rows("SELECT id, n FROM kw.raw ORDER BY id") == [(1, "a"), (2, "b")]


def test_a_bad_row_of_such_a_file_is_told_and_kept_with_its_path(world: World) -> None:
    path = put(world, "d[1]/b[1].csv", "id,n\n1,a\nx,b\n2\n")
    spec = {"csv": {"path": str(path), "schema": {"id": "BIGINT"}}}
    world.load(**spec, onBadRows="quarantine")
    kept = world.rows("SELECT path, line, raw FROM kw.raw__rejected ORDER BY line")
    assert kept == [(str(path), 3, "x,b"), (str(path), 4, "2")]
    path.write_bytes(b"id,n\n1,a\r\n2,b\n")
    with pytest.raises(DataRefused) as caught:
        world.load(**spec)
    assert f"{path} has mixed line ends" in caught.value.message


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_such_a_file_grows(world: World, encoding: str) -> None:
    put(world, "b1.csv", "id\n7\n8\n9\n")
    path = put(world, "b[1].csv", "id\n1\n")
    spec = {"csv": {"path": str(path), "encoding": encoding}, "write": GROW}
    world.load(**spec)
    path.write_text("id\n1\n2\n")
    world.load(**spec)
    assert world.rows("SELECT id FROM kw.raw ORDER BY id") == [(1,), (2,)]


@pytest.mark.parametrize("name", [b"gr\xfcn.csv", b"\xff/a[1].csv"])
def test_a_name_that_is_no_utf_8_is_told_and_recorded_with_its_bytes_in_hex(world: World, name: bytes) -> None:
    """DuckDB takes no such path, and no warehouse such a text."""
    shown = f"{world.folder}/{name.decode('utf-8', 'backslashreplace')}"
    spec = {"csv": {"path": f"{world.folder}/**/*.csv", "schema": {"id": "BIGINT"}}, "onBadRows": "quarantine"}
    put(world, os.fsdecode(name), "id,n\n1,a\nx,b\n")
    world.load(**spec, write=GROW)
    put(world, os.fsdecode(name), "id,n\n1,a\nx,b\n2,c\ny,d\n")
    world.load(**spec, write=GROW)
    assert world.rows() == [(1, "a"), (2, "c")]
    assert world.rows("SELECT path, line FROM kw.raw__rejected ORDER BY line") == [(shown, 3), (shown, 5)]
    assert {path for (path,) in world.rows("SELECT path FROM kw._freshet_files")} == {shown}
    put(world, os.fsdecode(name), "")
    with pytest.raises(InputError) as caught:
        world.load(**spec, write=GROW)
    assert caught.value.message.startswith(f"The file {shown} is empty")


def test_two_names_that_would_be_recorded_as_one_are_refused(world: World) -> None:
    put(world, os.fsdecode(b"gr\xfcn.csv"), "id\n1\n")
    put(world, "gr\\xfcn.csv", "id\n2\n")
    with pytest.raises(InputError, match=r"both be recorded as .*/gr\\xfcn\.csv, since the name of one is not UTF-8"):
        world.load(csv={"path": f"{world.folder}/*.csv"}, write=APPEND)
