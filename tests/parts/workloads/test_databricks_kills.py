"""kill -9 of real ``freshet ingest`` processes that load into Databricks: the rows are right afterwards.

A statement kills the process that sent it, and is done all the same, as a warehouse does it.
``FRESHET_FULL_MATRIX=1`` kills at every statement that changes something, else at a few of them. (At one that only
asks, all is as after the one before.)
"""

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from tests.parts.workloads.exports import OPERATIONS, put, rejected, rows_of
from tests.parts.workloads.lake import Lake
from tests.support.waiting import wait_for

from freshet.local.databricks.faults import T

FEW = 2
LIMIT_SECONDS = 120


class Deadly:
    """The stand-in, one of whose statements (counted from 0) is the last of its sender."""

    def __init__(self, lake: Lake) -> None:
        self._run = lake.server.faults.run
        self._left = -1
        self.victim: subprocess.Popen[str] | None = None

    def run(self, statement: str, work: Callable[[], T]) -> T:
        if self.victim is not None:
            self._left -= 1
            if self._left == -1:
                self.victim.kill()
                self.victim.wait(LIMIT_SECONDS)
        return self._run(statement, work)

    def ingest(self, lake: Lake, spec: dict[str, Any], *, at: int) -> int:
        """The exit code of a load as the process that a pod runs."""
        self._left = at
        self.victim = subprocess.Popen(
            [sys.executable, "-m", "freshet.workloads", "ingest"],
            env={**lake.environ(), "FRESHET_SPEC": json.dumps(lake.spec(**spec)), "TMPDIR": str(lake.folder)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        _, err = self.victim.communicate(timeout=LIMIT_SECONDS)
        print(err, end="")
        code, self.victim = self.victim.returncode, None
        return code


def chosen(statements: list[str], *, seed: str) -> list[int]:
    """Where to kill: everywhere, or at a few places, which are others for another seed."""
    found = [at for at, text in enumerate(statements) if not text.lstrip().startswith(("SELECT", "OPEN"))]
    return found if os.environ.get("FRESHET_FULL_MATRIX") else sorted(random.Random(seed).sample(found, FEW))


@pytest.mark.parametrize("name", OPERATIONS)
def test_killed_at_any_statement_nothing_is_lost_or_doubled(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Nor do tables, volumes or staged files pile up."""
    operation, held, aside = OPERATIONS[name], rows_of(0), ["x,bad0"]
    lake.load(**put(lake, operation, held, 0, bad=True))
    lake.faults()
    held = operation.after(held, rows_of(1))
    lake.load(**put(lake, operation, rows_of(1), 1, bad=True))
    aside.append("x,bad1")
    statements = lake.asked()
    deadly = Deadly(lake)
    monkeypatch.setattr(lake.server.faults, "run", deadly.run)
    for number, at in enumerate(chosen(statements, seed=name), start=2):
        spec = put(lake, operation, rows_of(number), number, bad=True)
        lake.faults()
        assert deadly.ingest(lake, spec, at=at) == -signal.SIGKILL, at
        wait_for(lambda: lake.done(), what="the last statement of the killed one")
        last = lake.asked()[-1]
        told = lake.load(**spec)
        held = operation.after(held, rows_of(number))
        aside.append(f"x,bad{number}")
        found = lake.rows()
        print(f"databricks  {name:<9}killed at {at:<5}rows expected {len(held):>3}, found {len(found):>3}  {last[:60]}")
        assert (found, told["rows"]) == (held, len(held)), last
        assert rejected(lake) == aside, last
        assert not any("incoming" in table for table in lake.tables()), last
        assert lake.server.store.volumes("main", lake.schema) == [], last
