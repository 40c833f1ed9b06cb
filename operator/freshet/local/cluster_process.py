"""One part of the control plane as a process that can be watched, ends when told, and never outlives its parent.

Each part watches a pipe whose writing end only this process holds (controlplane/lifeline.go): whatever kills this
process closes it. Parts have process groups of their own, so that Ctrl-C reaches them only by way of ``stop``,
in order.
"""

import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

__all__ = ["Lifeline", "Part"]

LIFELINE_VARIABLE = "FRESHET_LIFELINE"


class Lifeline:
    """A pipe: children inherit the reading end, this process alone has the writing end."""

    def __init__(self) -> None:
        self.reading, self._writing = os.pipe()

    def close(self) -> None:
        """Every process that still watches ends at once."""
        for descriptor in (self.reading, self._writing):
            with suppress(OSError):
                os.close(descriptor)


class Part:
    """A running part; its output is in ``log``."""

    def __init__(self, *, binary: Path, arguments: Sequence[str], folder: Path, lifeline: Lifeline) -> None:
        self.name = arguments[0]
        self.log = folder / "logs" / f"{self.name}.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [binary, *arguments],
                cwd=folder,
                env={**os.environ, LIFELINE_VARIABLE: str(lifeline.reading)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=[lifeline.reading],
                process_group=0,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def stop(self, *, grace_seconds: float) -> None:
        """SIGTERM, and SIGKILL when that takes longer than ``grace_seconds``."""
        if self.running:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(timeout=grace_seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def last_words(self) -> str:
        """The last line that says why, for an error message."""
        lines = [line for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        telling = [line for line in lines if '"command failed"' in line or "rror" in line]
        return (telling or lines or ["it printed nothing"])[-1][:300]
