"""client-go's semantics, wake-ups on a clock that steps, backoff, and visits that fail."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.runtime import ManualClock

from freshet.api.view import Key
from freshet.runtime.errors import Throttled, Unavailable
from freshet.runtime.queue import BACKOFF_LIMIT, WorkQueue

A, B = Key("Asset", "demo", "a"), Key("Asset", "demo", "b")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def queue(clock: ManualClock) -> WorkQueue:
    return WorkQueue(clock=clock)


@asynccontextmanager
async def running(
    queue: WorkQueue, reconcile: Callable[[Key], object], *, workers: int = 4, **more: Any
) -> AsyncIterator[None]:
    """Workers that call a plain function."""

    async def visit(key: Key) -> None:
        reconcile(key)

    task = asyncio.create_task(queue.run(workers=workers, reconcile=visit, **more))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def settle(queue: WorkQueue) -> None:
    """Let the clock watcher and the workers take their turns."""
    for _ in range(5):
        await asyncio.sleep(0)
    await asyncio.wait_for(queue.drained(), 5)


async def test_a_key_waits_only_once(queue: WorkQueue) -> None:
    queue.add(A)
    queue.add(A)
    assert queue.depth == 1
    assert await queue.get() == A
    assert queue.depth == 0


async def test_what_arrives_during_a_visit_comes_once_more_and_not_before_its_end(queue: WorkQueue) -> None:
    queue.add(A)
    await queue.get()
    queue.add(A)
    queue.add(A)
    queue.add(B)
    assert await queue.get() == B
    queue.done(A)
    assert await queue.get() == A
    queue.done(A)
    queue.done(B)
    assert queue.idle


async def test_keys_come_in_the_order_of_their_arrival(queue: WorkQueue) -> None:
    for key in (B, A):
        queue.add(key)
    assert [await queue.get(), await queue.get()] == [B, A]


@given(orders=st.lists(st.sampled_from("abc"), min_size=1, max_size=60), workers=st.integers(1, 5))
def test_no_key_is_ever_visited_by_two_workers_and_none_is_forgotten(orders: list[str], workers: int) -> None:
    busy: set[Key] = set()
    last_visit: dict[str, int] = {}
    asked = 0

    async def scenario() -> None:
        nonlocal asked
        queue = WorkQueue(clock=ManualClock())

        async def visit(key: Key) -> None:
            assert key not in busy
            busy.add(key)
            last_visit[key.name] = asked
            await asyncio.sleep(0)
            busy.discard(key)

        task = asyncio.create_task(queue.run(workers=workers, reconcile=visit))
        for name in orders:
            asked += 1
            queue.add(Key("Asset", "demo", name))
            if asked % 3 == 0:
                await asyncio.sleep(0)
        await asyncio.wait_for(queue.drained(), 10)
        task.cancel()

    asyncio.run(scenario())
    for name in set(orders):
        newest_order = len(orders) - orders[::-1].index(name)
        assert last_visit[name] >= newest_order


async def test_of_several_times_the_earliest_holds_but_a_visit_replaces_it(
    queue: WorkQueue, clock: ManualClock
) -> None:
    visits: list[Key] = []
    queue.add_at(A, clock.now() + timedelta(hours=2))
    queue.add_at(A, clock.now() + timedelta(hours=1))
    queue.add_at(A, clock.now() + timedelta(hours=3))
    queue.add_at(B, clock.now() + timedelta(hours=1))
    queue.set_wake(B, clock.now() + timedelta(hours=2))
    clock.move(3601)
    async with running(queue, visits.append):
        await settle(queue)
        assert visits == [A]


async def test_a_wake_up_can_be_taken_back(queue: WorkQueue, clock: ManualClock) -> None:
    visits: list[Key] = []
    queue.set_wake(A, clock.now() + timedelta(seconds=1))
    queue.set_wake(A, None)
    clock.move(10)
    async with running(queue, visits.append):
        await settle(queue)
    assert visits == []


async def test_a_clock_that_is_set_forward_is_noticed_while_something_waits(
    queue: WorkQueue, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("freshet.runtime.queue.LOOK_SECONDS", 0.01)
    woken = asyncio.Event()
    async with running(queue, lambda key: woken.set()):
        queue.add_at(A, clock.now() + timedelta(hours=8))
        await asyncio.sleep(0.03)
        assert not woken.is_set()
        clock.wall += timedelta(hours=9)
        await asyncio.wait_for(woken.wait(), 5)


async def test_a_clock_that_is_set_back_is_noticed_though_nothing_waits(
    queue: WorkQueue, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("freshet.runtime.queue.LOOK_SECONDS", 0.01)
    visited = asyncio.Event()
    async with running(queue, lambda key: visited.set(), set_back=lambda: queue.add(A)):
        await settle(queue)
        clock.wall -= timedelta(hours=1)
        await asyncio.wait_for(visited.wait(), 5)


async def test_a_clock_that_is_set_back_is_told_once_and_nothing_else_is(queue: WorkQueue, clock: ManualClock) -> None:
    """Neither a sleep of the machine, nor time that passes, nor a correction of less than a second."""
    told: list[datetime] = []

    async def look() -> None:
        queue.add_after(B, timedelta(hours=1))
        await settle(queue)

    async with running(queue, lambda key: None, set_back=lambda: told.append(clock.now())):
        await settle(queue)
        for wall, seconds in ((3600.0, 0.0), (60.0, 60.0), (-0.9, 0.0), (0.0, 0.0)):
            clock.wall += timedelta(seconds=wall)
            clock.seconds += seconds
            await look()
        assert told == []
        clock.wall -= timedelta(hours=1)
        await look()
        await look()
    assert told == [clock.now()]


async def test_an_earlier_wake_up_is_not_slept_through(queue: WorkQueue, clock: ManualClock) -> None:
    woken: asyncio.Queue[Key] = asyncio.Queue()
    async with running(queue, woken.put_nowait):
        await asyncio.sleep(0)
        queue.add_at(A, clock.now() + timedelta(hours=8))
        queue.add_at(B, clock.now())
        assert await asyncio.wait_for(woken.get(), 5) == B


def test_backoff_doubles_to_a_limit_and_starts_again_when_forgotten(queue: WorkQueue) -> None:
    delays = [queue.backoff(A).total_seconds() for _ in range(14)]
    for number, delay in enumerate(delays):
        ceiling = min(BACKOFF_LIMIT, 0.1 * 2**number)
        assert ceiling / 2 <= delay <= ceiling
    assert queue.backoff(B).total_seconds() <= 0.1
    queue.forget(A)
    assert queue.backoff(A).total_seconds() <= 0.1


async def test_a_visit_that_fails_is_reported_once_and_tried_again(
    queue: WorkQueue, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    visits: list[Key] = []

    def fail(key: Key) -> None:
        visits.append(key)
        raise ValueError("no such column")

    with caplog.at_level(logging.WARNING):
        async with running(queue, fail):
            for _ in range(3):
                queue.add(A)
                await settle(queue)
    assert visits == [A, A, A]
    assert [record.getMessage().split(";")[0] for record in caplog.records] == [
        "Asset demo/a: ValueError: no such column"
    ]
    assert caplog.records[0].exc_info is None


async def test_a_failed_visit_comes_back_by_itself(queue: WorkQueue, clock: ManualClock) -> None:
    visits: list[Key] = []

    def fail_once(key: Key) -> None:
        visits.append(key)
        if len(visits) == 1:
            raise ValueError("busy")

    async with running(queue, fail_once):
        queue.add(A)
        await settle(queue)
        clock.move(1)
        queue.add(B)
        await settle(queue)
        # B's arrival does not wake the watcher; the backoff, which is due, does within its pause.
        for _ in range(200):
            if visits.count(A) == 2:
                break
            await asyncio.sleep(0.02)
    assert visits.count(A) == 2


async def test_the_server_s_own_pause_is_kept(queue: WorkQueue, clock: ManualClock) -> None:
    visits: list[Key] = []

    def throttled(key: Key) -> None:
        visits.append(key)
        raise Throttled("slow down", retry_after=30)

    async with running(queue, throttled):
        queue.add(A)
        await settle(queue)
        clock.move(29)
        queue.add_at(B, clock.now())
        await settle(queue)
        assert visits.count(A) == 1


async def test_an_outage_is_not_reported_for_each_object(queue: WorkQueue, caplog: pytest.LogCaptureFixture) -> None:
    def unavailable(key: Key) -> None:
        raise Unavailable("the API server does not answer")

    with caplog.at_level(logging.INFO):
        async with running(queue, unavailable):
            queue.add(A)
            queue.add(B)
            await settle(queue)
    assert caplog.records == []


async def test_the_longest_visit_is_known(queue: WorkQueue, clock: ManualClock) -> None:
    assert queue.oldest_visit() == 0
    queue.add(A)
    await queue.get()
    clock.move(7)
    assert queue.oldest_visit() == 7


async def test_what_is_urgent_goes_before_what_is_not_and_each_key_still_comes_once(queue: WorkQueue) -> None:
    keys = [Key("Asset", "demo", str(n)) for n in range(4)]
    for key in keys:
        queue.add(key)
    queue.add(keys[2], urgent=True)
    queue.add(A, urgent=True)
    queue.add(keys[2])
    assert queue.depth == 5
    taken = [await queue.get() for _ in range(5)]
    assert taken == [keys[2], A, keys[0], keys[1], keys[3]]
    queue.add(keys[0])
    queue.add(keys[0], urgent=True)
    queue.add(B)
    queue.done(keys[0])
    assert [await queue.get(), await queue.get()] == [keys[0], B]
    for key in (*taken, B):
        queue.done(key)
    assert queue.idle


async def test_deadlines_are_urgent(queue: WorkQueue, clock: ManualClock) -> None:
    visited: list[Key] = []
    first = asyncio.Event()

    async def visit(key: Key) -> None:
        visited.append(key)
        if key == A:
            queue.set_wake(B, clock.now())
            first.set()
            await asyncio.sleep(0.05)

    others = [Key("Asset", "demo", str(n)) for n in range(3)]
    for key in (A, *others):
        queue.add(key)
    task = asyncio.create_task(queue.run(workers=1, reconcile=visit))
    await settle(queue)
    task.cancel()
    assert visited == [A, B, *others]


async def test_what_is_to_come_soon_comes_though_the_clock_is_set_back_and_before_others(
    queue: WorkQueue, clock: ManualClock
) -> None:
    visited: list[Key] = []

    def visit(key: Key) -> None:
        visited.append(key)
        if len(visited) == 1:
            clock.wall -= timedelta(hours=1)
            clock.seconds += 0.02

    queue.add_after(B, timedelta(milliseconds=20))
    queue.add_after(B, timedelta(hours=1))
    for number in range(3):
        queue.add(Key("Asset", "demo", str(number)))
    async with running(queue, visit, workers=1):
        await settle(queue)
        await asyncio.sleep(0.05)
        await settle(queue)
    assert B in visited


async def test_it_is_known_when_nothing_urgent_waits_any_more(queue: WorkQueue) -> None:
    queue.add(A)
    await asyncio.wait_for(queue.calmed(), 1)
    for key in (A, B, B):
        queue.add(key, urgent=True)
    waiting, visited = asyncio.create_task(queue.calmed()), list[Key]()
    queue.add(Key("Asset", "demo", "later"))
    async with running(queue, visited.append, workers=1):
        await asyncio.wait_for(waiting, 5)
        assert {A, B} <= {*visited, *queue._busy}
        await settle(queue)
    assert queue._urgent == 0


async def test_kinds_apart_keep_nobody_waiting(clock: ManualClock) -> None:
    queue, visited, hangs = WorkQueue(clock=clock, apart=frozenset({"Slow"})), [], asyncio.Event()
    quick = asyncio.Event()

    async def visit(key: Key) -> None:
        if key.kind == "Slow":
            await hangs.wait()
        else:
            quick.set()
        visited.append(key)

    task = asyncio.create_task(queue.run(workers=2, reconcile=visit))
    slow = [Key("Slow", "ns", str(number)) for number in range(5)]
    for key in (*slow, A):
        queue.add(key)
    await asyncio.wait_for(quick.wait(), 5)
    assert visited == [A]
    hangs.set()
    await asyncio.wait_for(queue.drained(), 5)
    assert set(visited) == {A, *slow}
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("turns", range(5))
async def test_the_end_is_never_swallowed_by_something_sooner(queue: WorkQueue, turns: int) -> None:
    async with running(queue, lambda key: None):
        queue.backoff(B)  # something waits, so that the watcher sleeps with an end
        await settle(queue)
        task = next(each for each in asyncio.all_tasks() if each.get_name() == "wake-ups")
        queue.backoff(A)
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task}, timeout=5)
        assert task.done()
