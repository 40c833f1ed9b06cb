"""Runs that others start count exactly once; what does not count is told apart"""

import time
from typing import Any

import pytest
from tests.support.dbt_place import CHAIN, add_dbt_pipeline, chain, chain_is_built_from, cloud, runs_of
from tests.support.dbtcloud import DbtCloudStandIn
from tests.support.freshet_objects import Place
from tests.support.kube import Object
from tests.support.operator import OperatorProcess
from tests.support.waiting import wait_for

GRAPH = CHAIN


def taken(place: Place, run: Object) -> Any:
    """Once the cursor has that run."""
    return wait_for(lambda: f" {run['id']}@" in cloud(place)["cursor"], what=f"run {run['id']} is taken")


def test_a_run_of_others_counts_and_starts_nothing(
    place: Place, stand_in: DbtCloudStandIn, watcher: OperatorProcess
) -> None:
    chain(place, stand_in)
    run = stand_in.wait(stand_in.start_foreign(cause="nightly")["id"])
    status = place.wait_status("mart", version=str(run["id"]))
    assert status["considered"] == {"stg": str(run["id"])}
    stg = place.wait_status("stg", version=str(run["id"]), considered={"raw": "v1"})
    assert (stg["lastRun"]["cause"], stg["lastRun"]["outcome"]) == ("nightly", "Succeeded")
    place.quiet(watcher)
    assert len(runs_of(stand_in)) == 2


def test_what_does_not_count_is_told_apart(place: Place, stand_in: DbtCloudStandIn, watcher: OperatorProcess) -> None:
    chain(place, stand_in)
    before = place.status("stg")["version"]
    strangers: list[Object] = [
        {"steps_override": ["dbt compile"]},
        {"steps_override": ["dbt docs generate"]},
        {"github_pull_request_id": 7, "cause_category": "ci"},
        {"schema_override": "dev_ada"},
        {"git_branch": "feature"},
        {"git_sha": "abc123"},
        {"target_name_override": "staging"},
    ]
    runs = [stand_in.wait(stand_in.start_foreign(**fields)["id"]) for fields in strangers]
    stand_in.graph({"models": [{**model, "schema": "elsewhere"} for model in CHAIN["models"]]})
    runs.append(stand_in.wait(stand_in.start_foreign(cause="into another schema")["id"]))
    for run in runs:
        taken(place, run)
    assert place.status("stg")["version"] == place.status("mart")["version"] == before
    assert len(runs_of(stand_in)) == 1 + len(runs)


@pytest.mark.parametrize("ahead", [0.0, 90.0, -90.0])
def test_upstreams_that_moved_while_it_ran_are_due_again(
    place: Place, stand_in: DbtCloudStandIn, watcher: OperatorProcess, ahead: float
) -> None:
    """Also where dbt Cloud's clock is not ours."""
    stand_in.faults([{"action": "clock_skew", "seconds": ahead}])
    chain(place, stand_in)
    place.patch("assets", "stg", {"spec": {"automation": {"when": "Manual"}}})
    time.sleep(1.5 if ahead else 0.0)  # a difference of clocks is known to the second
    run = stand_in.start_foreign(override={"seconds": 3.0})
    wait_for(lambda: stand_in.runs()[-1]["started_at"], what="it runs")
    time.sleep(0.1)
    place.announce("raw", "v2")
    place.wait_status("raw", version="v2")
    place.wait_status("stg", version=str(run["id"]), considered={"raw": "v1"}, timeout=60)
    place.patch("assets", "stg", {"spec": {"automation": {"when": "AnyUpstreamUpdated"}}})
    place.wait_status("stg", state="Fresh", considered={"raw": "v2"})


def test_a_failure_of_others_is_told_and_is_no_attempt(
    place: Place, stand_in: DbtCloudStandIn, watcher: OperatorProcess
) -> None:
    chain(place, stand_in)
    before = place.status("stg")
    run = stand_in.start_foreign(override={"outcomes": {"stg": "error"}})
    status = place.wait_status("stg", lambda it: it["lastRun"]["id"] == str(run["id"]))
    assert (status["lastRun"]["outcome"], status["version"]) == ("Failed", before["version"])
    assert not status.get("failures")
    place.quiet(watcher)
    assert len(runs_of(stand_in)) == 2
    place.announce("raw", "v2")
    chain_is_built_from(place, "v2")


