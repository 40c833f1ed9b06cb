"""Which transitions are worth an Event, and how they read."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from freshet.api.asset import AssetStatus, Rejected, Sample
from freshet.api.conditions import Condition, Status
from freshet.controllers.tell import bad_rows, sentence, transitions
from freshet.core.outcome import Ended

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)


def status(**conditions: tuple[Status, str]) -> AssetStatus:
    return AssetStatus(
        conditions=tuple(
            Condition(type=kind, status=state, reason=reason, message=f"about {kind}", last_transition_time=AT)
            for kind, (state, reason) in conditions.items()
        )
    )


CALM = status(Fresh=("True", "WithinLimit"), Failing=("False", "RunsSucceed"), ChecksPassed=("True", "ChecksHold"))


@pytest.mark.parametrize(
    ("after", "told"),
    [
        (status(Fresh=("False", "LagExceeded")), ("Warning", "LagExceeded", "about Fresh")),
        (status(Fresh=("True", "Aging")), ("Warning", "Aging", "about Fresh")),
        (status(Fresh=("Unknown", "UpstreamNotFound")), ("Warning", "UpstreamNotFound", "about Fresh")),
        (status(Failing=("True", "RetriesExhausted")), ("Warning", "RetriesExhausted", "about Failing")),
        (status(ChecksPassed=("False", "ChecksFailed")), ("Warning", "ChecksFailed", "about ChecksPassed")),
        (status(Stalled=("True", "CycleDetected")), ("Warning", "CycleDetected", "about Stalled")),
    ],
)
def test_what_goes_wrong_is_told_once(after: AssetStatus, told: tuple[str, str, str]) -> None:
    assert list(transitions(CALM, after)) == [told]
    assert list(transitions(after, after)) == []


def test_fresh_again_is_told_and_runs_that_succeed_again_are_not() -> None:
    stale = status(Fresh=("False", "LagExceeded"), Failing=("True", "RetriesExhausted"))
    assert list(transitions(stale, CALM)) == [("Normal", "Fresh", "about Fresh")]
    assert list(transitions(status(Fresh=("True", "Aging")), CALM)) == [("Normal", "Fresh", "about Fresh")]


def test_a_first_look_tells_only_of_trouble() -> None:
    nothing = AssetStatus()
    assert list(transitions(nothing, CALM)) == []
    assert list(transitions(nothing, status(Fresh=("True", "Aging")))) == []
    assert list(transitions(nothing, status(Fresh=("False", "Missing")))) == []
    assert [reason for _, reason, _ in transitions(nothing, status(Stalled=("True", "CycleDetected")))] == [
        "CycleDetected"
    ]


def test_a_run_says_what_came_of_it_why_and_how_long_it_took() -> None:
    run = Ended(
        id="u",
        outcome="Succeeded",
        finished_at=AT,
        started_at=AT - timedelta(seconds=3.21),
        cause="updated: raw",
        message="20,025 rows",
    )
    assert sentence(run) == "20,025 rows (updated: raw; 3.2 s)"
    assert sentence(Ended(id="u", outcome="Failed", finished_at=AT)) == "run u failed"
    assert sentence(replace(run, seconds=0.25)) == "20,025 rows (updated: raw; 0.2 s)", "a model's own time"


def test_bad_rows_are_told_by_where_they_are() -> None:
    samples = (Sample(line=3, column="id", reason="the value does not fit BIGINT"), Sample(line=9, reason="too few"))
    told = bad_rows(Rejected(rows=1200, samples=samples))
    assert told == "1,200 rows were bad (line 3, column id: the value does not fit BIGINT; line 9: too few)"
    assert bad_rows(Rejected(rows=1)) == "1 row was bad"


READY = {"Ready": ("True", "Reconciled"), "Fresh": ("True", "WithinLimit")}


@pytest.mark.parametrize("reason", ["PipelineNotFound", "WriteRefused", "RelationUnknown"])
def test_what_is_gone_or_refused_is_told_once(reason: str) -> None:
    ready, lost = status(**READY), status(**{**READY, "Ready": ("False", reason)})  # type: ignore[arg-type]
    assert list(transitions(ready, lost)) == [("Warning", reason, "about Ready")]
    assert list(transitions(lost, lost)) == []
    assert list(transitions(AssetStatus(), lost)) == [], "what was applied together may be on its way"


def test_what_another_condition_tells_is_not_told_twice() -> None:
    ready = status(**READY)  # type: ignore[arg-type]
    gone = status(Ready=("False", "UpstreamNotFound"), Fresh=("Unknown", "UpstreamNotFound"))
    ring = status(Ready=("False", "CycleDetected"), Fresh=("True", "WithinLimit"), Stalled=("True", "CycleDetected"))
    assert [reason for _, reason, _ in transitions(ready, gone)] == ["UpstreamNotFound"]
    assert [reason for _, reason, _ in transitions(ready, ring)] == ["CycleDetected"]
