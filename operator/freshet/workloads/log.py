"""Plain lines on stderr, for ``kubectl logs``."""

import logging
import sys
import time
from collections.abc import Callable

__all__ = ["LOG", "Progress", "set_up"]

LOG = logging.getLogger("freshet.workloads")
EVERY = 5.0


def set_up(*, debug: bool) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    LOG.handlers[:] = [handler]
    LOG.setLevel(logging.DEBUG if debug else logging.INFO)
    LOG.propagate = False


class Progress:
    """Says something at most every few seconds, and nothing on a short load."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, every: float = EVERY) -> None:
        self._clock = clock
        self._every = every
        self._next = clock() + every

    def say(self, message: str, *values: object) -> None:
        now = self._clock()
        if now >= self._next:
            self._next = now + self._every
            LOG.info(message, *values)
