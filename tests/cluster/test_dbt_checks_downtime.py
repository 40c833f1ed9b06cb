"""Tests of the project whose names tell nothing (singular ones, custom names) count also where their run ended while
nobody looked: only the manifest says whose they are, so results wait for it.
"""

import pytest
from tests.cluster.conftest import OperatorFactory
from tests.support.dbt_place import OFTEN, built, discover, runs_of
from tests.support.dbtcloud import DbtCloudStandIn
from tests.support.freshet_objects import Place
from tests.support.kube import Object
from tests.support.waiting import wait_for

GRAPH: Object = {
    "sources": [{"name": "raw.orders"}],
    "models": [
        {"name": "stg", "upstreams": ["source:raw.orders"], "tests": [{"name": "books_balance"}]},
        {"name": "mart", "upstreams": ["stg"]},
    ],
}


@pytest.mark.parametrize("command", ["dbt build", "dbt test"])
def test_a_failed_test_of_a_run_during_downtime_holds_back(
    place: Place, stand_in: DbtCloudStandIn, operator_factory: OperatorFactory, command: str
) -> None:
    built(stand_in)
    operator = operator_factory(env=OFTEN).start()
    discover(place, stand_in)
    place.wait_status("mart", state="Fresh")
    place.quiet(operator)
    operator.kill()
    failing = {"outcomes": {"books_balance": "fail"}}
    run = stand_in.wait(stand_in.start_foreign(steps_override=[command], override=failing)["id"])
    before = len(runs_of(stand_in))
    operator.start()
    wait_for(lambda: place.condition("stg", "ChecksPassed").get("status") == "False", what="the failed test is known")
    assert [check["name"] for check in place.status("stg")["checks"]] == ["books_balance"]
    if command == "dbt build":
        status = place.wait_status("stg", version=str(run["id"]))
        assert status["lastRun"]["outcome"] == "Succeeded"
        place.wait_status("mart", lambda it: "UpstreamChecksFailed" in it["reason"])
    place.quiet(operator)
    assert len(runs_of(stand_in)) == before, "nothing is built on data that is known to be bad"
