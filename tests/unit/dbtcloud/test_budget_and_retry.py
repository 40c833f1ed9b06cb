"""Requests never pass the account's limit in any minute, and waits are what they should be."""

import asyncio
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freshet.dbtcloud.budget import Budget
from freshet.dbtcloud.retry import RetryPolicy, parse_retry_after

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


class Time:
    """A clock that sleeping moves."""

    def __init__(self) -> None:
        self.now = 100.0

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


@given(per_minute=st.integers(10, 200), gaps=st.lists(st.floats(0, 5), min_size=1, max_size=300))
def test_no_minute_has_more_requests_than_allowed(per_minute: int, gaps: list[float]) -> None:
    time, sent = Time(), []
    budget = Budget(per_minute=per_minute, clock=lambda: time.now, sleep=time.sleep)

    async def send() -> None:
        for gap in gaps:
            time.now += gap
            await budget.take()
            sent.append(time.now)

    asyncio.run(send())
    for start in sent:
        assert sum(start <= at < start + 60 for at in sent) <= per_minute + 1e-6


async def test_those_who_wait_at_once_share_one_queue() -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    budget = Budget(per_minute=60, clock=lambda: 0.0, sleep=sleep)
    await asyncio.gather(*(budget.take() for _ in range(15)))
    assert waits == pytest.approx([1.25, 2.5, 3.75])


async def test_a_429_quiets_the_whole_account() -> None:
    time = Time()
    budget = Budget(clock=lambda: time.now, sleep=time.sleep)
    budget.pause(seconds=7)
    budget.pause(seconds=3)
    await budget.take()
    assert time.now == 107


@pytest.mark.parametrize(
    ("attempt", "retry_after", "expected"),
    [(1, None, 0.5), (2, None, 1.0), (3, None, 2.0), (4, None, None), (1, 3.0, 3.5), (1, 31.0, None), (1, 0.0, 0.5)],
)
def test_waits_double(attempt: int, retry_after: float | None, expected: float | None) -> None:
    assert RetryPolicy(random=lambda: 1.0).wait(attempt=attempt, retry_after=retry_after) == expected


def test_waits_are_jittered_and_bounded() -> None:
    assert RetryPolicy(random=lambda: 0.0).wait(attempt=1, retry_after=None) == 0.25
    assert RetryPolicy(random=lambda: 1.0, attempts=99).wait(attempt=50, retry_after=None) == 15.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, None),
        ("7", 7.0),
        ("0.5", 0.5),
        ("-3", 0.0),
        ("Tue, 24 Nov 2026 12:01:00 GMT", 60.0),
        ("Tue, 24 Nov 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("", None),
        ("nan", None),
        ("inf", None),
    ],
)
def test_retry_after_in_both_forms(text: str | None, expected: float | None) -> None:
    assert parse_retry_after(text, now=NOW) == expected
