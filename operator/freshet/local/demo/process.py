"""freshet's own programs as children that end with their parent."""

import ctypes
import os
import signal
import subprocess
import sys
from pathlib import Path

import click

__all__ = ["DemoError", "Program"]

PR_SET_PDEATHSIG = 1
GRACE = 8


class DemoError(Exception):
    """The demo cannot go on; the message says why and where to look."""


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Program:
    """``freshet <arguments>`` with its output in a log file."""

    def __init__(self, *, name: str, arguments: list[str], log: Path, env: dict[str, str] | None = None) -> None:
        self.name, self.log = name, log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-c", "from freshet.cli import main; main()", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_parent,
                env={**os.environ, **(env or {})},
            )

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def check(self) -> None:
        """Raises DemoError with the last lines of its log when it has ended."""
        if self._process.poll() is not None:
            words = self.log.read_text(errors="replace").strip().splitlines()[-5:]
            raise DemoError(f"{self.name} ended unexpectedly (log: {self.log}):\n  " + "\n  ".join(words))

    def stop(self) -> None:
        """SIGTERM, then SIGKILL, which is said: a program that does not end when told has a fault."""
        if self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(GRACE)
        except subprocess.TimeoutExpired:
            click.echo(f"{self.name} did not end within {GRACE} s and was killed (log: {self.log})", err=True)
            self._process.kill()
            self._process.wait()
