"""The verdict, and that ``next_at`` is exactly when it changes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.core.making import HOUR, MINUTE, NOW, policy

from freshet.api.asset import AssetStatus
from freshet.api.conditions import Condition
from freshet.core.freshness import Bounds, Facts, bounds, holds_until, judge
from freshet.core.lineage import NEVER_OLD

TICK = timedelta(microseconds=1)
NONE = timedelta(0)
LAG = {"maximumLag": "10m", "warnLag": "6m"}
DAILY = {"schedule": "0 6 * * *", "within": "1h", "timeZone": "Europe/Berlin"}


def facts(
    age: timedelta | None = timedelta(0), *, updated: timedelta = timedelta(0), version: str | None = "v"
) -> Facts:
    return Facts(version=version, data_time=None if age is None else NOW - age, last_updated_at=NOW - updated)


@pytest.mark.parametrize(
    ("freshness", "known", "word", "reason", "changes_in"),
    [
        ({}, facts(), "Fresh", "NoPolicy", None),
        (LAG, facts(version=None), "Missing", "Missing", None),
        (LAG, facts(5 * MINUTE), "Fresh", "WithinLimit", MINUTE),
        (LAG, facts(6 * MINUTE), "Aging", "Aging", 4 * MINUTE),
        (LAG, facts(10 * MINUTE), "Stale", "LagExceeded", None),
        (LAG, facts(None), "Stale", "LagExceeded", None),
        (LAG, facts(-MINUTE), "Fresh", "WithinLimit", 7 * MINUTE),
        ({**LAG, "basis": "Update"}, facts(HOUR, updated=MINUTE), "Fresh", "WithinLimit", 5 * MINUTE),
        ({**LAG, "basis": "Update"}, facts(updated=HOUR), "Stale", "LagExceeded", None),
        ({"maximumUnchanged": "2h"}, facts(updated=HOUR), "Fresh", "WithinLimit", HOUR),
        ({**LAG, "maximumUnchanged": "2h"}, facts(updated=2 * HOUR), "Stale", "InputUnchanged", None),
        ({**LAG, "maximumUnchanged": "2h"}, facts(7 * MINUTE, updated=119 * MINUTE), "Aging", "Aging", MINUTE),
    ],
)
def test_the_worst_rule_holds(freshness: Any, known: Facts, word: str, reason: str, changes_in: Any) -> None:
    verdict = judge(policy=policy(freshness=freshness), facts=known, now=NOW)
    assert (verdict.word, verdict.reason) == (word, reason)
    assert verdict.next_at == (None if changes_in is None else NOW + changes_in)


@pytest.mark.parametrize(
    "freshness",
    [
        LAG,
        DAILY,
        {"maximumUnchanged": "2h"},
        {**LAG, "maximumUnchanged": "2h"},
        {**DAILY, "maximumUnchanged": "2h"},
        {**LAG, "basis": "Update"},
        {**DAILY, "basis": "Update"},
    ],
)
@given(age=st.timedeltas(NONE, 48 * HOUR), updated=st.timedeltas(NONE, 48 * HOUR))
@settings(max_examples=50)
def test_it_is_stale_from_the_first_bound_on(freshness: Any, age: timedelta, updated: timedelta) -> None:
    limits, known = policy(freshness=freshness), facts(age, updated=updated)
    first = bounds(limits=limits, facts=known).first
    assert first is not None
    assert judge(policy=limits, facts=known, now=first).word == "Stale"
    assert judge(policy=limits, facts=known, now=first - TICK).word != "Stale"


def test_without_a_limit_a_version_or_an_age_there_is_no_bound() -> None:
    for freshness, known in (({}, facts()), (LAG, facts(version=None)), (LAG, facts(None)), (DAILY, facts(None))):
        assert bounds(limits=policy(freshness=freshness), facts=known) == Bounds()
    never = Facts(version="v", data_time=NEVER_OLD, last_updated_at=NOW)
    for freshness in (LAG, DAILY):
        assert bounds(limits=policy(freshness=freshness), facts=never) == Bounds()


def test_static_data_never_grows_old() -> None:
    verdict = judge(policy=policy(dataTime="Static", freshness=LAG), facts=facts(1000 * HOUR), now=NOW)
    assert (verdict.word, verdict.next_at) == ("Fresh", None)


@pytest.mark.parametrize(
    ("told", "freshness", "age", "until"),
    [
        (("True", "WithinLimit"), LAG, 3 * MINUTE, 3 * MINUTE),
        (("True", "WithinLimit"), LAG, 7 * MINUTE, timedelta(0)),
        (("True", "Aging"), LAG, 7 * MINUTE, 3 * MINUTE),
        (("True", "Aging"), LAG, 11 * MINUTE, timedelta(0)),
        (("True", "Aging"), LAG, 3 * MINUTE, timedelta(0)),
        (("True", "WithinLimit"), {**LAG, "basis": "Update"}, 11 * MINUTE, 6 * MINUTE),
        (("True", "WithinLimit"), {"maximumUnchanged": "2h"}, HOUR, 2 * HOUR),
        (("False", "LagExceeded"), LAG, 11 * MINUTE, None),
        (("Unknown", "UpstreamNotFound"), LAG, 11 * MINUTE, None),
        (("True", "NoPolicy"), {}, 1000 * HOUR, None),
        (None, LAG, 11 * MINUTE, None),
    ],
)
def test_until_when_what_was_told_holds(
    told: tuple[Any, str] | None, freshness: dict[str, str], age: timedelta, until: timedelta | None
) -> None:
    conditions = (_condition(*told),) if told else ()
    status = AssetStatus(version="v1", conditions=conditions, last_updated_at=NOW)
    found = holds_until(status, policy=policy(freshness=freshness), data_time=NOW - age, now=NOW)
    assert found == (None if until is None else NOW + until)


def _condition(status: Any, reason: str) -> Condition:
    return Condition(type="Fresh", status=status, reason=reason, message="", last_transition_time=NOW)


@pytest.mark.parametrize("freshness", [LAG, DAILY])
def test_what_is_built_from_static_data_alone_never_grows_old(freshness: dict[str, str]) -> None:
    known = Facts(version="v", data_time=NEVER_OLD, last_updated_at=NOW - 1000 * HOUR)
    verdict = judge(policy=policy(freshness=freshness), facts=known, now=NOW)
    assert (verdict.word, verdict.next_at) == ("Fresh", None)
    by_update = judge(policy=policy(freshness={**freshness, "basis": "Update"}), facts=known, now=NOW)
    assert by_update.word == "Stale"


@pytest.mark.parametrize(
    ("data", "now", "word"),
    [
        ("2026-03-28 05:00", "2026-03-29 04:59", "Fresh"),  # clocks go forward: 06:00 is 04:00 UTC, due by 05:00
        ("2026-03-28 05:00", "2026-03-29 05:00", "Stale"),
        ("2026-03-29 04:00", "2026-03-29 05:00", "Fresh"),  # data of the tick itself has reached it
        ("2026-10-24 04:00", "2026-10-25 05:59", "Fresh"),  # clocks go back: 06:00 is 05:00 UTC, due by 06:00
        ("2026-10-24 04:00", "2026-10-25 06:00", "Stale"),
        ("2026-11-20 05:00", "2026-11-24 12:00", "Stale"),
    ],
)
def test_deadlines_follow_the_clock_on_the_wall(data: str, now: str, word: str) -> None:
    known = Facts(version="v", data_time=_utc(data), last_updated_at=None)
    assert judge(policy=policy(freshness=DAILY), facts=known, now=_utc(now)).word == word


def test_a_missed_deadline_stays_the_one_that_was_missed() -> None:
    known = Facts(version="v", data_time=_utc("2026-11-20 05:30"), last_updated_at=None)
    said = {judge(policy=policy(freshness=DAILY), facts=known, now=NOW + n * HOUR).message for n in range(100)}
    assert said == {"data newer than 2026-11-21 05:00:00Z was due by 2026-11-21 06:00:00Z"}


def test_data_of_unknown_age_misses_every_deadline() -> None:
    assert judge(policy=policy(freshness=DAILY), facts=facts(None), now=NOW).reason == "Overdue"


spans = st.integers(0, 40_000).map(lambda seconds: timedelta(seconds=seconds))


@st.composite
def freshnesses(draw: st.DrawFn) -> dict[str, str]:
    found: dict[str, str] = {}
    if draw(st.booleans()):
        found["maximumLag"] = f"{draw(st.integers(2, 600))}m"
        if draw(st.booleans()):
            found["warnLag"] = f"{draw(st.integers(1, 700))}m"
    else:
        found["schedule"] = draw(st.sampled_from(["0 6 * * *", "*/7 * * * *", "30 2 * * *", "30 1 * * 0"]))
        found["within"] = f"{draw(st.integers(1, 300))}m"
        found["timeZone"] = draw(st.sampled_from(["Etc/UTC", "Europe/Berlin", "America/New_York"]))
    if draw(st.booleans()):
        found["maximumUnchanged"] = f"{draw(st.integers(1, 700))}m"
    return {**found, "basis": draw(st.sampled_from(["Data", "Update"]))}


@settings(max_examples=25, deadline=None)
@given(
    freshness=freshnesses(),
    known=st.builds(facts, spans, updated=spans),
    base=st.sampled_from([timedelta(0), timedelta(days=-30), timedelta(days=124)]),
)
def test_it_changes_at_next_at_and_never_before(freshness: dict[str, str], known: Facts, base: timedelta) -> None:
    it, now = policy(freshness=freshness), NOW + base
    moved = Facts(
        version="v", data_time=_plus(known.data_time, base), last_updated_at=_plus(known.last_updated_at, base)
    )
    words = []
    verdict = judge(policy=it, facts=moved, now=now)
    while verdict.next_at is not None:
        words.append(verdict.word)
        assert verdict.next_at > now
        assert judge(policy=it, facts=moved, now=verdict.next_at - TICK).word == verdict.word
        now = verdict.next_at
        verdict = judge(policy=it, facts=moved, now=now)
        assert verdict.word != words[-1]
    assert judge(policy=it, facts=moved, now=now + timedelta(days=400)).word == verdict.word == "Stale"


def _plus(at: datetime | None, span: timedelta) -> datetime | None:
    return None if at is None else at + span


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
