"""What the builds into the cache share: progress, one builder at a time, tools from PyPI where the system has none.

Nothing but Python is needed, so that builds may run while packages are still being installed.
"""

import fcntl
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

__all__ = ["BuildError", "Progress", "install", "one_at_a_time", "silent"]

LOCK_SECONDS = 1800
INSTALL_SECONDS = 600


class BuildError(Exception):
    """Something could not be built; the message says what, where and what to do."""


class Progress(Protocol):
    """Told how far the build is: ``done`` of ``total`` steps, ``total`` 0 while that is not known."""

    def __call__(self, message: str, *, done: int = 0, total: int = 0) -> None: ...


def silent(message: str, *, done: int = 0, total: int = 0) -> None:
    """The Progress that says nothing."""


@contextmanager
def one_at_a_time(folder: Path, *, what: str, progress: Progress) -> Iterator[Progress]:
    """Only one build in that folder; the lock of a process that died is free at once.

    What is told to the Progress that it gives is also shown to those who wait.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shared = _Shared(told=progress, file=folder / ".progress", what=what)
    deadline = time.monotonic() + LOCK_SECONDS
    with (folder / ".lock").open("w") as file:
        while not _try_lock(file.fileno()):
            if time.monotonic() > deadline:
                raise BuildError(
                    f"Another build has held {file.name} for {LOCK_SECONDS} s: end it, then run this again."
                )
            shared.repeat()
            time.sleep(0.5)
        yield shared


@dataclass(frozen=True, kw_only=True)
class _Shared:
    """Tells ``told``, and leaves the same in the cache for those who wait for this build."""

    told: Progress
    file: Path
    what: str

    def __call__(self, message: str, *, done: int = 0, total: int = 0) -> None:
        self.told(message, done=done, total=total)
        with suppress(OSError):
            draft = self.file.with_suffix(".part")
            draft.write_text(json.dumps({"message": message, "done": done, "total": total}))
            draft.replace(self.file)

    def repeat(self) -> None:
        """What the builder said last."""
        try:
            self.told(**json.loads(self.file.read_text()))
        except (OSError, ValueError, TypeError):
            self.told(f"Waiting for another process that builds {self.what}")


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def install(requirement: str, *, folder: Path, what: str, instead: str) -> None:
    """Put a package of PyPI into a folder of its own, whole or not at all. Raises BuildError."""
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    command = [*_installer(what=what, instead=instead), "--target", str(partial), requirement]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=INSTALL_SECONDS)
    if result.returncode:
        lines = (result.stderr or result.stdout).strip().splitlines() or ["no message"]
        raise BuildError(f"{what} could not be installed from PyPI ({requirement}): {lines[-1]}. Or {instead}.")
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


def _installer(*, what: str, instead: str) -> list[str]:
    has_pip = (
        subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0
    )
    if has_pip:
        return [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check"]
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.exists() else shutil.which("uv")
    if not uv:
        raise BuildError(f"Neither {what} nor pip nor uv is installed: {instead} and run this again.")
    return [uv, "pip", "install", "--quiet", "--no-deps", "--python", sys.executable]
