"""How often dbt Cloud is asked."""

from datetime import UTC, datetime, timedelta

import pytest

from freshet.dbtcloud import errors
from freshet.dbtcloud.pacing import Pace

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def seconds(value: float) -> timedelta:
    return timedelta(seconds=value)


@pytest.mark.parametrize(
    ("active_since", "webhook", "expected"),
    [(None, False, 30), (None, True, 300), (0, False, 2), (40, False, 4), (3600, False, 15), (40, True, 4)],
)
def test_fast_while_active_slow_when_idle(active_since: float | None, webhook: bool, expected: float) -> None:
    since = None if active_since is None else NOW - seconds(active_since)
    assert Pace().next_poll(now=NOW, last=NOW, active_since=since, webhook=webhook) == NOW + seconds(expected)


def test_the_first_look_is_at_once() -> None:
    assert Pace().next_poll(now=NOW, last=None, active_since=None) == NOW


def test_failures_back_off_and_open_the_circuit() -> None:
    pace, waits = Pace(), []
    for _ in range(10):
        pace = pace.failed(errors.ServerError("503"), now=NOW, jitter=1.0)
        assert pace.blocked_until is not None
        waits.append((pace.blocked_until - NOW).total_seconds())
    assert waits == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert (pace.reason, pace.message) == ("Unreachable", "503")
    assert pace.next_poll(now=NOW, last=NOW, active_since=NOW) == NOW + seconds(300)
    assert pace.succeeded() == Pace()


def test_answers_of_another_kind_do_not_hide_what_fails() -> None:
    pace = Pace()
    for _ in range(5):
        pace = pace.succeeded("list").failed(errors.ServerError("503"), now=NOW, jitter=0.0, what="run")
    assert (pace.failures, pace.reason) == (5, "Unreachable")
    assert pace.succeeded("list") == pace
    assert pace.succeeded("run") == pace.succeeded() == Pace()


def test_one_failure_is_no_condition() -> None:
    pace = Pace().failed(errors.Unreachable("no route"), now=NOW, jitter=0.0)
    assert (pace.reason, pace.blocked_until) == (None, NOW + seconds(1))


def test_retry_after_is_kept() -> None:
    pace = Pace().failed(errors.RateLimited("429", retry_after=900), now=NOW, jitter=0.0)
    assert pace.blocked_until == NOW + seconds(900)


def test_a_wrong_token_opens_it_at_once_and_a_new_one_closes_it() -> None:
    pace = Pace().failed(errors.AuthenticationFailed("401"), now=NOW, jitter=0.5)
    assert (pace.reason, pace.blocked_until) == ("AuthenticationFailed", NOW + seconds(300))
    assert pace.wake().next_poll(now=NOW, last=None, active_since=None) == NOW