def test_a_nightly_whose_results_come_after_a_failure_of_ours_is_not_lost(
    place: Place, stand_in: DbtCloudStandIn, watcher: OperatorProcess
) -> None:
    chain(place, stand_in, own={"retries": {"backoff": "1h"}})
    place.patch("assets", "stg", {"spec": {"automation": {"when": "Manual"}}})
    before = len(runs_of(stand_in))
    place.announce("raw", "v2")
    place.wait_status("raw", version="v2")
    nightly = stand_in.start_foreign(cause="nightly", override={"seconds": 0.5})
    stand_in.faults([{"action": "status", "status": 404, "path": f"/runs/{nightly['id']}/artifacts/"}])
    stand_in.wait(nightly["id"])
    stand_in.graph({**CHAIN, "outcomes": {"stg": "error"}})
    place.patch("assets", "stg", {"spec": {"automation": {"when": "AnyUpstreamUpdated"}}})
    failed = place.wait_status("stg", failures=1)["lastRun"]
    stand_in.clear_faults()
    status = place.wait_status("stg", version=str(nightly["id"]), state="Fresh", considered={"raw": "v2"}, timeout=90)
    assert not status.get("failures")
    assert status["lastRun"] == failed
    assert [item["id"] for item in status["history"][:2]] == [failed["id"], str(nightly["id"])]
    place.wait_status("mart", version=str(nightly["id"]), state="Fresh", considered={"stg": str(nightly["id"])})
    place.quiet(watcher)
    assert len(runs_of(stand_in)) == before + 2


def test_tests_of_others_hold_back_and_release(
    place: Place, stand_in: DbtCloudStandIn, watcher: OperatorProcess
) -> None:
    chain(place, stand_in)
    place.patch("assets", "mart", {"spec": {"automation": {"when": "Manual"}}})
    place.announce("raw", "v2")
    place.wait_status("stg", state="Fresh", considered={"raw": "v2"})
    stand_in.start_foreign(steps_override=["dbt test"], override={"outcomes": {"unique_stg_id": "fail"}})
    wait_for(lambda: place.condition("stg", "ChecksPassed").get("status") == "False", what="a failed test is a check")
    place.patch("assets", "mart", {"spec": {"automation": {"when": "AnyUpstreamUpdated"}}})
    status = place.wait_status("mart", lambda it: "UpstreamChecksFailed" in it["reason"])
    assert "unique_stg_id" in status["reason"]
    stand_in.start_foreign(steps_override=["dbt test"])
    place.wait_status("mart", state="Fresh", considered={"stg": place.status("stg")["version"]})
    assert place.status("stg")["lastRun"]["cause"] != "scheduled"


def at_rest(place: Place, stand_in: DbtCloudStandIn) -> bool:
    """Was nothing written while eight polls were made?"""
    before = place.get("pipelines", "shop")["metadata"]["resourceVersion"]
    stand_in.forget_requests()
    wait_for(lambda: len(stand_in.requests()) >= 8, timeout=60, what="some polls")
    return bool(place.get("pipelines", "shop")["metadata"]["resourceVersion"] == before)


def test_an_idle_job_costs_one_list_request_a_poll(
    place: Place, stand_in: DbtCloudStandIn, watcher: OperatorProcess
) -> None:
    chain(place, stand_in)
    add_dbt_pipeline(place, stand_in, "second")
    wait_for(lambda: place.get("pipelines", "second")["status"].get("dbtCloud", {}).get("cursor"), what="it polls too")
    place.quiet(watcher)
    # Counters are written up to a second later: the first eight polls may see that.
    assert any(at_rest(place, stand_in) for _ in range(3))
    requests = stand_in.requests()
    assert {entry["path"] for entry in requests} == {"/api/v2/accounts/1/runs/"}
    times = [entry["at"] for entry in requests]
    assert (times[-1] - times[0]) / (len(times) - 1) > 0.25, "two Pipelines of a job share its polls"
