"""One budget of requests per dbt Cloud account, shared by every client of that account in this process.

dbt Cloud allows 5,000 requests a minute and account. A bucket that holds a fifth of that and refills four fifths a
minute can never pass the limit in any sixty seconds, however the requests fall.
"""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

__all__ = ["Budget", "Sleep"]

Sleep = Callable[[float], Awaitable[None]]
PER_MINUTE = 5000
BURST = 0.2


class Budget:
    """A token bucket. `clock` counts seconds and never goes back; who waits is served in order of arrival."""

    def __init__(
        self, *, per_minute: int = PER_MINUTE, clock: Callable[[], float] = monotonic, sleep: Sleep = asyncio.sleep
    ) -> None:
        self._capacity = max(1.0, per_minute * BURST)
        self._rate = per_minute * (1 - BURST) / 60
        self._clock, self._sleep = clock, sleep
        self._left, self._at = self._capacity, clock()
        self._paused_until = self._at

    async def take(self) -> None:
        """Wait until one more request is allowed, and count it."""
        if (wait := self._reserve()) > 0:
            await self._sleep(wait)

    def pause(self, *, seconds: float) -> None:
        """The service asked for quiet (429): nobody of this account sends for so long."""
        self._paused_until = max(self._paused_until, self._clock() + seconds)

    def _reserve(self) -> float:
        now = self._clock()
        self._left = min(self._capacity, self._left + (now - self._at) * self._rate) - 1
        self._at = now
        debt = -self._left / self._rate if self._left < 0 else 0.0
        return max(debt, self._paused_until - now)
