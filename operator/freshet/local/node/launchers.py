"""Launchers that wait for a container to start: Python's own start is most of what starting a container costs.

A launcher reads its plan from standard input, so it may be started before there is one. It ends when the agent does.
"""

import asyncio
import contextlib
import os
import sys
from collections import deque
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Launcher", "Launchers"]

SPARES = min(4, os.cpu_count() or 1)
CODE = "import sys; sys.path.insert(0, {root!r}); from freshet.local.node.launch.main import main; main()"


@dataclass(frozen=True, kw_only=True)
class Launcher:
    """A process that waits for its plan; ``reading``: our end of its report, ``report``: the number of its own end."""

    process: asyncio.subprocess.Process
    reading: int
    report: int


def _source_root() -> str:
    return str(Path(__file__).resolve().parents[3])


async def spawn() -> Launcher:
    """Start one. Raises ``OSError``."""
    reading, writing = os.pipe()
    pipe = asyncio.subprocess.PIPE
    try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", "-c", CODE.format(root=_source_root())),
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            pass_fds=(writing,),
            start_new_session=True,
            env={},
        )
    except BaseException:
        os.close(reading)
        raise
    finally:
        os.close(writing)
    return Launcher(process=process, reading=reading, report=writing)


class Launchers:
    """A few of them, kept ready."""

    def __init__(self, *, spares: int = SPARES) -> None:
        self._spares = spares
        self._ready: deque[Launcher] = deque()
        self._filling: asyncio.Task[None] | None = None
        self._closed = False

    async def take(self) -> Launcher:
        """One that waits, or a new one if none does. Raises ``OSError``."""
        launcher = None
        while self._ready and launcher is None:
            launcher = self._alive(self._ready.popleft())
        self.fill()
        return launcher or await spawn()

    def fill(self) -> None:
        """See to it, in the background, that some wait."""
        if not self._closed and (self._filling is None or self._filling.done()):
            self._filling = asyncio.create_task(self._fill())

    async def aclose(self) -> None:
        """End those that wait."""
        self._closed = True
        if self._filling is not None:
            await asyncio.wait({self._filling})
        while self._ready:
            launcher = self._ready.popleft()
            os.close(launcher.reading)
            if launcher.process.stdin is not None:
                launcher.process.stdin.close()
            await launcher.process.wait()

    async def _fill(self) -> None:
        with contextlib.suppress(OSError):  # then the next container finds none, and says what is wrong
            while len(self._ready) < self._spares and not self._closed:
                self._ready.append(await spawn())

    @staticmethod
    def _alive(launcher: Launcher) -> Launcher | None:
        if launcher.process.returncode is None:
            return launcher
        os.close(launcher.reading)
        return None
