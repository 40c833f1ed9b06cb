"""What a dbt Cloud run means for an asset: ours and somebody else's, named or not, cancelled, never begun."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.unit.core.making import MINUTE, NOW, built, model, pipeline, up

from freshet.api.asset import Asset, AssetStatus, Check, HistoryItem
from freshet.api.pipeline_status import DbtRun
from freshet.controllers.dbt_ended import foreign_run, own_run, passed_run
from freshet.controllers.dbt_judged import strangers
from freshet.controllers.dbt_known import Known
from freshet.core.outcome import Ended, record
from freshet.core.policy import effective
from freshet.dbtcloud.model import Run, RunStatus, RunStep
from freshet.dbtcloud.outcomes import CheckResult, NodeResult
from freshet.dbtcloud.project import TestNode
from freshet.dbtcloud.results import StepResults

BUILD, AGAIN = "Invoke dbt with `dbt build --select x`", "Invoke dbt with `dbt retry`"


def run(status: int = RunStatus.SUCCESS, *, steps: Any = ((BUILD, RunStatus.SUCCESS),), **more: Any) -> Run:
    made = tuple(RunStep(index=at, name=name, status=state) for at, (name, state) in enumerate(steps, start=4))
    return Run(id=7, status=status, started_at=NOW, finished_at=NOW + MINUTE, run_steps=made, **more)


def known(*assets: Asset, of: Run | None = None, nodes: Any = None, checks: Any = (), tests: Any = None) -> Known:
    found = {asset.name: asset for asset in assets}
    steps = None
    if nodes is not None:
        results = {f"model.p.{name}": _node(name, what) for name, what in nodes.items()}
        steps = StepResults(which="build", tested=True, nodes=results, checks=tuple(checks))
    return Known(
        pipeline=pipeline(), run=of or run(), steps=steps, now=NOW, tests=tests, find=found.get, live=lambda name: NOW
    )


def _node(name: str, what: Any) -> NodeResult:
    if isinstance(what, NodeResult):
        return what
    return NodeResult(unique_id=f"model.p.{name}", outcome=what)


def intent(*names: str, **more: Any) -> DbtRun:
    return DbtRun(token="t", at=NOW, id="7", assets=names, cause="because", **more)


@pytest.mark.parametrize(
    ("word", "outcome"),
    [
        ("Success", "Succeeded"), ("PartialSuccess", "Succeeded"), ("Error", "Failed"), ("Unknown", "Unchanged"),
        ("Skipped", "Skipped"), ("NoOp", "Unchanged"), ("Reused", "Unchanged"),
    ],
)  # fmt: skip
def test_each_word_of_dbt(word: str, outcome: str) -> None:
    ended = own_run(known(model("m"), nodes={"m": word}), model("m"), intent("m"))
    assert ended.outcome == outcome


@pytest.mark.parametrize("left_out", [False, True])
def test_what_a_run_that_succeeded_leaves_open_is_considered_and_not_consumed(left_out: bool) -> None:
    """No attempt is used up and none follows: dbt Cloud says that all went well, only not what became of this table."""
    asset = model("m", upstreams=["raw"], status=built("v", considered={"raw": "v0"}, failures=1, retry_at=NOW))
    strange = NodeResult(unique_id="model.p.m", outcome="Unknown", status="teleported")
    seen = known(asset, up("raw"), nodes={} if left_out else {"m": strange})
    ended = own_run(seen, asset, intent("m", versions={"m": {"raw": "v1"}}))
    after = taken_in(asset, ended)
    assert (after.version, after.considered, after.consumed) == ("v", {"raw": "v1"}, {})
    assert (after.failures, after.retry_at) == (0, None)
    said = "no status" if left_out else "'teleported'"
    assert said in ended.message
    assert said in strangers(seen.steps, run=seen.run, expected=["model.p.m"])
    failed = run(RunStatus.ERROR)
    assert own_run(replace(seen, run=failed), asset, intent("m")).outcome == "Failed"
    assert strangers(seen.steps, run=failed, expected=["model.p.m"]) == ""


def test_what_is_left_out_below_another_that_is_left_out_of_a_run_that_succeeded_was_not_skipped() -> None:
    child = model("b", upstreams=["a"])
    seen = replace(known(model("a"), child, nodes={}), meant=frozenset({"a", "b"}))
    assert own_run(seen, child, intent("a", "b")).outcome == "Unchanged"


def test_the_intent_comes_along() -> None:
    meant = intent(
        "m", attempts={"m": 3}, triggers={"m": "now"}, ticks={"m": NOW}, definitions={"m": "d"}, options="{}"
    )
    ended = own_run(known(model("m"), nodes={"m": "Success"}), model("m"), meant)
    assert (ended.attempt, ended.trigger, ended.tick, ended.definition) == (3, "now", NOW, "d")
    assert (ended.options, ended.version, ended.id) == ("{}", "7", "7")


def test_what_results_do_not_name_follows_the_run() -> None:
    assert own_run(known(model("m"), of=run()), model("m"), intent("m")).outcome == "Succeeded"
    assert own_run(known(model("m"), of=run(RunStatus.ERROR)), model("m"), intent("m")).outcome == "Failed"
    assert own_run(known(model("m"), nodes={}), model("m"), intent("m")).outcome == "Unchanged"
    failed = known(model("m"), nodes={}, of=run(RunStatus.ERROR))
    assert own_run(failed, model("m"), intent("m")).outcome == "Failed"
    assert own_run(known(model("m"), of=run(RunStatus.CANCELLED)), model("m"), intent("m")).outcome == "Cancelled"


@pytest.mark.parametrize(
    "steps",
    [
        (("Clone git repository", RunStatus.ERROR),),
        (("Invoke dbt with `dbt seed`", RunStatus.ERROR), (BUILD, RunStatus.CANCELLED)),
        (("Invoke dbt with `dbt deps`", RunStatus.ERROR), (AGAIN, RunStatus.CANCELLED)),
    ],
)
def test_a_run_that_never_began_to_build_is_no_attempt(steps: Any) -> None:
    ended = own_run(known(model("m"), of=run(RunStatus.ERROR, steps=steps)), model("m"), intent("m"))
    assert ended.outcome == "Interrupted"


def test_a_retry_that_ran_to_its_end_did_begin() -> None:
    """With mode WholeJob a job's own commands may be dbt's retry alone."""
    steps = (("Clone git repository", RunStatus.SUCCESS), (AGAIN, RunStatus.ERROR))
    ended = own_run(known(model("m"), of=run(RunStatus.ERROR, steps=steps)), model("m"), intent("m"))
    assert ended.outcome == "Failed"


@pytest.mark.parametrize(("why", "outcome"), [("Timeout: 1s", "Failed"), ("Suspended: so", "Interrupted")])
def test_what_we_cancelled_says_why(why: str, outcome: str) -> None:
    ended = own_run(known(model("m"), of=run(RunStatus.CANCELLED)), model("m"), intent("m", cancelled=why))
    assert ended.outcome == outcome
    assert why in ended.message


CUT = ((BUILD, RunStatus.CANCELLED),)
NAMES = ("a", "b", "c")


def cut_short(why: str | None, *, nodes: Any = None, checks: Any = (), passed: Any = ()) -> dict[str, str]:
    """What becomes of a chain a → b → c whose run was cancelled."""
    assets = {name: model(name, upstreams=list(above)) for name, above in (("a", ()), ("b", "a"), ("c", "b"))}
    meant = tuple(name for name in NAMES if name not in passed)
    of = run(RunStatus.CANCELLED, steps=CUT)
    seen = replace(known(*assets.values(), of=of, nodes=nodes, checks=checks), meant=frozenset(meant))
    ends = {name: own_run(seen, assets[name], intent(*meant, cancelled=why, passed=passed)) for name in meant}
    return {name: ended.outcome for name, ended in ends.items()}


@pytest.mark.parametrize(
    ("nodes", "outcomes"),
    [
        (None, ("Failed", "Skipped", "Skipped")),
        ({}, ("Failed", "Skipped", "Skipped")),
        ({"a": "Success"}, ("Succeeded", "Failed", "Skipped")),
        ({"a": "Reused", "b": "Success"}, ("Unchanged", "Succeeded", "Failed")),
        ({"a": "Success", "b": "Skipped", "c": "Skipped"}, ("Succeeded", "Failed", "Skipped")),
        ({"a": "Error"}, ("Failed", "Skipped", "Skipped")),
        ({"a": "Success", "b": "Success", "c": "Success"}, ("Succeeded",) * 3),
    ],
)
def test_of_a_run_that_took_too_long_only_what_had_begun_has_failed(nodes: Any, outcomes: tuple[str, ...]) -> None:
    assert tuple(cut_short("Timeout: 1s", nodes=nodes).values()) == outcomes


def test_what_is_below_a_view_that_is_not_built_had_not_begun_either() -> None:
    assert cut_short("Timeout: 1s", passed=("b",)) == {"a": "Failed", "c": "Skipped"}


def test_what_a_failed_test_held_back_is_not_charged_with_the_time() -> None:
    broken = CheckResult(unique_id="test.p.t.1", name="t", nodes=("model.p.a",), passed=False, severity="error", at=NOW)
    nodes = {"a": "Success", "b": "Skipped", "c": "Skipped"}
    assert cut_short("Timeout: 1s", nodes=nodes, checks=[broken]) == {"a": "Succeeded", "b": "Skipped", "c": "Skipped"}


def test_what_a_cancelled_run_had_built_by_then_counts_and_the_rest_does_not_come_back_by_itself() -> None:
    nodes = {"a": "Success", "b": "Skipped"}
    assert cut_short(None, nodes=nodes) == {"a": "Succeeded", "b": "Cancelled", "c": "Cancelled"}
    assert cut_short("Suspended: so", nodes=nodes) == {"a": "Succeeded", "b": "Interrupted", "c": "Interrupted"}
    seen = known(model("a"), of=run(RunStatus.CANCELLED, steps=CUT), nodes=nodes)
    ended = foreign_run(seen, model("a"))
    assert ended is not None
    assert ended.version == "7"


def test_within_a_run_the_new_version_is_consumed() -> None:
    a, b = model("a", upstreams=["raw"]), model("b", upstreams=["a", "raw"])
    meant = intent("a", "b", versions={"a": {"raw": "v1"}, "b": {"a": "old", "raw": "v1"}})
    whole = known(a, b, up("raw"), nodes={"a": "Success", "b": "Success"})
    assert versions(own_run(whole, b, meant)) == {"a": "7", "raw": "v1"}
    failed = known(a, b, up("raw"), nodes={"a": "Reused", "b": "Success"})
    assert versions(own_run(failed, b, meant)) == {"a": "old", "raw": "v1"}


def test_without_any_results_a_run_that_succeeded_built_what_it_was_for() -> None:
    a, b = model("a"), model("b", upstreams=["a"])
    whole = replace(known(a, b), meant=frozenset({"a", "b"}))
    assert versions(own_run(whole, b, intent("a", "b", versions={"b": {"a": "old"}}))) == {"a": "7"}


def test_a_view_gets_the_version_that_its_upstream_was_given() -> None:
    a, view, over = model("a"), model("view", upstreams=["a"]), model("over", upstreams=["view"])
    meant = intent("a", "over", passed=("view",), versions={"view": {"a": "old"}, "over": {"view": "old"}})
    whole = known(a, view, over, nodes={"a": "Success", "over": "Success"})
    passed = passed_run(whole, view, meant)
    assert passed is not None
    assert (passed.version, versions(passed)) == ("7", {"a": "7"})
    assert versions(own_run(whole, over, meant)) == {"view": "7"}
    assert passed_run(known(a, view, over, nodes={"a": "Error"}), view, meant) is None


@pytest.mark.parametrize("word", ["Success", "Error"])
def test_each_model_of_a_run_has_a_time_and_rows_of_its_own(word: Any) -> None:
    quick = NodeResult(unique_id="model.p.quick", outcome=word, seconds=0.25, rows_affected=7)
    slow = NodeResult(unique_id="model.p.slow", outcome=word, seconds=41.5)
    for theirs in (False, True):
        whole = known(model("quick"), model("slow"), nodes={"quick": quick, "slow": slow})
        for name, seconds, rows in (("quick", 0.25, 7), ("slow", 41.5, None)):
            ended = foreign_run(whole, model(name)) if theirs else own_run(whole, model(name), intent("quick", "slow"))
            assert ended is not None
            after = taken_in(model(name), ended)
            assert after.last_run is not None
            assert (after.last_run.duration_seconds, after.history[0].duration_seconds) == (seconds, seconds)
            assert after.history[0].rows == (rows if word == "Success" else ended.rows)
            assert (after.last_run.started_at, after.last_run.finished_at) == (NOW, NOW + MINUTE), "the run's"


def test_the_run_tells_the_time_of_a_model_that_has_none_of_its_own() -> None:
    after = taken_in(model("m"), own_run(known(model("m")), model("m"), intent("m")))
    assert after.last_run is not None
    assert (after.last_run.duration_seconds, after.duration_seconds) == (60, 60)


def test_a_view_that_was_not_built_took_no_time() -> None:
    view = model("view", upstreams=["a"])
    passed = passed_run(known(model("a"), view, nodes={"a": "Success"}), view, intent("a", passed=("view",)))
    assert passed is not None
    assert taken_in(view, passed).duration_seconds is None


def taken_in(asset: Asset, ended: Ended) -> AssetStatus:
    """The status after the run."""
    policy = effective(asset=asset, pipeline=None)
    return record(asset=asset, status=asset.status, run=ended, policy=policy, upstreams={})


def versions(ended: Ended) -> dict[str, str]:
    return {name: consumed.version for name, consumed in ended.looked_at.items()}


def old(version: str, at: datetime) -> HistoryItem:
    return HistoryItem(id=version, outcome="Succeeded", version=version, finished_at=at)


def test_a_run_of_others_consumed_what_was_there_before_it_started() -> None:
    history = (old("v2", NOW + timedelta(seconds=30)), old("v1", NOW - MINUTE))
    raw = up("raw", "v2", last_updated_at=NOW + timedelta(seconds=30), history=history)
    asset = model("m", upstreams=["raw"])
    ended = foreign_run(known(asset, raw, nodes={"m": "Success"}), asset)
    assert ended is not None
    assert (ended.foreign, versions(ended)) == (True, {"raw": "v1"})
    forgotten = up("raw", "v2", last_updated_at=NOW + timedelta(seconds=30))
    ended = foreign_run(known(asset, forgotten, nodes={"m": "Success"}), asset)
    assert ended is not None
    assert versions(ended) == {}


def test_what_says_nothing_of_this_table_does_not_count() -> None:
    there = NodeResult(unique_id="model.p.m", outcome="Success", relation='"db"."dev_ada"."m"')
    asset = model("m", status=built("v", relation="prod.m"))
    assert foreign_run(known(asset, nodes={"m": there}), asset) is None
    for word in ("Skipped", "Cancelled", "Unknown"):
        assert foreign_run(known(asset, nodes={"m": word}), asset) is None
    assert foreign_run(known(asset, nodes={"other": "Success"}), asset) is None


def test_a_failure_of_others_leaves_everything_due_and_uses_up_nothing() -> None:
    asset = model("m", upstreams=["raw"], status=built("v", considered={"raw": "v0"}))
    ended = foreign_run(known(asset, up("raw"), nodes={"m": "Error"}), asset)
    assert ended is not None
    after = taken_in(asset, ended)
    assert (after.failures, after.considered, after.version) == (0, {"raw": "v0"}, "v")
    assert after.last_run is not None
    assert after.last_run.outcome == "Failed"


def check(name: str, *, passed: bool, at: datetime = NOW) -> CheckResult:
    return CheckResult(
        unique_id=f"test.p.{name}.1", name=name, nodes=("model.p.m",), passed=passed, severity="error", at=at
    )


def test_tests_alone_change_checks_alone() -> None:
    kept = (Check(name="other", passed=True, severity="error", at=NOW),)
    asset = model("m", status=built("v", checks=kept))
    ended = foreign_run(known(asset, nodes={}, checks=[check("unique", passed=False)]), asset)
    assert ended is not None
    after = taken_in(asset, ended)
    assert [(it.name, it.passed) for it in after.checks] == [("other", True), ("unique", False)]
    assert (after.version, after.last_run) == ("v", None)


def test_a_removed_test_takes_its_failure_along() -> None:
    failed = (Check(name="gone", passed=False, severity="error"), Check(name="kept", passed=False, severity="error"))
    asset = model("m", status=built("v", checks=failed))
    tests = {"test.p.kept.1": TestNode(nodes=("model.p.m",))}
    for declared, names in ((tests, ["kept"]), (None, [])):
        ended = own_run(known(asset, nodes={"m": "Success"}, tests=declared), asset, intent("m"))
        after = taken_in(asset, ended)
        assert [it.name for it in after.checks] == names


def test_an_older_result_replaces_no_newer_one() -> None:
    newer = (Check(name="unique", passed=True, severity="error", at=NOW + MINUTE),)
    asset = model("m", status=built("v", checks=newer))
    ended = foreign_run(known(asset, nodes={}, checks=[check("unique", passed=False)]), asset)
    assert ended is not None
    after = taken_in(asset, ended)
    assert after.checks == newer


def test_a_first_reused_is_a_table_and_a_later_one_moves_no_version() -> None:
    asset = model("m", upstreams=["raw"])
    meant = intent("m", versions={"m": {"raw": "v1"}})
    facts: dict[str, Any] = {"policy": effective(asset=asset, pipeline=None), "upstreams": {}}
    ended = own_run(known(asset, up("raw"), nodes={"m": "Reused"}), asset, meant)
    after = record(asset=asset, status=asset.status, run=ended, **facts)
    assert (after.version, after.considered, after.consumed["raw"].version) == ("7", {"raw": "v1"}, "v1")
    again = own_run(
        known(asset, up("raw", "v2"), nodes={"m": "Reused"}), asset, intent("m", versions={"m": {"raw": "v2"}})
    )
    kept = record(asset=asset, status=built("old", considered={"raw": "v1"}), run=again, **facts)
    assert (kept.version, kept.considered) == ("old", {"raw": "v2"})


@pytest.mark.parametrize(
    ("above", "outcome"),
    [("Error", "Skipped"), ("Skipped", "Skipped"), (None, "Skipped"), ("Success", "Failed"), ("Reused", "Failed")],
)
def test_what_dbt_v2_leaves_out_below_a_failure_was_skipped(above: str | None, outcome: str) -> None:
    parent, child = model("a"), model("b", upstreams=["a"])
    nodes = {"a": above} if above else {}
    seen = replace(known(parent, child, nodes=nodes, of=run(RunStatus.ERROR)), meant=frozenset({"a", "b"}))
    assert own_run(seen, child, intent("a", "b")).outcome == outcome
    assert own_run(replace(seen, meant=frozenset({"b"})), child, intent("b")).outcome == "Failed"
