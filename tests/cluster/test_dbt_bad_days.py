"""Days on which something is down: the operator, dbt Cloud, a token, a run that hangs. Afterwards one run, not many."""

import re
import signal
import sys
from pathlib import Path

import pytest
from tests.cluster.conftest import OperatorFactory
from tests.support.dbt_place import (
    CHAIN,
    OFTEN,
    add_dbt_pipeline,
    add_model,
    chain,
    chain_is_built_from,
    cloud,
    move,
    runs_of,
)
from tests.support.dbtcloud import DbtCloudStandIn
from tests.support.freshet_objects import Place
from tests.support.kube import Object
from tests.support.operator import OperatorProcess
from tests.support.waiting import wait_for

GRAPH = CHAIN
LOADS = 36
"""Of three hours, one every five minutes."""


@pytest.fixture
def quick(operator_factory: OperatorFactory) -> OperatorProcess:
    """An operator of the test's own."""
    return operator_factory(env=OFTEN).start()


def test_runs_that_ended_while_the_operator_was_down(
    place: Place, stand_in: DbtCloudStandIn, operator_factory: OperatorFactory
) -> None:
    operator = operator_factory(env=OFTEN).start()
    chain(place, stand_in)
    place.quiet(operator)
    operator.kill()
    runs = [stand_in.wait(stand_in.start_foreign(cause=f"night {number}")["id"]) for number in range(3)]
    stand_in.forget_requests()
    operator.start()
    status = place.wait_status("mart", version=str(runs[-1]["id"]))
    assert [item["id"] for item in status["history"][:3]] == [str(run["id"]) for run in reversed(runs)]
    place.quiet(operator)
    artifacts = stand_in.requests(path="/artifacts/")
    assert len(artifacts) == 3, artifacts
    assert len(runs_of(stand_in)) == 4


def test_an_outage_is_followed_by_one_run(place: Place, stand_in: DbtCloudStandIn, quick: OperatorProcess) -> None:
    chain(place, stand_in, own={"retries": {"limit": 0}})
    stand_in.kill()
    move(place, *(f"v{number}" for number in range(2, 2 + LOADS)))
    wait_for(
        lambda: place.condition("shop", "DbtCloudReady", plural="pipelines").get("reason") == "Unreachable",
        timeout=90,
        what="the circuit is open",
    )
    said = re.compile(r"DbtCloudUnreachable: .+; next try \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ")
    status = place.wait_status("stg", lambda it: said.fullmatch(it["reason"]))
    assert place.condition("stg", "Updating")["reason"] == "DbtCloudUnreachable"
    assert not status.get("failures")
    move(place, "last")
    stand_in.restart()
    chain_is_built_from(place, "last", timeout=90)
    place.quiet(quick)
    assert len(runs_of(stand_in)) == 2, "one for all that moved meanwhile"
    wait_for(lambda: place.condition("shop", "DbtCloudReady", plural="pipelines")["status"] == "True")


def test_three_hours_of_an_outage_by_the_clock(
    place: Place, stand_in: DbtCloudStandIn, operator_factory: OperatorFactory, tmp_path: Path
) -> None:
    """The operator's clock goes five minutes ahead with each load; parts/dbtcloud/test_hours.py has each second."""
    operator = operator_factory(env={**OFTEN, "AHEAD_FILE": str(tmp_path / "ahead")})
    operator.program = [sys.executable, "-m", "tests.support.ahead"]
    operator.start()
    chain(place, stand_in, own={"retries": {"limit": 0}, "freshness": {"maximumLag": "15m"}})
    stand_in.forget_requests()
    stand_in.faults([{"action": "status", "status": 503, "path": "^/api/"}])
    for number in range(1, 1 + LOADS):
        _go_ahead(tmp_path / "ahead", stand_in, 300 * number)
        move(place, f"v{number + 1}")
    status = place.wait_status("stg", lambda it: "DbtCloudUnreachable" in it["reason"], timeout=90)
    assert (place.condition("stg", "Fresh")["status"], status.get("failures")) == ("False", None)
    assert place.condition("stg", "Fresh")["reason"] == "LagExceeded"
    assert _ready(place) == ("False", "Unreachable")
    assert len(stand_in.requests()) <= 4 * (LOADS + 10), "four attempts each time that the breaker tries"
    assert not stand_in.requests(method="POST")
    operator.signal(signal.SIGSTOP)  # it must not see dbt Cloud by another clock
    stand_in.clear_faults()
    _go_ahead(tmp_path / "ahead", stand_in, 300 * (LOADS + 1))
    operator.signal(signal.SIGCONT)
    chain_is_built_from(place, f"v{LOADS + 1}", timeout=90)
    place.quiet(operator)
    assert len(runs_of(stand_in)) == 2, "one, not thirty-six"
    assert _ready(place)[0] == "True"


def _go_ahead(file: Path, stand_in: DbtCloudStandIn, seconds: float) -> None:
    """The clocks of the operator and of dbt Cloud are so far ahead of this machine's."""
    stand_in.faults([{"action": "clock_skew", "seconds": seconds}])
    written = file.with_suffix(".new")
    written.write_text(str(seconds))
    written.replace(file)


