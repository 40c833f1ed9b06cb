"""A dbt Cloud that answers badly: limits, pages of HTML, halves of JSON, wrong ids, slowness. Nothing is lost, nothing
runs twice, and no attempt is used up.
"""

import pytest
from tests.support.dbt_place import CHAIN, add_dbt_pipeline, chain, chain_is_built_from, move, runs_of
from tests.support.dbtcloud import DbtCloudStandIn
from tests.support.freshet_objects import Place
from tests.support.kube import Object
from tests.support.operator import OperatorProcess
from tests.support.waiting import wait_for

from freshet.local.dbtcloud.service import ID_STEP

TRIGGER, LIST, RUN = "/run/$", "/runs/$", r"/runs/\d+/$"
RESULTS = "/run_results.json$"
RETRY_AFTER = 2.0
BURST = 2

SPOILT: dict[str, list[Object]] = {
    "HTML for everything": [{"action": "html", "method": "GET", "times": 6}],
    "half a list": [{"action": "truncate", "method": "GET", "path": LIST, "times": 4}],
    "half a run": [{"action": "truncate", "method": "GET", "path": RUN, "times": 3}],
    "half the results": [{"action": "truncate", "method": "GET", "path": RESULTS, "times": 3}],
    "a wrong id in the answer and in the list": [
        {"action": "wrong_id", "method": "POST", "path": TRIGGER, "times": 1},
        {"action": "wrong_id", "method": "GET", "path": LIST, "times": 3},
    ],
    "the id of a run that is another": [
        {"action": "list_lag", "seconds": 10.0},
        {"action": "wrong_id", "method": "POST", "path": TRIGGER, "times": 1, "offset": -ID_STEP},
    ],
    "another run than was asked for": [
        {"action": "wrong_id", "method": "GET", "path": RUN, "times": 1, "offset": -ID_STEP},
        {"action": "wrong_id", "method": "GET", "path": RUN, "times": 2},
    ],
    "slow bodies": [
        {"action": "slow", "method": "POST", "path": TRIGGER, "seconds": 1.0, "times": 1},
        {"action": "slow", "method": "GET", "path": LIST, "seconds": 1.0, "times": 2},
        {"action": "slow", "method": "GET", "path": RESULTS, "seconds": 1.0, "times": 1},
    ],
    "errors of the service": [{"action": "status", "status": 503, "method": "GET", "times": 6}],
    "a full queue": [{"action": "queue_full", "method": "POST", "path": TRIGGER, "times": 1}],
    "a list that lags, and a lost answer": [
        {"action": "list_lag", "seconds": 5.0},
        {"action": "lose", "method": "POST", "path": TRIGGER, "times": 1},
    ],
    "a clock that is ahead, and a lost answer": [
        {"action": "clock_skew", "seconds": 90.0},
        {"action": "lose", "method": "POST", "path": TRIGGER, "times": 1},
    ],
    "a clock that is behind, and a lost answer": [
        {"action": "clock_skew", "seconds": -90.0},
        {"action": "lose", "method": "POST", "path": TRIGGER, "times": 1},
    ],
}


GRAPH = CHAIN
pytestmark = pytest.mark.usefixtures("watcher")


def taken_in(place: Place) -> list[str]:
    """The runs that ``mart`` knows, oldest first."""
    return [item["id"] for item in reversed(place.status("mart")["history"])]


@pytest.mark.parametrize("name", SPOILT)
def test_what_is_spoilt_loses_nothing_and_starts_nothing_twice(
    place: Place, stand_in: DbtCloudStandIn, watcher: OperatorProcess, name: str
) -> None:
    chain(place, stand_in, own={"retries": {"limit": 0}})
    stand_in.faults(SPOILT[name])
    move(place, "v2")
    chain_is_built_from(place, "v2")
    assert not place.status("stg").get("failures")
    assert [check["name"] for check in place.status("stg")["checks"]] == ["unique_stg_id"]
    place.quiet(watcher)
    causes = [run["trigger"]["cause"] for run in runs_of(stand_in)]
    assert len(causes) == 2, causes
    stand_in.wait(stand_in.start_foreign(cause="nightly")["id"])
    # By clocks that differ it may not be sure whether the nightly read v2 already: then one more run follows.
    wait_for(lambda: sorted(taken_in(place)) == [str(run["id"]) for run in runs_of(stand_in)], what="each once")
    ends = [item["finishedAt"] for item in place.status("mart")["history"]]
    assert ends == sorted(ends, reverse=True), "in the order of their ends, as dbt Cloud tells them"


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_burst_of_429_is_sat_out_by_the_whole_account(
    place: Place, stand_in: DbtCloudStandIn, watcher: OperatorProcess, method: str
) -> None:
    """By two Pipelines, each with a job that it polls for itself."""
    stand_in.put_job(id=2, name="next")
    add_dbt_pipeline(place, stand_in, "next", job=2, observe="Job")
    chain(place, stand_in, own={"retries": {"limit": 0}}, observe="Job")
    wait_for(lambda: not any(run["in_progress"] for run in stand_in.runs()), what="nothing is under way")
    stand_in.forget_requests()
    stand_in.faults([{"action": "rate_limit", "method": method, "retry_after": RETRY_AFTER, "times": BURST}])
    move(place, "v2", "v3")
    chain_is_built_from(place, "v3")
    place.quiet(watcher)
    asked = stand_in.requests()
    assert {entry["query"].get("job_definition_id") for entry in asked if entry["path"].endswith("/runs/")} == {
        "1",
        "2",
    }
    refused = [entry for entry in asked if entry["status"] == 429]
    assert len(refused) == BURST
    for quiet in refused:
        meanwhile = [entry for entry in asked if 0 < entry["at"] - quiet["at"] < RETRY_AFTER]
        assert len(meanwhile) <= 1, "the other Pipeline may have been asking just then"
    assert not place.status("stg").get("failures")
    assert len(runs_of(stand_in)) == 2 or method == "GET", "what moved meanwhile is in the run that was refused"


def test_one_endpoint_that_fails_opens_the_circuit_although_others_answer(
    place: Place, stand_in: DbtCloudStandIn, watcher: OperatorProcess
) -> None:
    chain(place, stand_in, own={"retries": {"limit": 0}})
    stand_in.faults([{"action": "status", "status": 503, "method": "GET", "path": RUN}])
    move(place, "v2")
    condition = wait_for(lambda: unreachable(place), timeout=90, what="the circuit is open")
    assert f"run {runs_of(stand_in)[-1]['id']}" in condition["message"]
    stand_in.clear_faults()
    chain_is_built_from(place, "v2")
    wait_for(lambda: not unreachable(place), what="all is well")
    assert [event["reason"] for event in place.all("events")].count("Unreachable") == 1
    assert len(runs_of(stand_in)) == 2
    assert not place.status("stg").get("failures")


def unreachable(place: Place) -> Object:
    """The condition, where dbt Cloud is said not to be there."""
    condition: Object = place.condition("shop", "DbtCloudReady", plural="pipelines")
    return condition if condition.get("reason") == "Unreachable" else {}
