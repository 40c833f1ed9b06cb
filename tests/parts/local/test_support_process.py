"""What tests kill may be killed by two of them at once."""

import signal
from pathlib import Path

from tests.support.process import FreshetProcess


def test_a_signal_to_a_process_that_another_has_killed_meanwhile_is_nothing(tmp_path: Path) -> None:
    process = FreshetProcess(arguments=["60"], log_file=tmp_path / "log")
    process.program = ["sleep"]
    process.launch()
    assert process.kill() == -signal.SIGKILL
    process.signal(signal.SIGKILL)
    assert process.exit_code == -signal.SIGKILL
