"""SIGTERM at any moment: what the load says of the table is so."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from tests.parts.workloads.exports import OPERATIONS, put, rows_of
from tests.parts.workloads.lake import Lake
from tests.support.waiting import wait_for

from freshet.workloads import command
from freshet.workloads.published import NOTHING, PERHAPS, SURELY

LIMIT_SECONDS = 120
MOMENTS = {
    "while rows are carried": (r"^COPY INTO", NOTHING),
    "while it publishes": (r"^INSERT INTO \S+`raw`", PERHAPS),
    "while it is recorded": (r"^MERGE INTO \S+_freshet_loads", SURELY),
}


class Stopping:
    """The stand-in, which tells the sender of a statement to stop before it does what it was asked."""

    def __init__(self, lake: Lake, statement: str) -> None:
        self._run = lake.server.faults.run
        self._statement = statement
        self.victim: subprocess.Popen[str] | None = None

    def run(self, statement: str, work: Callable[[], Any]) -> Any:
        if self.victim is not None and re.match(self._statement, statement):
            self.victim.send_signal(signal.SIGTERM)
            self.victim = None
        return self._run(statement, work)


@pytest.mark.parametrize("moment", MOMENTS)
def test_what_it_says_of_the_table_is_so(lake: Lake, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    statement, sentence = MOMENTS[moment]
    lake.load(**put(lake, OPERATIONS["append"], rows_of(0), 0))
    spec = put(lake, OPERATIONS["append"], rows_of(1), 1)
    stopping = Stopping(lake, statement)
    monkeypatch.setattr(lake.server.faults, "run", stopping.run)
    victim = subprocess.Popen(
        [sys.executable, "-m", "freshet.workloads", "ingest"],
        env={**lake.environ(), "FRESHET_SPEC": json.dumps(lake.spec(**spec)), "TMPDIR": str(lake.folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    stopping.victim = victim
    out, err = victim.communicate(timeout=LIMIT_SECONDS)
    result = json.loads(out)
    assert (victim.returncode, result["error"]["reason"]) == (4, "Terminated"), err
    assert result["message"].endswith(sentence)
    wait_for(lake.done, what="the last statement of the one that was stopped")
    came = lake.rows() == sorted(rows_of(0) + rows_of(1))
    assert came or sentence != SURELY
    assert not came or sentence != NOTHING
    assert lake.load(**spec)["rows"] == 4


def result_of(work: Callable[[datetime], dict[str, Any]], path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("FRESHET_TERMINATION_LOG", str(path))
    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(SystemExit) as caught:
            command.run("ingest", work, debug=False, leave=sys.exit)
    finally:
        signal.signal(signal.SIGTERM, before)
    return caught.value.code, json.loads(path.read_text())


def test_a_result_that_is_known_is_told_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes between the end of the work and the end of the process."""
    tell = command.write_result

    def told(result: Any) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        tell(result)

    monkeypatch.setattr(command, "write_result", told)
    code, result = result_of(lambda _: {"rows": 7, "message": "done"}, tmp_path / "result.json", monkeypatch)
    assert (code, result["rows"]) == (0, 7)


def test_what_dlt_makes_of_the_signal_is_a_sentence_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dlt.common.exceptions import SignalReceivedException

    def work(_started: datetime) -> dict[str, Any]:
        raise SignalReceivedException(signal.SIGTERM)

    code, result = result_of(work, tmp_path / "result.json", monkeypatch)
    assert (code, result["error"]["reason"]) == (4, "Terminated")
