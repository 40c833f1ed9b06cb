"""The build's progress as people see it: a bar on a terminal, a line now and then in a log."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from freshet.local.build import Progress

__all__ = ["progress_bar"]

LOG_SECONDS = 15


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """A Progress for ``build``, on standard error; nothing is shown when nothing is built."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines()
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Bar(*columns, console=console, transient=True) as bar:
        yield _Bar(bar)


class _Bar:
    def __init__(self, bar: Bar) -> None:
        self._bar = bar
        self._task = bar.add_task("", visible=False, total=None)

    def __call__(self, message: str, *, done: int = 0, total: int = 0) -> None:
        self._bar.update(self._task, description=message, completed=done, total=total or None, visible=True)


class _Lines:
    def __init__(self) -> None:
        self._message = ""
        self._at = 0.0

    def __call__(self, message: str, *, done: int = 0, total: int = 0) -> None:
        now = time.monotonic()
        if message == self._message and now - self._at < LOG_SECONDS:
            return
        self._message, self._at = message, now
        print(f"{message}: {done} of {total}" if total else message, file=sys.stderr, flush=True)