def test_late_and_missing_results(place: Place, stand_in: DbtCloudStandIn, quick: OperatorProcess) -> None:
    chain(place, stand_in)
    stand_in.faults([{"action": "late_artifacts", "seconds": 3.0}])
    move(place, "v2")
    status = place.wait_status("stg", considered={"raw": "v2"}, state="Fresh", timeout=60)
    assert [check["name"] for check in status["checks"]] == ["unique_stg_id"]
    stand_in.faults([{"action": "late_artifacts", "seconds": 3600.0}])
    move(place, "v3")
    status = chain_is_built_from(place, "v3", timeout=90)
    assert "it left no results" in status["lastRun"]["message"]
    place.quiet(quick)
    assert len(runs_of(stand_in)) == 3


def test_a_run_that_takes_too_long_is_cancelled_and_that_is_a_failure(
    place: Place, stand_in: DbtCloudStandIn, quick: OperatorProcess
) -> None:
    chain(place, stand_in, own={"timeout": "1s", "retries": {"limit": 0}}, timeout="1s")
    stand_in.graph({**CHAIN, "seconds": 300.0})
    move(place, "v2")
    status = place.wait_status("stg", lambda it: it["lastRun"]["outcome"] == "Failed", timeout=60)
    assert "Timeout: it took longer than 0:00:01" in status["lastRun"]["message"]
    assert status["failures"] == 1
    below = place.wait_status("mart", lambda it: it["lastRun"]["outcome"] == "Skipped")
    assert not below.get("failures"), "it never began"
    assert runs_of(stand_in)[-1]["status_humanized"] == "Cancelled"


def test_a_run_that_never_comes_to_run_is_cancelled_and_asked_for_anew(
    place: Place, stand_in: DbtCloudStandIn, quick: OperatorProcess
) -> None:
    chain(place, stand_in, own={"timeout": "1s", "retries": {"limit": 0, "backoff": "100ms"}}, timeout="1s")
    stand_in.graph({**CHAIN, "starting": 300.0})
    move(place, "v2")
    status = place.wait_status("stg", lambda it: it["lastRun"]["outcome"] == "Interrupted", timeout=60)
    assert "NotBegun: it was starting for 0:00:01" in status["lastRun"]["message"]
    assert not status.get("failures")
    stand_in.graph(CHAIN)
    chain_is_built_from(place, "v2", timeout=90)
    place.quiet(quick)
    ends = [run["status_humanized"] for run in runs_of(stand_in)]
    assert ends[:2] == ["Success", "Cancelled"]
    assert ends[-1] == "Success"


def test_suspension_cancels_where_it_is_asked_and_what_was_due_comes_back(
    place: Place, stand_in: DbtCloudStandIn, quick: OperatorProcess
) -> None:
    chain(place, stand_in, cancelOnSuspend=True)
    stand_in.graph({**CHAIN, "seconds": 300.0})
    move(place, "v2")
    wait_for(lambda: cloud(place).get("run", {}).get("id"), what="it is under way")
    place.patch("pipelines", "shop", {"spec": {"suspend": True}})
    status = place.wait_status("stg", lambda it: it["lastRun"]["outcome"] == "Interrupted", timeout=60)
    assert not status.get("failures")
    stand_in.graph(CHAIN)
    place.patch("pipelines", "shop", {"spec": {"suspend": False}})
    place.patch("assets", "stg", {"spec": {"retries": {"backoff": "100ms"}}})
    place.wait_status("stg", state="Fresh", considered={"raw": "v2"}, timeout=90)


def test_what_a_person_cancels_is_not_started_again_until_something_moves(
    place: Place, stand_in: DbtCloudStandIn, quick: OperatorProcess
) -> None:
    chain(place, stand_in)
    stand_in.graph({**CHAIN, "seconds": 300.0})
    move(place, "v2")
    run_id = wait_for(lambda: cloud(place).get("run", {}).get("id"), what="it is under way")
    stand_in.api("POST", f"/runs/{run_id}/cancel/")
    status = place.wait_status("stg", lambda it: it["lastRun"]["outcome"] == "Cancelled")
    assert not status.get("failures")
    stand_in.graph(CHAIN)
    place.quiet(quick)
    assert len(runs_of(stand_in)) == 2
    move(place, "v3")
    place.wait_status("stg", state="Fresh", considered={"raw": "v3"})


def test_a_full_queue_and_a_run_that_never_began_use_up_no_attempt(
    place: Place, stand_in: DbtCloudStandIn, quick: OperatorProcess
) -> None:
    chain(place, stand_in, own={"retries": {"limit": 0, "backoff": "200ms"}})
    stand_in.faults([{"action": "queue_full", "method": "POST", "path": "/run/$", "times": 2}])
    stand_in.graph({**CHAIN, "outcomes": {"*": "crash"}})
    move(place, "v2")
    status = place.wait_status("stg", lambda it: it["lastRun"]["outcome"] == "Failed", timeout=60)
    assert status["failures"] == 1, "the command itself crashed: that is one"
    assert [entry["status"] for entry in stand_in.requests(method="POST")] == [200, 429, 429, 200]


