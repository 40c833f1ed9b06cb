"""A command of freshet as a process of its own, which never outlives the tests."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

__all__ = ["FreshetProcess"]

PR_SET_PDEATHSIG = 1
STOP_SECONDS = 30
FRESHET = Path(sys.executable).with_name("freshet")
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def die_with_parent() -> None:
    """On Linux the kernel kills the child when the tests are killed; elsewhere only their end stops it."""
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class FreshetProcess:
    """``freshet <arguments>``; its output is appended to ``log_file`` over all its starts."""

    def __init__(self, *, arguments: Sequence[str], log_file: Path, env: Mapping[str, str] | None = None) -> None:
        self.arguments = list(arguments)
        self.log_file = log_file
        self.env = dict(env or {})
        self.program: list[str | Path] = [FRESHET]
        self._process: subprocess.Popen[bytes] | None = None

    def launch(self, *extra: str) -> None:
        """Start the process; waiting until it is ready is the caller's part."""
        assert not self.running, f"{self.arguments} runs already"
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [*self.program, *self.arguments, *extra],
                env={**os.environ, "PYTHONUNBUFFERED": "1", **self.env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        assert self._process is not None, f"{self.arguments} was never started"
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative for a signal."""
        return self._process.poll() if self._process else None

    def log(self) -> str:
        """All that it printed so far."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def stop(self) -> int | None:
        """SIGTERM, then SIGKILL when it takes too long. Returns the exit code."""
        if self.running:
            self.signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._wait(STOP_SECONDS)
        return self.kill()

    def kill(self) -> int | None:
        """SIGKILL, as a node that loses its power."""
        if self.running:
            self.signal(signal.SIGKILL)
            self._wait(STOP_SECONDS)
        return self.exit_code

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; SIGSTOP and SIGCONT make a process that hangs. Nothing happens where it has ended: a trap and
        a random moment may kill it at once, and the second would meet no process, or somebody else's of that number.
        """
        assert self._process is not None, f"{self.arguments} was never started"
        self._process.send_signal(number)

    def assert_running(self) -> None:
        assert self.running, f"{' '.join(self.arguments)} ended with {self.exit_code}:\n{self.log()[-4000:]}"

    def _wait(self, seconds: float) -> None:
        assert self._process is not None
        self._process.wait(timeout=seconds)
