"""What a person reads: Events in ``kubectl describe``, and log lines that machines can read, too."""

import json
from typing import Any

from tests.cluster.conftest import OperatorFactory
from tests.support.dbt_place import CHAIN, OFTEN, chain, runs_of
from tests.support.dbtcloud import DbtCloudStandIn
from tests.support.freshet_objects import Place, user_job
from tests.support.waiting import wait_for

PATIENCE = 60
GRAPH = CHAIN


def test_events_and_lines_name_asset_pipeline_and_run(operator_factory: OperatorFactory, place: Place) -> None:
    operator = operator_factory(arguments=["--log-format=json"]).start()
    place.add_pipeline("shop")
    place.add_asset("raw")
    place.add_asset("report", pipeline="shop", upstreams=["raw"], materialize=user_job(), retries={"limit": 0})
    place.announce("raw", "v1")
    job = place.build("report", exit_code=3)
    uid = place.wait_status("report", state="Failed", timeout=PATIENCE)["lastRun"]["id"]
    assert uid == job["metadata"]["uid"]

    def described() -> str:
        text = place.cluster.kubectl("describe", "asset/report", "-n", place.namespace)
        return text if "RetriesExhausted" in text.partition("Events:")[2] else ""

    events = wait_for(described, timeout=PATIENCE, what="its Events").partition("Events:")[2]
    assert "RunFailed" in events
    assert "(updated: raw; " in events

    def lines() -> list[dict[str, Any]]:
        return [json.loads(line) for line in operator.log().splitlines()]

    about = {"namespace": place.namespace, "asset": "report", "pipeline": "shop", "run": uid}
    told = wait_for(lambda: [line for line in lines() if about.items() <= line.items()], what="lines about the run")
    assert any(line["message"].startswith("RunFailed: ") and line["level"] == "warning" for line in told)


def test_every_line_of_a_day_names_its_asset_its_pipeline_and_its_run(
    operator_factory: OperatorFactory, place: Place, stand_in: DbtCloudStandIn
) -> None:
    """Models built by one run and a Job that fails; then a run of dbt Cloud that fails, and data that grows old."""
    operator = operator_factory(arguments=["--log-format=json"], env=OFTEN).start()
    chain(place, stand_in, own={"retries": {"limit": 0}})
    limit = {"maximumLag": "1s"}
    place.add_asset(
        "report", pipeline="shop", upstreams=["mart"], materialize=user_job(), retries={"limit": 0}, freshness=limit
    )
    job = place.build("report", exit_code=3)
    place.wait_status("report", state="Failed", timeout=PATIENCE)
    stand_in.graph({**CHAIN, "outcomes": {"stg": "error"}})
    place.announce("raw", "v2")
    place.wait_status("stg", state="Failed", timeout=PATIENCE)

    def lines() -> list[dict[str, Any]]:
        read = [json.loads(line) for line in operator.log().splitlines()]
        return [line for line in read if "namespace" in line]

    def told() -> set[str]:
        return {line["message"].partition(":")[0] for line in lines()}

    words = {"RunStarted", "RunInFlight", "RunSucceeded", "RunFailed", "Materialized", "RetriesExhausted"}
    wait_for(lambda: words <= told(), timeout=PATIENCE, what="lines about all that happened")
    good, bad = (str(run["id"]) for run in runs_of(stand_in))
    runs = {"stg": {good, bad}, "mart": {good, bad}, "report": {job["metadata"]["uid"]}, "stg,mart": {good, bad}}
    for line in lines():
        name = line.get("asset") or line["assets"]
        assert name == "raw" or line.get("pipeline") == "shop", line
        assert line["run"] in runs.get(name, {line["run"]}), line
        assert name in {*runs, "raw", "stg"}, line
