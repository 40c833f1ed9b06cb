"""What has changed since a viewer last looked: a number per change, and nothing kept per viewer.

A viewer remembers the number of the newest change that it has seen and is given what is newer, as it is by then. So an
asset that changes a hundred times while a slow viewer reads is sent once, and a thousand slow viewers cost no memory.
"""

import asyncio
import secrets
from collections.abc import Callable, Iterable

from freshet.api.view import Key
from freshet.runtime.clock import Clock

__all__ = ["Feed"]

INTEREST_SECONDS = 120.0
REMEMBERED = 50_000


class Feed:
    """Changes in their order, each key once. While nobody looks it remembers nothing and costs next to nothing."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._changed: dict[Key, int] = {}
        self._rendered: dict[Key, bytes] = {}
        self._floor = self.revision = 0
        self._news = asyncio.Event()
        self._wanted_until = 0.0
        self.viewers = 0
        self.closed = False
        self.boot = secrets.token_hex(6)
        """Numbers of another process mean nothing here."""

    def mark(self, keys: Iterable[Key]) -> None:
        """These look different now, or are gone."""
        if not self._wanted():
            self._forget()
            return
        for key in keys:
            self.revision += 1
            self._changed.pop(key, None)
            self._changed[key] = self.revision
            self._rendered.pop(key, None)
        while len(self._changed) > REMEMBERED:
            oldest = next(iter(self._changed))
            self._floor = self._changed.pop(oldest)
        self._wake()

    def want(self) -> int:
        """Somebody looks: remember what changes from now on. Returns the number to go on from."""
        self._wanted_until = self._clock.monotonic() + INTEREST_SECONDS
        return self.revision

    def since(self, revision: int) -> list[Key] | None:
        """What changed after that number, oldest first; None when that is not known any more."""
        if not self._floor <= revision <= self.revision:
            return None
        found = []
        for key, changed in reversed(self._changed.items()):
            if changed <= revision:
                break
            found.append(key)
        return found[::-1]

    async def news(self, revision: int) -> None:
        """Return once there is something after that number, or the end has come."""
        while self.revision == revision and not self.closed:
            await self._news.wait()

    def rendered(self, key: Key, render: Callable[[], bytes]) -> bytes:
        """The same bytes for all viewers until the key is marked."""
        if key not in self._rendered:
            self._rendered[key] = render()
        return self._rendered[key]

    def has_rendered(self, key: Key) -> bool:
        """Is what viewers are given made already?"""
        return key in self._rendered

    def close(self) -> None:
        """Let all viewers go."""
        self.closed = True
        self._wake()

    def _wanted(self) -> bool:
        return self.viewers > 0 or self._clock.monotonic() < self._wanted_until

    def _forget(self) -> None:
        self.revision += 1
        self._floor = self.revision
        self._changed.clear()
        self._rendered.clear()

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()
