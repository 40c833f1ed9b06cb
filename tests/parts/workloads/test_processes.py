"""Loads and counts as the processes they are in a pod: results, exit codes, locks, and kill -9."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest
from tests.parts.workloads.conftest import World
from tests.parts.workloads.writes import APPEND, MERGE
from tests.support.secrecy import assert_hidden

LIMIT_SECONDS = 120


class Workload:
    """One ``freshet ingest`` or ``freshet count`` in a process of its own."""

    def __init__(self, world: World, command: str, spec: dict[str, Any], name: str = "result", **environ: str) -> None:
        self.log = world.folder / f"{name}.json"
        self.log.unlink(missing_ok=True)
        own = {
            "FRESHET_SPEC": json.dumps(spec),
            "FRESHET_TERMINATION_LOG": str(self.log),
            "TMPDIR": str(world.folder),
            **environ,
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "freshet.workloads", command],
            env={**os.environ, **own},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def end(self) -> tuple[int, dict[str, Any], str]:
        out, err = self.process.communicate(timeout=LIMIT_SECONDS)
        assert_hidden(out + err + self.log.read_text(), where="a workload's log or result")
        return self.process.returncode, self.result(), err

    def result(self) -> dict[str, Any]:
        assert self.log.stat().st_size <= 4096
        found = json.loads(self.log.read_text())
        assert isinstance(found, dict)
        return found


def big(world: World, rows: int) -> Path:
    return world.write("id,name\n" + "".join(f"{number},name {number}\n" for number in range(rows)))


def held(world: World) -> subprocess.Popen[str]:
    """Another process that keeps the warehouse for itself until its stdin closes."""
    code = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(world.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_load_and_a_count_leave_their_results(world: World) -> None:
    big(world, 100)
    code, result, err = Workload(world, "ingest", world.spec()).end()
    assert code == 0, err
    assert (result["kind"], result["rows"], result["relation"]) == ("ingest", 100, "kw.raw")
    assert "error" not in result
    assert "100 rows" in err
    spec = {"warehouse": world.spec()["warehouse"], "relation": "kw.raw", "checks": {"rows": {"minimum": 101}}}
    code, result, err = Workload(world, "count", spec).end()
    assert code == 0, err
    assert (result["kind"], result["rows"], result["checks"][0]["passed"]) == ("count", 100, False)


@pytest.mark.parametrize(
    ("change", "code", "reason"),
    [
        ({"csv": {"path": "/nowhere/x.csv"}}, 2, "FolderMissing"),
        ({"table": None}, 2, "SpecInvalid"),
        ({"csv": {"path": None}}, 2, "SpecInvalid"),
        ({"csv": {"path": "/nowhere/x.csv", "schema": None}, "write": None, "checks": None}, 2, "FolderMissing"),
        ({"write": {"disposition": "merge"}}, 2, "SpecInvalid"),
        ({"write": {"onFileChange": "keep"}}, 2, "SpecInvalid"),
        ({"warehouse": {}}, 2, "SpecInvalid"),
        ({"warehouse": {"databricks": {"schema": "kw"}}}, 2, "CredentialsMissing"),
    ],
)
def test_failures_leave_a_result_and_a_code(world: World, change: dict[str, Any], code: int, reason: str) -> None:
    big(world, 1)
    found, result, err = Workload(world, "ingest", {**world.spec(), **change}).end()
    assert (found, result["error"]["reason"]) == (code, reason)
    assert result["error"]["message"] in err
    assert "Traceback" not in err


def test_a_locked_warehouse_is_waited_for(world: World) -> None:
    big(world, 10)
    holder = held(world)
    waiting = Workload(world, "ingest", world.spec())
    assert waiting.process.stderr is not None
    assert "Waiting for" in waiting.process.stderr.readline()
    holder.communicate(timeout=LIMIT_SECONDS)
    code, result, _ = waiting.end()
    assert (code, result["rows"]) == (0, 10)


@pytest.mark.parametrize("command", ["ingest", "count"])
def test_a_warehouse_that_stays_locked_is_said(world: World, command: str) -> None:
    big(world, 10)
    holder = held(world)
    spec = {**world.spec(), "relation": "raw"}
    spec["warehouse"]["duckdb"]["lockTimeout"] = 0.3
    code, result, _ = Workload(world, command, spec).end()
    holder.communicate(timeout=LIMIT_SECONDS)
    assert (code, result["error"]["reason"]) == (4, "WarehouseLocked")


def test_two_at_once_double_nothing(world: World) -> None:
    big(world, 5000)
    pods = [Workload(world, "ingest", world.spec(write=APPEND), name=f"pod{number}") for number in range(3)]
    results = [pod.end() for pod in pods]
    assert [code for code, *_ in results] == [0, 0, 0]
    assert sorted(result["changed"] for _, result, _ in results) == [False, False, True]
    assert len({result["version"] for _, result, _ in results}) == 1
    assert world.rows("SELECT count(*), count(DISTINCT id) FROM kw.raw") == [(5000, 5000)]


@pytest.mark.parametrize(
    "write", [APPEND, MERGE, {"disposition": "replace"}], ids=lambda write: str(write["disposition"])
)
def test_killed_at_any_point_nothing_is_lost_or_doubled(world: World, write: dict[str, Any]) -> None:
    glob = {"path": str(world.folder / "part-*.csv")}
    dice = random.Random(7)
    longest = 1.0
    for round_ in range(7):
        rows = "".join(f"{round_ * 1000 + number},name {number}\n" for number in range(1000))
        world.write("id,name\n" + rows, f"part-{round_}.csv")
        victim = Workload(world, "ingest", world.spec(csv=glob, write=write))
        time.sleep(dice.uniform(0.2, longest))
        victim.process.send_signal(signal.SIGKILL)
        victim.process.communicate(timeout=LIMIT_SECONDS)
        started = time.monotonic()
        code, result, err = Workload(world, "ingest", world.spec(csv=glob, write=write)).end()
        longest = max(1.0, time.monotonic() - started)
        assert code == 0, err
        expected = (round_ + 1) * 1000
        assert result["rows"] == expected
        assert world.rows("SELECT count(*), count(DISTINCT id) FROM kw.raw") == [(expected, expected)]
        assert world.rows("SELECT count(*) FROM duckdb_tables() WHERE table_name LIKE '%incoming%'") == [(0,)]


def test_terminated_is_said(world: World) -> None:
    big(world, 10)
    holder = held(world)
    waiting = Workload(world, "ingest", world.spec())
    assert waiting.process.stderr is not None
    assert "Waiting for" in waiting.process.stderr.readline()
    waiting.process.send_signal(signal.SIGTERM)
    code, result, _ = waiting.end()
    holder.communicate(timeout=LIMIT_SECONDS)
    assert (code, result["error"]["reason"]) == (4, "Terminated")


def test_a_reader_never_sees_half_a_load(world: World) -> None:
    big(world, 3000)
    assert Workload(world, "ingest", world.spec()).end()[0] == 0
    world.write("id,name\n" + "".join(f"{number},x\n" for number in range(6000)))
    load = Workload(world, "ingest", world.spec())
    seen = set()
    while load.process.poll() is None:
        try:
            with duckdb.connect(str(world.path), read_only=True) as con:
                seen.add(con.execute("SELECT count(*) FROM kw.raw").fetchone())
        except duckdb.IOException:
            time.sleep(0.005)
    assert load.end()[0] == 0
    assert seen <= {(3000,), (6000,)}
