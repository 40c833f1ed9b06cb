"""How far this process has come with publishing: what can be said of the table when it is told to stop."""

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["NOTHING", "PERHAPS", "SURELY", "publishing", "so_far"]

NOTHING = "nothing was published; it is tried again."
PERHAPS = "it was publishing, and the next try looks first whether its rows are in the table."
SURELY = "its rows are in the table; the next try tells of them."

_reached = [NOTHING]


@contextmanager
def publishing() -> Iterator[None]:
    """Around the one step that readers see. Where it fails, nobody knows whether it was done."""
    _reached.append(PERHAPS)
    yield
    _reached.append(SURELY)


def so_far() -> str:
    """The end of a sentence."""
    return _reached[-1]
