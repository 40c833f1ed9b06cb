"""How long to wait before asking again: exponential, with full jitter, and never less than the service asked for."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from random import random

__all__ = ["RetryPolicy", "parse_retry_after"]

NUMBER = re.compile(r"-?[0-9]{1,9}(\.[0-9]*)?")


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """`attempts` in all; waits in seconds. `random` gives [0, 1)."""

    attempts: int = 4
    first: float = 0.5
    longest: float = 15.0
    patience: float = 30.0
    """A longer ``Retry-After`` than this is not sat out: the error goes to the caller, who has other work."""
    random: Callable[[], float] = random

    def wait(self, *, attempt: int, retry_after: float | None) -> float | None:
        """Seconds to wait after failed attempt number `attempt` (from 1); None: give up now."""
        if attempt >= self.attempts or (retry_after is not None and retry_after > self.patience):
            return None
        backoff = min(self.longest, self.first * 2.0 ** (attempt - 1))
        return (retry_after or 0.0) + backoff * (0.5 + 0.5 * self.random())


def parse_retry_after(text: str | None, *, now: datetime) -> float | None:
    """``Retry-After`` in seconds: a number, or a date of HTTP. None when absent or not understood."""
    if text is None:
        return None
    if NUMBER.fullmatch(text.strip()):
        return max(0.0, float(text))
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - now).total_seconds())
