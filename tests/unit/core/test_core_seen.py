"""What is seen of an asset without waiting for a write: the same word that a visit would write."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.core.making import MINUTE, NOW, asset, policy

from freshet.api.asset import AssetStatus
from freshet.core import seen
from freshet.core.freshness import Facts, Turns, judge, turns
from freshet.core.in_force import in_force
from freshet.core.lineage import NEVER_OLD

LIMITS: tuple[dict[str, Any], ...] = (
    {"maximumLag": "10m"},
    {"maximumLag": "10m", "warnLag": "6m"},
    {"schedule": "0 6 * * *", "within": "1h", "timeZone": "Europe/Berlin"},
    {"maximumUnchanged": "2h"},
    {"maximumLag": "10m", "warnLag": "6m", "maximumUnchanged": "7m", "schedule": "*/3 * * * *"},
    {"maximumLag": "10m", "warnLag": "6m", "basis": "Update"},
)
AGES = st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=2))


@settings(max_examples=200, deadline=None)
@given(limit=st.sampled_from(LIMITS), data=st.none() | st.just(NEVER_OLD) | AGES, updated=AGES, later=AGES)
def test_it_is_the_word_that_a_visit_would_write(limit: Any, data: Any, updated: timedelta, later: timedelta) -> None:
    judged, now = policy(freshness=limit), NOW + later
    data_time = NOW - data if isinstance(data, timedelta) else data
    facts = Facts(version="v", data_time=data_time, last_updated_at=NOW - updated)
    found, verdict = turns(limits=judged, facts=facts), judge(policy=judged, facts=facts, now=now)
    assert found.word(now) == verdict.word
    following = found.next(now)
    if following is not None:
        assert judge(policy=judged, facts=facts, now=following).word != verdict.word
        assert judge(policy=judged, facts=facts, now=following - timedelta(microseconds=1)).word == verdict.word


@pytest.mark.parametrize("limit", LIMITS)
def test_what_is_in_force_judges_as_the_policy_does(limit: Any) -> None:
    judged = policy(freshness=limit)
    found = seen.limits_of(in_force(judged))
    for name in ("maximum_lag", "warn_lag", "deadline", "maximum_unchanged", "by_update"):
        assert getattr(found, name) == getattr(judged, name)


def told(state: str, fresh: str, reason: str, **more: Any) -> Any:
    moved = "2026-11-24T11:00:00Z"
    condition = {"type": "Fresh", "status": fresh, "reason": reason, "message": "", "lastTransitionTime": moved}
    status = {"version": "v", "policy": {"maximumLag": "10m", "warnLag": "6m"}, **more}
    return asset(status=msgspec.convert({"state": state, "conditions": [condition], **status}, type=AssetStatus))


def look(it: Any, *, age: timedelta) -> tuple[str | None, bool | None]:
    found = seen.turns_of(it, seen.limits_in_force(it), data_time=NOW - age)
    return seen.state(it, found, now=NOW), seen.fresh(it, found, now=NOW)


@pytest.mark.parametrize(("age", "state", "fresh"), [(5, "Fresh", True), (6, "Aging", True), (10, "Stale", False)])
@pytest.mark.parametrize("written", [("Fresh", "True", "WithinLimit"), ("Stale", "False", "UpstreamStale")])
def test_data_and_clock_go_before_what_is_written(
    written: tuple[str, str, str], age: int, state: str, fresh: bool
) -> None:
    assert look(told(*written), age=age * MINUTE) == (state, fresh)


@pytest.mark.parametrize("reason", ["UpstreamNotFound", "InvalidSchedule"])
def test_what_the_condition_does_not_know_is_judged_by_the_limits_in_force(reason: str) -> None:
    assert look(told("Fresh", "Unknown", reason), age=10 * MINUTE) == ("Stale", False), "an alert must not fall silent"


@pytest.mark.parametrize("state", ["Suspended", "Updating", "Failed"])
def test_a_state_that_is_not_of_the_data_stays_while_the_data_is_judged(state: str) -> None:
    assert look(told(state, "True", "WithinLimit"), age=10 * MINUTE) == (state, False)


@pytest.mark.parametrize(
    ("it", "seen_as"),
    [
        (told("Missing", "False", "Missing", version=None), ("Missing", False)),
        (told("Missing", "False", "Missing", version=None, policy={}), ("Missing", None)),
        (told("Fresh", "True", "NoPolicy", policy={}), ("Fresh", None)),
        (told("Stale", "Unknown", "InvalidSchedule", policy={}), ("Stale", None)),
        (told("Fresh", "True", "WithinLimit", policy={"maximumLag": "soon"}), ("Fresh", True)),
        (asset(), (None, None)),
    ],
)
def test_where_the_clock_decides_nothing_what_is_written_holds(it: Any, seen_as: Any) -> None:
    assert look(it, age=10 * MINUTE) == seen_as


def test_what_never_turns_has_no_next_turn() -> None:
    assert Turns(aging=None, stale=None).next(datetime.min.replace(tzinfo=NOW.tzinfo)) is None


@pytest.mark.parametrize("zone", ["America/New_York", "Pacific/Kiritimati"])
@pytest.mark.parametrize("limit", LIMITS)
def test_the_ends_of_the_calendar_are_judged_as_any_time(limit: Any, zone: str) -> None:
    """What an earlier freshet may have written down of a table with such days raised in every scrape, for all."""
    more = {"timeZone": zone} if "schedule" in limit else {}
    judged = policy(freshness={**limit, **more})
    first, last = datetime(1, 1, 1, tzinfo=NOW.tzinfo), datetime(9999, 12, 31, 23, 59, 59, tzinfo=NOW.tzinfo)
    for at, word in ((first, "Stale"), (last, "Fresh")):
        facts = Facts(version="v", data_time=at, last_updated_at=at)
        verdict, found = judge(policy=judged, facts=facts, now=NOW), turns(limits=judged, facts=facts)
        assert (verdict.word, found.word(NOW)) == (word, word)