def test_a_job_that_keeps_failing_is_said_and_spared(
    place: Place, stand_in: DbtCloudStandIn, quick: OperatorProcess
) -> None:
    chain(place, stand_in)
    for _ in range(10):
        stand_in.wait(stand_in.start_foreign(override={"outcomes": {"stg": "error"}})["id"])
    condition: Object = wait_for(
        lambda: (it := place.condition("shop", "DbtCloudReady", plural="pipelines"))["reason"] == "JobFailing" and it,
        what="a person is told",
    )
    assert "10 runs of dbt Cloud job 1 in a row have failed" in condition["message"]
    assert cloud(place)["failures"] == 10
    stand_in.start_foreign()
    wait_for(lambda: place.condition("shop", "DbtCloudReady", plural="pipelines")["reason"] == "Reachable")
    place.patch("pipelines", "shop", {"status": {"dbtCloud": {"failures": 95}}}, subresource="status")
    wait_for(lambda: _ready(place) == ("False", "JobFailing"), what="it fails again")
    stand_in.put_job(id=2, name="other")
    place.patch("pipelines", "shop", {"spec": {"dbtCloud": {"jobId": 2}}})
    move(place, "v2")
    chain_is_built_from(place, "v2")
    assert _ready(place)[0] == "True", "another job has not failed"


def test_a_rotated_token_is_taken_up_and_no_token_is_ever_seen(
    place: Place, stand_in: DbtCloudStandIn, quick: OperatorProcess
) -> None:
    chain(place, stand_in)
    stand_in.process.kill()
    old, stand_in.token = stand_in.token, "rotated-token-0123456789"
    arguments = stand_in.process.arguments
    arguments[arguments.index(old)] = stand_in.token
    stand_in.restart()
    place.patch("secrets", "dbt-cloud", {"stringData": {"token": stand_in.token}})
    move(place, "v2")
    chain_is_built_from(place, "v2", timeout=90)
    seen = [quick.log(), quick.metrics()]
    seen += [str(place.all(kind)) for kind in ("assets", "pipelines", "events")]
    for token in (old, stand_in.token):
        assert not any(token in text for text in seen)


def test_a_token_that_may_only_look_is_told_once_and_asks_for_no_run_again(
    place: Place, stand_in: DbtCloudStandIn, quick: OperatorProcess
) -> None:
    stand_in.faults([{"action": "status", "status": 403, "method": "POST", "path": "/jobs/1/run/$"}])
    add_dbt_pipeline(place, stand_in)
    place.add_asset("raw")
    add_model(place, "stg", model="stg", upstreams=["raw"])
    place.announce("raw", "v1")
    refused = ("False", "AuthenticationFailed")
    wait_for(lambda: _ready(place) == refused, what="it is told")
    stand_in.forget_requests()
    wait_for(lambda: len(stand_in.requests()) >= 8, timeout=60, what="it is still looked at")
    assert not stand_in.requests(method="POST")
    assert _ready(place) == refused
    told = [event for event in place.all("events") if event["reason"] == "AuthenticationFailed"]
    assert len(told) == 1
    stand_in.clear_faults()
    place.patch("pipelines", "shop", {"spec": {"dbtCloud": {"maxConcurrentRuns": 2}}})
    place.wait_status("stg", state="Fresh", considered={"raw": "v1"})
    wait_for(lambda: _ready(place)[0] == "True", what="all is well")


def _ready(place: Place) -> tuple[str, str]:
    condition = place.condition("shop", "DbtCloudReady", plural="pipelines")
    return condition.get("status", ""), condition.get("reason", "")


def test_a_run_in_doubt_is_looked_for_in_the_job_that_it_was_meant_for(
    place: Place, stand_in: DbtCloudStandIn, quick: OperatorProcess
) -> None:
    stand_in.put_job(id=2, name="other")
    add_dbt_pipeline(place, stand_in)
    place.add_asset("raw")
    add_model(place, "stg", model="stg", upstreams=["raw"])
    place.wait_status("stg", state="Missing")
    stand_in.faults([{"action": "lose", "method": "POST", "path": "/jobs/1/run/$", "times": 1}])
    stand_in.faults([{"action": "delay", "method": "GET", "path": "/runs/$", "seconds": 3.0, "times": 2}])
    place.announce("raw", "v1")
    wait_for(lambda: runs_of(stand_in), what="it was sent, and the answer lost")
    place.patch("pipelines", "shop", {"spec": {"dbtCloud": {"jobId": 2}}})
    place.wait_status("stg", state="Fresh", considered={"raw": "v1"}, timeout=120)
    place.quiet(quick)
    assert (len(runs_of(stand_in)), len(runs_of(stand_in, 2))) == (1, 0)
