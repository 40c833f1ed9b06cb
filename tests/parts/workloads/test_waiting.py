"""What is waited for is said to the kubelet's probe, and no longer than it lasts."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.parts.workloads.conftest import World
from tests.support.process import FRESHET
from tests.support.waiting import wait_for

from freshet.workloads import waiting
from freshet.workloads.databricks_sql import Sql
from freshet.workloads.duckdb_file import connect
from freshet.workloads.spec import DuckDb
from freshet.workloads.waiting import waits_for


@pytest.fixture
def said(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file of the pod that this process plays."""
    monkeypatch.setattr("tempfile.tempdir", str(world.folder))
    monkeypatch.setenv("FRESHET_RUN", "uid")
    monkeypatch.setattr(waiting, "PATIENCE", 0.05)
    return world.folder / "freshet-waiting"


def probe() -> tuple[int, str]:
    done = subprocess.run([FRESHET, "waiting"], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_the_probe_repeats_what_is_waited_for(said: Path) -> None:
    with waits_for("the lake"):
        wait_for(said.exists, what="the wait is said")
        code, words = probe()
    assert code == 1
    assert words.startswith("WaitingForWarehouse: the lake, since ")
    assert probe() == (0, "")


def test_it_is_in_the_log_as_soon_as_the_probe_tells_it(said: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logged: list[str] = []
    monkeypatch.setattr(waiting.LOG, "info", lambda text, *values: logged.append(text % values))
    with waits_for("the lake"):
        wait_for(lambda: logged, what="the wait is logged")
    assert logged == ["Waiting for the lake, 0 s by now."]


def test_a_short_wait_says_nothing(said: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "PATIENCE", 60)
    with waits_for("the lake"):
        pass
    assert not said.exists()


def test_at_a_terminal_nothing_is_left(said: Path) -> None:
    os.environ.pop("FRESHET_RUN")
    with waits_for("the lake", logged=False):
        waiting.threading.Event().wait(0.2)
        assert not said.exists()


def test_a_locked_file_is_waited_for_visibly(said: Path, world: World) -> None:
    code = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print(1, flush=True); sys.stdin.read()"
    command, pipe = [sys.executable, "-c", code, str(world.path)], subprocess.PIPE
    holder = subprocess.Popen(command, stdin=pipe, stdout=pipe)
    assert holder.stdin is not None
    assert holder.stdout is not None
    holder.stdout.readline()

    def sleep(_seconds: float) -> None:
        wait_for(lambda: said.exists() and said.read_text(), what="the wait is said")
        assert f"{world.path}, which another process holds" in said.read_text()
        holder.communicate()

    with connect(DuckDb(path=str(world.path), lock_timeout=60), read_only=True, sleep=sleep):
        assert not said.exists()


def test_only_the_first_answer_of_a_warehouse_may_be_a_cold_start(said: Path) -> None:
    class Cursor:
        def __enter__(self) -> Any:
            return self

        def __exit__(self, *_: object) -> None: ...

        def execute(self, statement: str, _values: object) -> None:
            if not seen:
                wait_for(said.exists, what="the wait for the first answer is said")
            else:
                waiting.threading.Event().wait(0.3)
            seen.append(said.exists())

        def fetchall(self) -> list[Any]:
            return []

    seen: list[bool] = []
    sql = Sql(connect=lambda: SimpleNamespace(cursor=Cursor), host="h")
    sql.ask("SELECT 1")
    sql.ask("MERGE a long one")
    assert seen == [True, False]
