"""At most one pending wake-up per key, in a heap whose outdated entries are skipped when they surface."""

import heapq
from datetime import datetime
from typing import Generic, TypeVar

from freshet.api.view import Key

__all__ = ["Wakeups"]

When = TypeVar("When", datetime, float)
SLACK = 64


class Wakeups(Generic[When]):
    """``When`` is a time of the wall clock or of the monotonic one. Costs O(log n) a change."""

    def __init__(self) -> None:
        self._heap: list[tuple[When, Key]] = []
        self._pending: dict[Key, When] = {}

    def __len__(self) -> int:
        return len(self._pending)

    def get(self, key: Key) -> When | None:
        """When the key will wake, if it will."""
        return self._pending.get(key)

    def earliest(self, key: Key, when: When) -> None:
        """Wake the key at ``when``, unless it wakes before that."""
        pending = self._pending.get(key)
        if pending is None or when < pending:
            self.replace(key, when)

    def replace(self, key: Key, when: When | None) -> None:
        """Wake the key at ``when`` and at no other time; None: not at all."""
        if when is None:
            self._pending.pop(key, None)
        elif self._pending.get(key) != when:
            self._pending[key] = when
            heapq.heappush(self._heap, (when, key))
            self._compact()

    def head(self) -> When | None:
        """The next time at which something wakes."""
        while self._heap and self._pending.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now: When) -> list[Key]:
        """Take out all keys whose time has come."""
        due: list[Key] = []
        while (head := self.head()) is not None and head <= now:
            _, key = heapq.heappop(self._heap)
            del self._pending[key]
            due.append(key)
        return due

    def _compact(self) -> None:
        if len(self._heap) > 2 * len(self._pending) + SLACK:
            self._heap = [(when, key) for key, when in self._pending.items()]
            heapq.heapify(self._heap)
