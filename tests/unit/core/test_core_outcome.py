"""What a run that ended does to the status; recording the same runs again changes nothing."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.core.making import HOUR, MINUTE, NOW, SECOND, asset, policy, ran, source

from freshet.api.asset import Asset, AssetStatus, Check, Rejected, Sample
from freshet.core.decide import decide
from freshet.core.observed import Observed
from freshet.core.outcome import Ended, is_recorded, order, record, retry_delay

BEFORE = AssetStatus(
    version="v0", considered={"a": "old"}, definition="d0", failures=1, last_updated_at=NOW - HOUR, data_time=NOW - HOUR
)


def after(run: Ended, *, status: AssetStatus = BEFORE, it: Asset | None = None, **spec: Any) -> AssetStatus:
    subject = it or asset("x", upstreams=["a"], **spec)
    return record(asset=subject, status=status, run=run, policy=policy(**spec), upstreams={})


@pytest.mark.parametrize(
    ("outcome", "version", "considered", "definition", "failures", "retries"),
    [
        ("Succeeded", "v9", "new", "d", 0, False),
        ("Unchanged", "v0", "new", "d", 0, False),
        ("Failed", "v0", "new", "d", 2, True),
        ("Cancelled", "v0", "new", "d", 1, False),
        ("Interrupted", "v0", "old", "d0", 1, True),
        ("Skipped", "v0", "old", "d0", 1, True),
    ],
)
def test_what_each_outcome_uses_up(
    outcome: str, version: str, considered: str, definition: str, failures: int, retries: bool
) -> None:
    it = after(ran(outcome, version="v9", looked_at={"a": "new"}))
    assert (it.version, it.considered, it.definition, it.failures) == (version, {"a": considered}, definition, failures)
    assert (it.retry_at is not None) is retries
    assert it.last_run is not None
    assert (it.last_run.outcome, it.run) == (outcome, None)


@pytest.mark.parametrize(
    ("outcome", "kept"),
    [("Succeeded", False), ("Unchanged", False), ("Failed", False), ("Cancelled", False), ("Interrupted", True)],
)
def test_a_refusal_stands_until_a_load_comes_to_look(outcome: str, kept: bool) -> None:
    known, load = {"input": "i"}, source()
    refused = after(ran("Failed", refused=known), it=load)
    assert refused.refused == known
    assert after(ran(outcome, id="r2"), status=refused, it=load).refused == (known if kept else None)


def test_considered_is_not_consumed() -> None:
    it = after(ran("Unchanged", version="v9", looked_at={"a": "new"}))
    assert (it.consumed, it.last_updated_at, it.last_checked_at) == ({}, NOW - HOUR, NOW)
    assert set(after(ran(version="v9", looked_at={"a": "new"})).consumed) == {"a"}


def test_a_load_that_finds_nothing_new_moves_the_data_time_and_not_the_version() -> None:
    load = source(status=after(ran(version="v1", data_time=NOW - MINUTE), it=source()))
    it = after(ran("Unchanged", id="r2", version="v1", data_time=NOW), status=load.status, it=load)
    assert (it.version, it.data_time, it.history[0].data_time, len(it.history)) == ("v1", NOW, NOW, 1)
    late = after(ran("Unchanged", id="r3", version="v1", data_time=NOW - HOUR), status=it, it=load)
    assert late.data_time == NOW


def test_a_load_by_another_spec_may_move_the_data_time_back() -> None:
    """Another ``dataTimeColumn`` of the same rows."""
    status = after(ran(version="v1", data_time=NOW, level={"fingerprint": "a"}), it=source())
    same = ran("Unchanged", id="r2", version="v1", data_time=NOW - HOUR, level={"fingerprint": "a"})
    assert after(same, status=status, it=source()).data_time == NOW
    other = ran("Unchanged", id="r3", version="v1", data_time=NOW - HOUR, level={"fingerprint": "b"})
    it = after(other, status=status, it=source())
    assert (it.version, it.data_time, it.level) == ("v1", NOW - HOUR, {"fingerprint": "b"})


def test_a_load_reports_a_level_so_that_a_lost_one_is_made_up_for() -> None:
    it = after(ran("Unchanged", version="v7", data_time=NOW, rows=5, updated_at=NOW - MINUTE), it=source())
    assert (it.version, it.rows, it.last_updated_at, it.history[0].version) == ("v7", 5, NOW - MINUTE, "v7")


def test_an_older_level_is_left_aside() -> None:
    """A, then B, then A again while the operator was away: the load repeats what it was told of the first A."""
    status = after(ran(version="vB", data_time=NOW, updated_at=NOW, rows=7, level={"version": "vB"}), it=source())
    late = ran("Unchanged", id="r2", at=NOW + MINUTE, version="vA", updated_at=NOW - HOUR, data_time=NOW + MINUTE,
               rows=3, level={"version": "vA"})  # fmt: skip
    it = after(late, status=status, it=source())
    assert (it.version, it.data_time, it.rows, it.level) == ("vB", NOW, 7, {"version": "vB"})
    assert it.last_run is not None
    assert "older state" in it.last_run.message


def test_an_outage_that_lasts_is_backed_off_without_using_up_attempts() -> None:
    status, waits = BEFORE, []
    retries = {"limit": 3, "backoff": "10s", "maxBackoff": "60s"}
    for n in range(5):
        at = NOW + n * HOUR
        status = after(ran("Interrupted", id=f"r{n}", at=at), status=status, retries=retries)
        assert status.retry_at is not None
        waits.append(status.retry_at - at)
    assert waits == [s * SECOND for s in (10, 20, 40, 60, 60)]
    assert status.failures == 1
    over = after(ran(id="r9", at=NOW + 9 * HOUR), status=status, retries=retries)
    again = after(ran("Interrupted", id="r10", at=NOW + 10 * HOUR), status=over, retries=retries)
    assert again.retry_at == NOW + 10 * HOUR + 10 * SECOND


def test_attempts_are_limited_and_backed_off() -> None:
    status, waits = BEFORE, []
    retries = {"limit": 3, "backoff": "10s", "maxBackoff": "30s"}
    for n in range(4):
        status = after(ran("Failed", id=f"r{n}"), status=status, retries=retries)
        waits.append(status.retry_at - NOW if status.retry_at else None)
    assert waits == [20 * SECOND, 30 * SECOND, None, None]
    assert status.failures == 5


@settings(max_examples=30, deadline=None)
@given(failures=st.integers(0, 10**6))
def test_backoff_grows_to_its_limit(failures: int) -> None:
    delay = retry_delay(policy(), failures)
    assert 30 * SECOND <= delay <= HOUR
    assert delay <= retry_delay(policy(), failures + 1)


def test_history_keeps_the_newest_ten_that_built_or_failed() -> None:
    status = AssetStatus()
    for n in range(30):
        outcome = ("Succeeded", "Failed", "Unchanged", "Cancelled", "Skipped", "Interrupted")[n % 6]
        status = after(ran(outcome, id=f"r{n}", version=f"v{n}", at=NOW + n * SECOND), status=status)
    kept = [item.id for item in status.history]
    assert kept == ["r25", "r24", "r19", "r18", "r13", "r12", "r7", "r6", "r1", "r0"]
    status = after(ran("Failed", id="r99", at=NOW + HOUR), status=status)
    assert [item.id for item in status.history] == ["r99", *kept[:9]]


def test_failures_push_neither_the_newest_version_nor_the_one_before_it_out_of_history() -> None:
    """How recent a version was at last stands nowhere else, and what was built from it is judged by that."""
    it = source()
    first = ran(id="l1", at=NOW, version="v1", data_time=NOW, updated_at=NOW)
    status = after(
        ran(id="l2", at=NOW + MINUTE, version="v2", data_time=NOW + MINUTE), status=after(first, it=it), it=it
    )
    for n in range(12):
        status = after(ran("Failed", id=f"f{n}", at=NOW + HOUR + n * MINUTE), status=status, it=it)
    late = NOW + 3 * HOUR
    status = after(ran("Unchanged", id="l3", at=late, version="v2", data_time=late), status=status, it=it)
    assert [item.id for item in status.history] == [*(f"f{n}" for n in range(11, 3, -1)), "l2", "l1"]
    status = after(ran(id="l4", at=late + MINUTE, version="v3", data_time=late + MINUTE), status=status, it=it)
    assert [(item.version, item.data_time) for item in status.history if item.version] == [
        ("v3", late + MINUTE),
        ("v2", late),
    ]


def test_checks_that_are_no_longer_declared_go_but_a_dbt_run_without_tests_says_nothing() -> None:
    old = msgspec.structs.replace(BEFORE, checks=(Check(name="rows", passed=False, severity="error"),))
    assert after(ran(), status=old).checks == ()
    assert after(ran(executor="DbtCloud"), status=old).checks == old.checks
    assert after(ran("Failed"), status=old).checks == old.checks
    new = (Check(name="rows", passed=True, severity="error"),)
    assert after(ran(executor="DbtCloud", checks=new), status=old).checks == new


def test_bad_rows_stay_until_an_input_without_them_is_read() -> None:
    bad = Rejected(rows=2, samples=(Sample(line=3, reason="r"),), at=NOW)
    found = after(ran("Failed", rejected=bad))
    assert found.rejected == bad
    assert after(ran("Unchanged"), status=found).rejected == bad
    assert after(ran("Succeeded", rejected=Rejected(rows=0, at=NOW)), status=found).rejected is None


def test_a_skipped_run_answers_no_tick() -> None:
    assert after(ran("Skipped", tick=NOW)).last_tick is None
    assert after(ran("Failed", tick=NOW)).last_tick == NOW


def test_messages_are_cut() -> None:
    it = after(ran("Failed", message="x" * 5000))
    assert it.last_run is not None
    assert len(it.last_run.message) == len(it.history[0].message) == 1024


def test_what_is_recorded() -> None:
    status = after(ran(id="m"))
    assert is_recorded(status, ran(id="m", at=NOW + HOUR))
    assert is_recorded(status, ran(id="other", at=NOW - SECOND))
    assert not is_recorded(status, ran(id="other", at=NOW + SECOND))
    assert not is_recorded(AssetStatus(), ran())


def test_a_dbt_cloud_run_of_ours_is_news_though_the_clock_there_is_behind() -> None:
    status, before = after(ran(id="m")), NOW - MINUTE
    ours = ran(id="other", at=before, executor="DbtCloud")
    assert not is_recorded(status, ours)
    assert is_recorded(after(ours, status=status), ours)
    assert is_recorded(status, ran(id="other", at=before, executor="DbtCloud", adopted=True))


outcomes = st.sampled_from(["Succeeded", "Unchanged", "Failed", "Interrupted", "Cancelled", "Skipped"])


@settings(max_examples=25, deadline=None)
@given(kinds=st.lists(outcomes, min_size=1, max_size=14), data=st.data())
def test_seeing_runs_again_in_portions_gives_the_same_status(kinds: list[str], data: st.DataObject) -> None:
    runs = [
        ran(kind, id=f"r{n}", version=f"v{n}", at=NOW + timedelta(seconds=n // 2), looked_at={"a": f"a{n}"})
        for n, kind in enumerate(kinds)
    ]
    runs.sort(key=order)
    it = asset("x", upstreams=["a"])
    once = taken_in(it, runs)
    seen = 0
    while seen < len(runs):
        seen += data.draw(st.integers(1, len(runs) - seen))
        it = msgspec.structs.replace(it, status=taken_in(it, data.draw(st.permutations(runs[:seen]))))
    assert it.status == once
    assert taken_in(it, runs) == once


def taken_in(it: Asset, runs: list[Ended]) -> AssetStatus:
    """What decide makes of them, an hour later."""
    return decide(Observed(asset=it, pipeline=None, upstreams={}, now=NOW + HOUR, ended=runs)).status
