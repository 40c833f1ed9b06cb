"""Libraries that others import where they are installed, each time, and that a load has no use for."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["absent", "forgo"]


def forgo(*names: str) -> None:
    """For the rest of this process an import of one that was not imported yet fails, as if it was not installed."""
    for name in names:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]


@contextmanager
def absent(*names: str) -> Iterator[None]:
    """In this block an import of one fails, though it may have been imported before. For one thread at a time."""
    kept = {name: sys.modules[name] for name in names if name in sys.modules}
    sys.modules.update(dict.fromkeys(names))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in names:
            sys.modules.pop(name, None)
        sys.modules.update(kept)
