"""What a load that was killed has left in a DuckDB file does not stay there."""

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import duckdb
import pytest
from tests.parts.workloads.conftest import World
from tests.parts.workloads.writes import APPEND

from freshet.workloads.count_duckdb import ask_duckdb
from freshet.workloads.duckdb_new import make_file
from freshet.workloads.errors import WorkloadError
from freshet.workloads.spec import DuckDb

LIMIT_SECONDS = 120
KILLED = """
import os, signal
from freshet.workloads.duckdb_warehouse import DuckDbWarehouse
DuckDbWarehouse._publish = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
from freshet.workloads.ingest import ingest
ingest()
"""


def left(world: World) -> list[str]:
    found = world.rows("SELECT table_name FROM duckdb_tables() WHERE table_name LIKE '%incoming%'")
    return [name for (name,) in found]


def killed(world: World, **spec: Any) -> None:
    """When its rows lie beside the table and wait to be published."""
    environ = {**os.environ, "FRESHET_SPEC": json.dumps(world.spec(**spec)), "TMPDIR": str(world.folder)}
    done = subprocess.run([sys.executable, "-c", KILLED], env=environ, timeout=LIMIT_SECONDS, check=False)
    assert done.returncode == -signal.SIGKILL
    assert left(world) == [f"_freshet_incoming_{spec.get('table', 'raw')}"]


@pytest.mark.parametrize("write", [APPEND, {"disposition": "replace"}], ids=lambda write: str(write["disposition"]))
def test_it_goes_with_the_next_look_where_nothing_is_to_be_loaded(world: World, write: dict[str, Any]) -> None:
    glob = {"path": str(world.folder / "*.csv")}
    world.write("id,v\n1,a\n")
    first = world.load(csv=glob, write=write)
    other = world.write("id,v\n2,b\n", "other.csv")
    killed(world, csv=glob, write=write)
    other.unlink()
    told = world.load(csv=glob, write=write)
    assert (told["changed"], told["version"]) == (False, first["version"])
    assert left(world) == []


def test_it_goes_where_all_files_were_taken(world: World) -> None:
    """``append``: the input is another, and no file of it is new."""
    for number in (1, 2):
        world.write(f"id,v\n{number},a\n", f"{number}.csv")
    glob = {"path": str(world.folder / "[12].csv")}
    world.load(csv=glob, write=APPEND)
    (world.folder / "2.csv").unlink()
    extra = world.write("id,v\n3,c\n", "3.csv")
    killed(world, csv={"path": str(world.folder / "?.csv")}, write=APPEND)
    extra.unlink()
    assert world.load(csv=glob, write=APPEND)["rows"] == 2
    assert left(world) == []


def test_it_goes_with_a_load_of_another_table(world: World) -> None:
    """Its own source may never be loaded again."""
    world.write("id,v\n1,a\n")
    killed(world, table="gone")
    world.load(write=APPEND)
    assert left(world) == []


def test_a_look_waits_for_nobody_to_tidy_up(world: World, tmp_path: Path) -> None:
    """A reader that keeps the file is no reason to fail."""
    glob = {"path": str(world.folder / "*.csv")}
    world.write("id,v\n1,a\n")
    world.load(csv=glob)
    other = world.write("id,v\n2,b\n", "other.csv")
    killed(world, csv=glob)
    other.unlink()
    code = "import duckdb, sys; c = duckdb.connect(sys.argv[1], read_only=True); print(1, flush=True); sys.stdin.read()"
    reader = subprocess.Popen(
        [sys.executable, "-c", code, str(world.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert reader.stdout is not None
    assert reader.stdout.readline() == "1\n"
    told = world.load(csv=glob)
    assert (told["changed"], told["rows"]) == (False, 1)
    reader.communicate(timeout=LIMIT_SECONDS)
    with duckdb.connect(str(world.path), read_only=True) as con:
        assert con.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name LIKE '%incoming%'").fetchone() == (1,)


def test_a_file_that_a_kill_left_empty_is_none(world: World) -> None:
    """DuckDB does not open it. Of pods that find it at once, none takes the other's away."""
    world.path.touch()
    with pytest.raises(WorkloadError) as caught:
        ask_duckdb(DuckDb(path=str(world.path), schema="kw"), parts=("kw", "raw"), column=None)
    assert caught.value.reason == "WarehouseMissing"
    with ThreadPoolExecutor() as pods:
        list(pods.map(make_file, [str(world.path)] * 8))
    world.do("CREATE SCHEMA kw; CREATE TABLE kw.own AS SELECT 1 AS x")
    make_file(str(world.path))
    world.write("id,v\n1,a\n")
    assert world.load()["rows"] == 1
    assert world.rows("FROM kw.own") == [(1,)]
    assert [path.name for path in world.folder.glob(".freshet-new-*")] == []


def test_a_new_file_is_made_also_where_there_are_no_hard_links(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.write("id,v\n1,a\n")
    monkeypatch.setattr(os, "link", Mock(side_effect=OSError))
    assert world.load()["rows"] == 1
    monkeypatch.undo()
    assert world.load()["rows"] == 1
