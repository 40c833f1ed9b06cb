"""What the demo does before the show: a line with a spinner while a step runs, and a tick with its time after it."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from rich.console import Console

__all__ = ["Step", "steps"]

Step = Callable[[str], AbstractContextManager[None]]
"""``with step("Starting Kubernetes"): …``"""


def steps(console: Console) -> Step:
    """Steps that are shown on ``console``."""

    @contextmanager
    def step(title: str) -> Iterator[None]:
        began = time.monotonic()
        try:
            with console.status(f"{title} …") if console.is_terminal else nullcontext():
                yield
        except BaseException:
            console.print(f"[red]✗[/] {title}", highlight=False)
            raise
        console.print(f"[green]✓[/] {title} [dim]{time.monotonic() - began:.1f} s[/]", highlight=False)

    return step
