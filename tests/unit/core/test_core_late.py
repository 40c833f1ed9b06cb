"""Runs of dbt Cloud that are told of after later ones: nothing that somebody built is lost by that."""

from typing import Any

import msgspec
import pytest
from tests.unit.core.making import HOUR, MINUTE, NOW, SECOND, asset, model, policy, ran, up, ups

from freshet.api.asset import Asset, AssetStatus, Check
from freshet.core.decide import decide
from freshet.core.observed import Observed
from freshet.core.outcome import Ended, is_recorded, record

LATER = NOW + 5 * SECOND
IT = model("m", upstreams=["a"])
A1 = up("a", "a1", last_updated_at=NOW - HOUR)
OLD = AssetStatus(
    version="5", considered={"a": "a0"}, definition="d", last_updated_at=NOW - HOUR, last_checked_at=NOW - HOUR
)


def theirs(outcome: str = "Succeeded", *, id: str = "9", at: Any = NOW, sees: str = "a1", **more: Any) -> Ended:
    """A run of somebody else."""
    made = {"version": id} if outcome == "Succeeded" else {}
    return ran(outcome, id=id, at=at, looked_at={"a": sees}, executor="DbtCloud", foreign=True, **made, **more)


def ours(outcome: str, *, id: str = "10", at: Any = LATER, sees: str = "a1", **more: Any) -> Ended:
    """A run of our own."""
    made = {"version": id} if outcome == "Succeeded" else {}
    return ran(outcome, id=id, at=at, looked_at={"a": sees}, executor="DbtCloud", **made, **more)


def told(*runs: Ended, status: AssetStatus = OLD, a: Asset = A1, it: Asset = IT) -> AssetStatus:
    """The status after these, in the order in which they are told of; each of them is news, and then it is none."""
    for run in runs:
        assert not is_recorded(status, run), run
        status = record(asset=it, status=status, run=run, policy=policy(), upstreams=ups(a))
        assert is_recorded(status, run), run
    return status


@pytest.mark.parametrize("outcome", ["Failed", "Skipped", "Cancelled", "Interrupted"])
def test_a_nightly_whose_results_come_late_is_not_lost_behind_a_later_run_of_ours(outcome: str) -> None:
    status = told(ours(outcome), theirs(rows=7))
    assert status.last_run is not None
    assert (status.last_run.id, status.last_run.outcome) == ("10", outcome)
    assert (status.version, status.rows, status.last_updated_at) == ("9", 7, NOW)
    assert (status.considered, status.consumed["a"].version) == ({"a": "a1"}, "a1")
    assert (status.failures, status.retry_at, status.last_checked_at) == (0, None, NOW)
    assert [item.id for item in status.history] == (["10", "9"] if outcome == "Failed" else ["9"])
    due = decide(
        Observed(
            asset=msgspec.structs.replace(IT, status=msgspec.structs.replace(status, definition=None)),
            pipeline=None, upstreams=ups(A1), now=NOW + HOUR,
        )
    ).due  # fmt: skip
    assert due is None


def test_a_late_success_that_looked_at_less_than_the_failed_attempt_leaves_that_failure_alone() -> None:
    a2 = up("a", "a2", last_updated_at=NOW - MINUTE)
    status = told(ours("Failed", sees="a2"), theirs(sees="a1"), a=a2)
    assert (status.version, status.considered, status.consumed["a"].version) == ("9", {"a": "a2"}, "a1")
    assert status.failures == 1
    assert status.retry_at is not None


def test_what_a_person_asked_for_and_failed_is_asked_again() -> None:
    status = told(ours("Failed", options='{"fullRefresh": true}'), theirs())
    assert (status.version, status.failures) == ("9", 1)


def test_a_late_success_within_whose_run_the_upstream_was_built_meets_the_need_before_that_one_is_told() -> None:
    status = told(ours("Failed", sees="a1"), theirs(sees="9"))
    assert (status.considered, status.failures) == ({"a": "9"}, 0)


def test_an_older_build_than_the_newest_goes_into_the_history_and_nowhere_else() -> None:
    newer = told(theirs(id="12", at=LATER, rows=1))
    status = told(theirs(id="9", rows=7), status=newer)
    assert [item.version for item in status.history] == ["12", "9"]
    assert msgspec.structs.replace(status, history=newer.history) == newer


def test_one_that_is_older_than_ten_others_is_told_once_and_no_more() -> None:
    status = told(*(theirs(id=f"{20 + n}", at=LATER + n * SECOND) for n in range(10)))
    assert is_recorded(status, theirs(id="9"))


def test_a_late_failure_of_somebody_else_is_told_and_nothing_else() -> None:
    before = told(ours("Failed"))
    status = told(theirs("Failed"), status=before)
    assert [(item.id, item.outcome) for item in status.history] == [("10", "Failed"), ("9", "Failed")]
    assert msgspec.structs.replace(status, history=before.history) == before


def test_a_late_look_that_left_the_table_meets_the_need_once() -> None:
    status = told(ours("Failed"), theirs("Unchanged"))
    assert (status.version, status.failures, status.consumed) == ("5", 0, {})


def test_a_late_run_takes_back_no_test_that_ran_since() -> None:
    def check(name: str, passed: bool, at: Any) -> Check:
        return Check(name=name, passed=passed, severity="error", at=at)

    newer = told(theirs(id="12", at=LATER, checks=(check("x", True, LATER), check("y", True, LATER)), retested=True))
    late = theirs(checks=(check("x", False, NOW), check("z", False, NOW), check("y", False, None)), retested=True)
    assert {it.name: it.passed for it in told(late, status=newer).checks} == {"x": True, "y": True, "z": False}


@pytest.mark.parametrize(("outcome", "failures"), [("Succeeded", 0), ("Failed", 0), ("Cancelled", 0), ("Skipped", 0)])
def test_a_run_of_ours_that_is_told_after_a_newer_build_of_others_takes_nothing_back(
    outcome: str, failures: int
) -> None:
    newer = told(theirs(id="12", at=LATER, rows=1))
    status = told(ours(outcome, id="10", at=NOW, trigger="t"), status=newer)
    assert (status.version, status.rows, status.last_updated_at, status.failures) == ("12", 1, LATER, failures)
    assert (status.considered, status.consumed, status.retry_at) == (newer.considered, newer.consumed, None)
    assert status.last_handled_trigger == (None if outcome == "Skipped" else "t")


def test_a_failure_of_ours_that_looked_at_more_than_a_newer_build_of_others_counts() -> None:
    newer, a2 = told(theirs(id="12", at=LATER)), up("a", "a2", last_updated_at=NOW - MINUTE)
    status = told(ours("Failed", at=NOW, sees="a2"), status=newer, a=a2)
    assert (status.version, status.considered, status.failures) == ("12", {"a": "a2"}, 1)


def test_jobs_and_adopted_tables_are_recorded_in_order_as_before() -> None:
    status = told(ours("Failed"))
    assert is_recorded(status, ran(id="r9", at=NOW))
    assert is_recorded(status, ran(id="9", at=NOW, executor="DbtCloud", adopted=True))
    assert asset("x").kind != "DbtCloud"


@pytest.mark.parametrize("run", [ours("Succeeded", at=NOW - 90 * SECOND), theirs(id="11", at=NOW - 80 * SECOND)])
def test_a_clock_that_was_set_back_loses_no_build(run: Ended) -> None:
    status = told(theirs(), run)
    assert status.version == run.id, "its id is newer, though its time is not"
