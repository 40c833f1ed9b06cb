"""Is it due? Situations in tables: five presets, what holds a run back, retries, requests."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from tests.unit.core.making import CREATED, HOUR, MINUTE, NOW, SECOND, asset, model, pipeline, source, up, ups

from freshet.api.asset import Asset, AssetStatus, Check, HistoryItem, LastRun, PolicyInForce, RunInFlight
from freshet.core.automation import assess
from freshet.core.policy import effective
from freshet.core.situation import Due, Situation, Waiting, definition_of

OLD = NOW - HOUR


def last(outcome: str = "Succeeded", *, ago: timedelta = HOUR) -> LastRun:
    return LastRun(id="r0", outcome=outcome, started_at=NOW - ago, finished_at=NOW - ago, message="it broke")  # type: ignore[arg-type]


def situation(it: Asset, *upstreams: Asset, busy: tuple[str, ...] = (), pipe: Any = None, now: Any = NOW) -> Situation:
    return Situation(
        asset=it,
        pipeline=pipe,
        policy=effective(asset=it, pipeline=pipe),
        upstreams=ups(*upstreams),
        now=now,
        busy=lambda name: name in busy,
    )


def settled(it: Asset, **status: Any) -> Asset:
    """The same asset as if its newest run had looked at this very definition."""
    facts = {"version": "v0", "definition": definition_of(it, None), "last_run": last(), **status}
    return msgspec.structs.replace(it, status=AssetStatus(**facts))


def due(answer: Any) -> Due:
    assert isinstance(answer, Due), answer
    return answer


def waits(answer: Any, reason: str) -> Waiting:
    assert isinstance(answer, Waiting), answer
    assert answer.reason == reason
    assert answer.message
    return answer


def any_of(*names: str, **more: Any) -> Asset:
    return asset("x", upstreams=list(names), **more)


@pytest.mark.parametrize(
    ("when", "a", "b", "is_due"),
    [
        ("AnyUpstreamUpdated", "v1", "w1", False),
        ("AnyUpstreamUpdated", "v2", "w1", True),
        ("AnyUpstreamUpdated", "v2", "w2", True),
        ("AllUpstreamsUpdated", "v2", "w1", False),
        ("AllUpstreamsUpdated", "v2", "w2", True),
        ("AllUpstreamsUpdated", "v1", "w1", False),
        ("Missing", "v2", "w2", False),
        ("Manual", "v2", "w2", False),
    ],
)
def test_presets_compare_versions(when: str, a: str, b: str, is_due: bool) -> None:
    it = settled(any_of("a", "b", automation={"when": when}), considered={"a": "v1", "b": "w1"})
    answer = assess(situation(it, up("a", a), up("b", b)))
    assert (answer is not None) is is_due
    if is_due:
        assert due(answer).versions == {"a": a, "b": b}


@pytest.mark.parametrize("when", ["AnyUpstreamUpdated", "AllUpstreamsUpdated", "Missing"])
def test_what_was_never_built_is_built(when: str) -> None:
    it = any_of("a", automation={"when": when})
    assert due(assess(situation(it, up("a")))).attempt == 1
    waits(assess(situation(it, up("a", None))), "NeverUpdated")


def test_manual_is_never_started_by_itself() -> None:
    assert assess(situation(any_of("a", automation={"when": "Manual"}), up("a"))) is None


def test_all_upstreams_takes_a_check_since_the_last_run_and_does_not_wait_for_static_ones() -> None:
    it = settled(
        any_of("a", "b", "seed", automation={"when": "AllUpstreamsUpdated"}),
        considered={"a": "v1", "b": "w1", "seed": "s"},
    )
    seed = asset("seed", materialize={"external": {}}, dataTime="Static", status=AssetStatus(version="s"))
    checked = up("b", "w1", last_checked_at=NOW - MINUTE)
    assert due(assess(situation(it, up("a", "v2"), checked, seed))).cause == "all updated: a"
    assert assess(situation(it, up("a", "v1"), checked, seed)) is None
    assert assess(situation(it, up("a", "v2"), up("b", "w1", last_checked_at=OLD - MINUTE), seed)) is None


def test_a_changed_definition_makes_it_due_but_an_adopted_one_does_not() -> None:
    it = settled(any_of("a"), considered={"a": "v1"}, definition="another")
    assert due(assess(situation(it, up("a")))).cause == "its definition changed"
    assert assess(situation(settled(any_of("a"), considered={"a": "v1"}, definition=None), up("a"))) is None


def test_definition_is_what_and_from_where() -> None:
    one = definition_of(asset(upstreams=["a", "b"]), None)
    assert one == definition_of(asset("other", upstreams=["b", "a"], suspend=True, timeout="1m"), None)
    assert one != definition_of(asset(upstreams=["a"]), None)
    assert one != definition_of(asset(upstreams=["a", "b"], materialize={"count": {"relation": "s.t"}}), None)
    csv = {"path": "/d.csv"}
    pipes = [
        pipeline(sources=[{"asset": "src", "csv": csv, **more}])
        for more in ({}, {"schedule": "@daily"}, {"table": "t"})
    ]
    first, same, other = (definition_of(source(), pipe) for pipe in pipes)
    assert first == same != other


CRON = {"when": "Cron", "schedule": "0 6 * * *", "timeZone": "Europe/Berlin"}
SIX = NOW.replace(hour=5)


@pytest.mark.parametrize(
    ("status", "is_due"),
    [
        ({"last_tick": SIX - timedelta(days=9)}, True),
        ({"last_tick": SIX}, False),
        ({}, True),
        ({"last_run": last(ago=NOW - SIX - MINUTE)}, False),  # a dbt Cloud run carries no tick: its start answers
        ({"last_run": last("Skipped", ago=NOW - SIX - MINUTE)}, True),
        ({"last_run": last(ago=NOW - SIX + MINUTE)}, True),
    ],
)
def test_cron_after_days_of_downtime_is_one_run(status: dict[str, Any], is_due: bool) -> None:
    it = settled(asset("x", automation=CRON), **{"last_run": None, **status})
    answer = assess(situation(it))
    assert (answer is not None) is is_due
    if is_due:
        assert due(answer).tick == SIX
        after = settled(asset("x", automation=CRON), last_tick=due(answer).tick)
        assert assess(situation(after)) is None


def test_cron_does_not_run_for_ticks_before_it_was_created() -> None:
    it = asset("x", automation=CRON)
    assert assess(situation(it, now=CREATED + SECOND)) is None
    restored = settled(it, last_run=None, last_tick=CREATED - 9 * HOUR * 24)
    assert due(assess(situation(restored, now=CREATED + SECOND))).tick is not None


def failed(failures: int, *, retry_in: timedelta | None, outcome: str = "Failed", **more: Any) -> dict[str, Any]:
    retry_at = NOW + retry_in if retry_in is not None else None
    return {
        "failures": failures,
        "retry_at": retry_at,
        "last_run": last(outcome, ago=MINUTE),
        "considered": {"a": "v1"},
        **more,
    }


def test_retries_wait_for_their_backoff() -> None:
    held = waits(assess(situation(settled(any_of("a"), **failed(1, retry_in=SECOND)), up("a"))), "RetryScheduled")
    assert held.until == NOW + SECOND
    assert due(assess(situation(settled(any_of("a"), **failed(1, retry_in=-SECOND)), up("a")))).attempt == 2


def test_exhausted_until_an_upstream_moves_then_one_attempt_per_max_backoff() -> None:
    tired = settled(any_of("a"), **failed(4, retry_in=None))
    assert assess(situation(tired, up("a"))) is None
    held = waits(assess(situation(tired, up("a", "v2"))), "RetryScheduled")
    assert held.until == NOW - MINUTE + HOUR
    assert due(assess(situation(tired, up("a", "v2"), now=held.until))).attempt == 5


def test_limits_that_change_count_at_once() -> None:
    raised = settled(any_of("a", retries={"limit": 5}), **failed(4, retry_in=None))
    assert due(assess(situation(raised, up("a")))).attempt == 5
    lowered = settled(any_of("a", retries={"limit": 0}), **failed(1, retry_in=-SECOND))
    assert assess(situation(lowered, up("a"))) is None


@pytest.mark.parametrize(
    ("outcome", "cause"), [("Interrupted", "again after an interrupted run"), ("Cancelled", None), ("Unchanged", None)]
)
def test_interrupted_runs_come_back_and_cancelled_ones_do_not(outcome: str, cause: str | None) -> None:
    it = settled(any_of("a"), **failed(0, retry_in=-SECOND if outcome == "Interrupted" else None, outcome=outcome))
    answer = assess(situation(it, up("a")))
    assert (answer.cause if isinstance(answer, Due) else answer) == cause


def test_a_skipped_model_waits_for_what_failed_above_it() -> None:
    it = settled(model("x", upstreams=["a"]), **failed(0, retry_in=-SECOND, outcome="Skipped", considered={"a": "v0"}))
    for outcome in ("Failed", "Skipped"):
        above = model("a", status=AssetStatus(version="v1", last_run=last(outcome), failures=1))
        waits(assess(situation(it, above)), "WaitingForUpstream")
    mended = model("a", status=AssetStatus(version="v2", last_run=last()))
    assert due(assess(situation(it, mended))).attempt == 1
    met = model("a", status=AssetStatus(version="v2", last_run=last("Failed"), failures=0))
    assert due(assess(situation(it, met))), "somebody else has built it, which was told of late"
    idle = settled(model("x", upstreams=["a"]), **failed(0, retry_in=-SECOND, outcome="Skipped"))
    assert assess(situation(idle, up("a"))) is None


def test_min_interval_counts_from_the_start_of_the_newest_build() -> None:
    built = HistoryItem(id="h", outcome="Succeeded", version="v0", started_at=NOW - MINUTE)
    broke = HistoryItem(id="f", outcome="Failed", started_at=NOW)
    it = any_of("a", automation={"minInterval": "5m"})
    held = waits(assess(situation(settled(it, history=(broke, built)), up("a", "v2"))), "WaitingMinInterval")
    assert held.until == NOW + 4 * MINUTE
    forgotten = settled(it, history=(broke,) * 10, last_updated_at=NOW - MINUTE, duration_seconds=30)
    assert waits(assess(situation(forgotten, up("a", "v2"))), "WaitingMinInterval").until == NOW + 3.5 * MINUTE
    due(assess(situation(settled(it, history=(broke, built)), up("a", "v2"), now=NOW + 4 * MINUTE)))


def test_a_diamond_waits_for_its_second_side_at_most_max_wait() -> None:
    it = settled(any_of("a", "b"), considered={"a": "v1", "b": "w1"})
    left, right = up("a", "v2", last_updated_at=NOW - MINUTE), up("b", "w1")
    held = waits(assess(situation(it, left, right, busy=("b",))), "WaitingForUpstream")
    assert held.until == NOW + 9 * MINUTE
    due(assess(situation(it, left, right, busy=("b",), now=held.until)))
    due(assess(situation(it, left, right, busy=("a",))))
    impatient = settled(any_of("a", "b", automation={"maxWait": "0s"}), considered={"a": "v1", "b": "w1"})
    due(assess(situation(impatient, left, right, busy=("b",))))


@pytest.mark.parametrize(
    ("severity", "passed", "required", "held"),
    [
        ("error", False, True, True),
        ("warn", False, True, False),
        ("error", True, True, False),
        ("error", False, False, False),
    ],
)
def test_a_failed_check_of_an_upstream_holds_back(severity: str, passed: bool, required: bool, held: bool) -> None:
    checks = (Check(name="unique_id", passed=passed, severity=severity),)
    answer = assess(situation(any_of("a", automation={"requireChecks": required}), up("a", checks=checks)))
    if held:
        assert "unique_id" in waits(answer, "UpstreamChecksFailed").message
    else:
        due(answer)


def test_a_failed_check_says_when_its_upstream_is_built_anew_by_itself() -> None:
    checks = (Check(name="unique_id", passed=False, severity="error"),)
    policy = PolicyInForce(when="Cron", build_schedule="*/5 * * * *", build_time_zone="Etc/UTC")
    last = LastRun(id="r", outcome="Succeeded", started_at=NOW)
    answer = assess(situation(any_of("a"), up("a", checks=checks, policy=policy, last_run=last)))
    said = waits(answer, "UpstreamChecksFailed").message
    assert said == "waits for a, whose check unique_id failed, next build 2026-11-24 12:05:00Z"


ASK = "freshet.dev/requestedAt"


def test_a_person_asks_once_and_is_not_made_to_wait() -> None:
    spec = {
        "automation": {"when": "Manual", "minInterval": "9h"},
        "annotations": {ASK: "1", "freshet.dev/request": "{}"},
    }
    built = (HistoryItem(id="h", outcome="Succeeded", version="v0", started_at=NOW),)
    failing = up("a", checks=(Check(name="c", passed=False, severity="error"),))
    answer = due(assess(situation(settled(any_of("a", **spec), history=built), failing)))
    assert (answer.trigger, answer.options, answer.cause) == ("1", "{}", "requested by annotation")
    assert assess(situation(settled(any_of("a", **spec), last_handled_trigger="1"), up("a"))) is None
    waits(assess(situation(settled(any_of("a", **spec)), up("a", None))), "NeverUpdated")


def test_nothing_starts_an_external_asset() -> None:
    it = asset(materialize={"external": {}}, annotations={ASK: "1"})
    assert assess(situation(it)) is None


def test_a_source_loads_at_once_when_new_or_changed_and_else_by_its_schedule() -> None:
    pipe = pipeline(sources=[{"asset": "src", "csv": {"path": "/d.csv"}}])
    assert due(assess(situation(source(), pipe=pipe))).cause == "never built"
    assert assess(situation(source("stranger"), pipe=pipe)) is None
    same = definition_of(source(), pipe)
    known = {"version": "v", "failures": 1, "retry_at": OLD, "last_run": last("Failed")}
    assert assess(situation(source(status=AssetStatus(definition=same, **known)), pipe=pipe)) is None
    due(assess(situation(source(status=AssetStatus(definition="other", **known)), pipe=pipe)))
    asked = source(annotations={ASK: "7"}, status=AssetStatus(definition=same, **known))
    assert due(assess(situation(asked, pipe=pipe))).trigger == "7"


def test_in_flight_is_not_asked_here() -> None:
    """What runs is decide's matter: assess answers as if nothing ran."""
    it = settled(any_of("a"), considered={"a": "v1"}, run=RunInFlight(id="r"))
    assert assess(situation(it, up("a"))) is None


def test_what_a_clock_said_that_was_ahead_holds_nothing_for_longer_than_it_may() -> None:
    """A day ahead, and then set right: until tomorrow nothing was tried, built, or started by its schedule."""
    day = 24 * HOUR
    due(assess(situation(settled(any_of("a"), **failed(1, retry_in=day)), up("a"))))
    assert waits(assess(situation(settled(any_of("a"), **failed(1, retry_in=HOUR)), up("a"))), "RetryScheduled")
    built = HistoryItem(id="h", outcome="Succeeded", version="v0", started_at=NOW + day)
    it = any_of("a", automation={"minInterval": "5m"})
    due(assess(situation(settled(it, history=(built,)), up("a", "v2"))))
    daily = asset("x", automation=CRON)
    for told in ({"last_tick": NOW + day}, {"last_run": last("Succeeded", ago=-day)}):
        assert due(assess(situation(settled(daily, **{"last_run": None, **told})))).tick is not None
