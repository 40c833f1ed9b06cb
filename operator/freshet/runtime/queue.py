"""The work queue: which object is looked at next, by whom, and when again.

client-go's semantics: a key waits at most once and is never visited by two workers at a time; what arrives during a
visit brings one more. Two lanes: what starts something goes before what only writes down how things are, so that a
storm of launches is not held up by its own bookkeeping. Deadlines are times of the wall clock, so the heap is looked at
twice a second: a stepped clock or a laptop that slept is noticed. Backoff is counted on the monotonic clock.
"""

import asyncio
import itertools
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from freshet.api.view import Key
from freshet.runtime import logs, telemetry
from freshet.runtime.clock import Clock
from freshet.runtime.errors import KubeError, Unavailable
from freshet.runtime.wakeups import Wakeups

__all__ = ["WorkQueue"]

logger = logging.getLogger(__name__)

BACKOFF_FIRST = 0.1
BACKOFF_LIMIT = 60.0
LOOK_SECONDS = 0.5
STEP_SECONDS = 1.0
"""What was judged by a clock that was ahead by less is right within the second."""
URGENT, ORDINARY = 0, 1

Reconcile = Callable[[Key], Awaitable[None]]


class WorkQueue:
    """Not thread-safe: everything happens on the event loop.

    Kinds in ``apart`` have workers of their own: their visits ask a service that may hang, and nobody else shall wait.
    """

    def __init__(self, *, clock: Clock, apart: frozenset[str] = frozenset()) -> None:
        self._clock, self._apart = clock, apart
        self._ready: asyncio.PriorityQueue[tuple[int, int, Key]] = asyncio.PriorityQueue()
        self._ready_apart: asyncio.PriorityQueue[tuple[int, int, Key]] = asyncio.PriorityQueue()
        self._arrivals = itertools.count()
        self._dirty: dict[Key, int] = {}
        self._urgent = 0
        self._busy: dict[Key, float] = {}
        self._failures: dict[Key, int] = {}
        self._reasons: dict[Key, str] = {}
        self._deadlines: Wakeups[datetime] = Wakeups()
        self._backoffs: Wakeups[float] = Wakeups()
        self._calm: set[Key] = set()
        self._hasty: set[Key] = set()
        self._sooner = asyncio.Event()
        self._ended = asyncio.Event()
        self._lead: float | None = None

    @property
    def depth(self) -> int:
        """Keys that wait for a visit."""
        return len(self._dirty)

    @property
    def idle(self) -> bool:
        """Nothing waits and nobody works; wake-ups may be pending."""
        return not self._dirty and not self._busy

    async def drained(self) -> None:
        """Return once nothing waits and nobody works."""
        while not self.idle:
            self._ended.clear()
            await self._ended.wait()

    async def calmed(self) -> None:
        """Return once nothing urgent waits any more."""
        while self._urgent:
            self._ended.clear()
            await self._ended.wait()

    def oldest_visit(self) -> float:
        """Seconds that the longest visit under way has taken so far."""
        now = self._clock.monotonic()
        return max((now - began for began in self._busy.values()), default=0.0)

    def add(self, key: Key, *, urgent: bool = False) -> None:
        """Visit the key soon; an urgent one before all others."""
        lane = URGENT if urgent else ORDINARY
        if self._dirty.get(key, ORDINARY + 1) <= lane:
            return
        self._dirty[key] = lane
        self._urgent += lane == URGENT
        telemetry.queue_depth.set(len(self._dirty))
        if key not in self._busy:
            self._line_up(key, lane)

    def add_at(self, key: Key, when: datetime) -> None:
        """Visit the key at ``when`` or before, without hurry: of several times, the earliest pending one holds."""
        if self._deadlines.get(key) is None:
            self._calm.add(key)
        self._deadlines.earliest(key, when)
        self._hurry(when <= (self._deadlines.head() or when))

    def add_after(self, key: Key, delay: timedelta) -> None:
        """Visit the key so much later, before all others, whatever is done to the wall clock."""
        self._hasty.add(key)
        self._backoffs.earliest(key, self._clock.monotonic() + delay.total_seconds())
        self._hurry(True)

    def set_wake(self, key: Key, when: datetime | None, *, urgent: bool = True) -> None:
        """Replace the key's pending time: a visit knows best when to look again, and whether others may go before."""
        if urgent or when is None:
            self._calm.discard(key)
        else:
            self._calm.add(key)
        self._deadlines.replace(key, when)
        self._hurry(when is not None and when <= (self._deadlines.head() or when))

    def backoff(self, key: Key, *, at_least: float = 0.0) -> timedelta:
        """Visit the key again later, each time in a row twice as late. Returns the delay."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        ceiling = min(BACKOFF_LIMIT, BACKOFF_FIRST * 2 ** min(failures, 20))
        delay = max(at_least, ceiling * random.uniform(0.5, 1.0))
        self._backoffs.earliest(key, self._clock.monotonic() + delay)
        self._hurry(True)
        return timedelta(seconds=delay)

    def hasten(self) -> None:
        """What kept visits from ending well is over: try all of them again at once."""
        self._try_again(float("inf"))

    def forget(self, key: Key) -> None:
        """The visit went well: the next failure is the first one again."""
        self._failures.pop(key, None)
        self._reasons.pop(key, None)

    async def get(self, *, apart: bool = False) -> Key:
        """The next key; the caller must call ``done`` when its visit has ended."""
        ready = self._ready_apart if apart else self._ready
        lane, _, key = await ready.get()
        while key in self._busy or self._dirty.get(key) != lane:  # it has changed lanes, or was taken from the other
            lane, _, key = await ready.get()
        del self._dirty[key]
        self._urgent -= lane == URGENT
        telemetry.queue_depth.set(len(self._dirty))
        self._busy[key] = self._clock.monotonic()
        return key

    def done(self, key: Key) -> None:
        """The visit has ended; what arrived meanwhile is queued now."""
        self._busy.pop(key, None)
        self._ended.set()
        if key in self._dirty:
            self._line_up(key, self._dirty[key])

    def _line_up(self, key: Key, lane: int) -> None:
        ready = self._ready_apart if key.kind in self._apart else self._ready
        ready.put_nowait((lane, next(self._arrivals), key))

    async def run(
        self,
        *,
        workers: int,
        reconcile: Reconcile,
        set_back: Callable[[], None] = lambda: None,
        woken: Callable[[Sequence[Key]], None] = lambda keys: None,
        set_ahead: Callable[[], None] = lambda: None,
    ) -> None:
        """Visit keys until cancelled, with so many workers each. A visit that raises is told of and tried again.

        ``set_back`` is called when the wall clock was: what passed by the wrong time wakes nobody by itself any more.
        ``set_ahead`` is called, before anybody is woken, when it has gone on alone, as while the machine slept.
        ``woken`` is told at once of those whose time has come: when they are many, their visits take a while.
        """
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch_the_clock(set_back, set_ahead, woken), name="wake-ups")
            for number in range(workers):
                tasks.create_task(self._work(reconcile), name=f"worker {number}")
                if self._apart:
                    tasks.create_task(self._work(reconcile, apart=True), name=f"worker apart {number}")

    async def _work(self, reconcile: Reconcile, *, apart: bool = False) -> None:
        while True:
            key = await self.get(apart=apart)
            began = self._clock.monotonic()
            try:
                with logs.about(key):
                    await self._visit(key, reconcile)
            finally:
                self.done(key)
                telemetry.reconcile_duration.labels(key.kind).observe(self._clock.monotonic() - began)
            # A full queue and visits that never wait must not keep the loop from its watches.
            await asyncio.sleep(0)

    async def _visit(self, key: Key, reconcile: Reconcile) -> None:
        try:
            await reconcile(key)
        except Exception as error:
            self._failed(key, error)

    def _failed(self, key: Key, error: Exception) -> None:
        telemetry.reconcile_failures_total.labels(key.kind).inc()
        delay = self.backoff(key, at_least=getattr(error, "retry_after", None) or 0.0)
        reason = str(error) if isinstance(error, KubeError) else f"{type(error).__name__}: {error}"
        # The same again is no news; an API that is away is reported once by the transport, not once per object.
        known = isinstance(error, Unavailable) or self._reasons.get(key) == reason
        self._reasons[key] = reason
        level = logging.DEBUG if known else logging.WARNING
        logger.log(level, "%s: %s; trying again in %.1f s", key, reason, delay.total_seconds())
        logger.debug("%s failed", key, exc_info=error)

    def _hurry(self, sooner: bool) -> None:
        if sooner:
            self._sooner.set()

    async def _watch_the_clock(
        self, set_back: Callable[[], None], set_ahead: Callable[[], None], woken: Callable[[Sequence[Key]], None]
    ) -> None:
        self._lead = None
        while True:
            self._sooner.clear()
            self._compare_the_clocks(set_back, set_ahead)
            due = self._deadlines.pop_due(self._clock.now())
            woken(due)
            for key in due:
                self.add(key, urgent=key not in self._calm)
                self._calm.discard(key)
            self._try_again(self._clock.monotonic())
            with suppress(TimeoutError):  # wait_for of Python 3.11 may swallow the cancellation that ends all this
                async with asyncio.timeout(self._pause()):
                    await self._sooner.wait()

    def _try_again(self, now: float) -> None:
        for key in self._backoffs.pop_due(now):
            self.add(key, urgent=key in self._hasty)
            self._hasty.discard(key)

    def _compare_the_clocks(self, set_back: Callable[[], None], set_ahead: Callable[[], None]) -> None:
        """Has the wall clock lost time since the last look, as no sleep and no slow correction makes it? Or gained?"""
        before, self._lead = self._lead, self._clock.now().timestamp() - self._clock.monotonic()
        if before is not None and before - self._lead > STEP_SECONDS:
            logger.warning("The clock was set back by %.0f s: everything is looked at again", before - self._lead)
            set_back()
        elif before is not None and self._lead - before > STEP_SECONDS:
            set_ahead()

    def _pause(self) -> float:
        """Seconds until the clocks and the heaps must be looked at again."""
        deadline, backoff = self._deadlines.head(), self._backoffs.head()
        waits = [LOOK_SECONDS]
        if deadline is not None:
            waits.append((deadline - self._clock.now()).total_seconds())
        if backoff is not None:
            waits.append(backoff - self._clock.monotonic())
        return max(0.0, min(waits))
