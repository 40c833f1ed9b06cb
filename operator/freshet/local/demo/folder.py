"""The demo's folder: emptied before each show, so it must be ours, and nobody else's show may run in it."""

import fcntl
import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from freshet.local.demo.process import DemoError

__all__ = ["claim"]

MARK = ".freshet-demo"


def claim(folder: Path) -> IO[str]:
    """Make ``folder`` or empty it, and hold it until the file that is returned is closed.

    Raises DemoError when it has files that no demo made, or when a demo runs in it.
    """
    mark = folder / MARK
    if folder.exists() and any(folder.iterdir()) and not mark.exists():
        raise DemoError(f"{folder} has files that no demo made: give an empty folder with --folder")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with ExitStack() as undo:
        file = undo.enter_context(mark.open("a"))
        _lock(file, folder=folder)
        _empty(folder)
        undo.pop_all()
    return file


def _lock(file: IO[str], *, folder: Path) -> None:
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise DemoError(f"a demo runs in {folder} already: end it with Ctrl-C, or give another --folder") from error


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.name == MARK:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
