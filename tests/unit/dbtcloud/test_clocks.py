"""Two clocks: what is said of their difference is never less than it is, and soon hardly more."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freshet.dbtcloud.clocks import Clocks

NOW = datetime(2024, 1, 1, 0, 0, 1, tzinfo=UTC)
ZERO = timedelta(0)
seconds = st.floats(0.001, 2.0).map(lambda it: timedelta(seconds=it))
answers = st.lists(st.tuples(seconds, seconds, seconds), min_size=1, max_size=100)
"""Of each: how long after the one before it was asked for, when it was written, how long it took from then."""
skews = st.floats(-3600.0, 3600.0).map(lambda it: timedelta(seconds=it))


def heard(clocks: Clocks, *, skew: timedelta, asked_at: datetime, written: timedelta, took: timedelta) -> Clocks:
    """One more answer of a service whose clock is that much ahead."""
    date = format_datetime((asked_at + written + skew).replace(microsecond=0), usegmt=True)
    return clocks.heard(date, asked_at=asked_at, at=asked_at + written + took)


def talk(skew: timedelta, asked: list[tuple[timedelta, timedelta, timedelta]]) -> Clocks:
    clocks, now = Clocks(), NOW
    for pause, written, took in asked:
        clocks = heard(clocks, skew=skew, asked_at=now + pause, written=written, took=took)
        now += pause + written + took
    return clocks


@given(skew=skews, asked=answers)
def test_it_is_never_said_to_be_less_than_it_is(skew: timedelta, asked: list[tuple[timedelta, ...]]) -> None:
    """Unless the clocks may be alike: then it is no more than a second and what an answer takes."""
    ahead = talk(skew, asked).ahead  # type: ignore[arg-type]
    quickest = min(written + took for _, written, took in asked)
    assert ahead >= skew or (ahead == ZERO and skew <= timedelta(seconds=1) + quickest)


@given(asked=answers)
def test_clocks_that_are_alike_are_said_to_be(asked: list[tuple[timedelta, ...]]) -> None:
    assert talk(ZERO, asked).ahead == ZERO  # type: ignore[arg-type]


@pytest.mark.parametrize("skew", [timedelta(seconds=it) for it in (90.0, 0.7, -0.7, -90.0)])
def test_a_dozen_polls_tell_it_far_better_than_to_a_second(skew: timedelta) -> None:
    asked = [(timedelta(seconds=30.07), timedelta(seconds=0.02), timedelta(seconds=0.02))] * 14
    assert ZERO <= talk(skew, asked).ahead - skew < timedelta(seconds=0.15)


def test_a_body_that_takes_long_does_not_count() -> None:
    """Only when it was asked for, and when the answer began, bound the time at which it was written."""
    slow = Clocks().heard("Mon, 01 Jan 2024 00:01:30 GMT", asked_at=NOW, at=NOW + timedelta(seconds=30))
    assert slow.ahead == timedelta(seconds=90)


def test_a_clock_that_is_set_is_believed_at_once() -> None:
    clocks = talk(timedelta(seconds=90), [(timedelta(seconds=1.03),) * 3] * 9)
    at = NOW + timedelta(minutes=1)
    for skew in (timedelta(0), timedelta(seconds=-90)):
        clocks = heard(clocks, skew=skew, asked_at=at, written=ZERO, took=timedelta(seconds=0.02))
        assert abs(clocks.ahead - skew) <= timedelta(seconds=1)


def test_what_was_heard_long_ago_tells_nothing() -> None:
    """A clock that drifts is not held to what it once said."""
    clocks, at = Clocks(), NOW
    for hour in range(50):
        skew = timedelta(seconds=0.1 * hour)
        for _ in range(40):
            at += timedelta(seconds=30.03)
            clocks = heard(clocks, skew=skew, asked_at=at, written=ZERO, took=timedelta(seconds=0.02))
        at += timedelta(hours=1)
    assert timedelta(0) <= clocks.ahead - skew < timedelta(seconds=0.2)


@pytest.mark.parametrize("date", [None, "", "soon", "Mon, 01 Jan 2024 00:00:00"])
def test_an_answer_that_does_not_tell_the_time_changes_nothing(date: str | None) -> None:
    told = Clocks().heard("Mon, 01 Jan 2024 00:01:30 GMT", asked_at=NOW, at=NOW)
    assert told.heard(date, asked_at=NOW, at=NOW) == told
    assert Clocks().heard(date, asked_at=NOW, at=NOW).ahead == ZERO
