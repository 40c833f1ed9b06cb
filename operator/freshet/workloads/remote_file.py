"""A file behind an address, and what goes wrong on the way to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from freshet.workloads.addresses import shown
from freshet.workloads.clouds import sentence
from freshet.workloads.errors import InputMoved, WorkloadError
from freshet.workloads.space import is_full, too_little

__all__ = ["RemoteFile", "told"]


@dataclass(frozen=True, kw_only=True)
class RemoteFile:
    """``mark`` differs when the content does, as far as its server tells; ``modified``: seconds since 1970."""

    url: str
    size: int
    mark: str
    modified: float = 0.0


@contextmanager
def told(url: str) -> Iterator[None]:
    """What goes wrong within, as a sentence."""
    try:
        yield
    except (WorkloadError, InputMoved):
        raise
    except Exception as error:
        if is_full(error):  # where its copy lies
            raise too_little(shown(url)) from error
        raise sentence(error, shown(url)) from error
