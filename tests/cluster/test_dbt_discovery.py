"""Discovery: the models of a dbt project become Assets, and stay what the newest manifest and a person say."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.dbt_place import FAST, add_dbt_pipeline, runs_of
from tests.support.dbtcloud import DbtCloudStandIn
from tests.support.freshet_objects import Place
from tests.support.kube import Object
from tests.support.operator import OperatorProcess
from tests.support.waiting import wait_for

PATIENCE = 60
MODELS: list[Object] = [
    {"name": "stg_orders", "upstreams": ["source:raw.orders"], "description": "Orders.", "tags": ["core"]},
    {"name": "lately", "upstreams": ["stg_orders"], "materialized": "ephemeral"},
    {"name": "mart", "upstreams": ["lately"], "config": {"freshness": {"build_after": {"count": 1, "period": "hour"}}}},
]
GRAPH: Object = {
    "sources": [{"name": "raw.orders"}],
    "models": MODELS,
    "exposures": [{
        "unique_id": "exposure.kaizen_wars.board", "name": "board", "owner": {"name": "Ann"},
        "url": "https://board", "depends_on": {"nodes": ["model.kaizen_wars.lately"]},
    }],
}  # fmt: skip


@pytest.fixture(scope="module")
def dbt_operator(operator_kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatorProcess]:
    """One operator of all namespaces that polls often."""
    folder = tmp_path_factory.mktemp("dbt-operator")
    process = OperatorProcess(kubeconfig=operator_kubeconfig, folder=folder, env=FAST)
    try:
        yield process.start()
    finally:
        process.kill()


@pytest.fixture
def stand_in(tmp_path: Path, dbt_operator: OperatorProcess) -> Iterator[DbtCloudStandIn]:
    """A dbt Cloud of the test's own, whose runs are made up."""
    with DbtCloudStandIn(folder=tmp_path / "dbt-cloud", executor="scripted", graph=GRAPH) as running:
        yield running


def discover(place: Place, stand_in: DbtCloudStandIn, name: str = "shop", **discovery: Any) -> None:
    """A Pipeline over the stand-in's project."""
    add_dbt_pipeline(place, stand_in, name, discovery={"enabled": True, **discovery})


def built(stand_in: DbtCloudStandIn, *steps: str) -> Object:
    """A run that somebody else has started ends."""
    trigger = {"steps_override": list(steps)} if steps else {}
    return stand_in.wait(stand_in.start_foreign(**trigger)["id"])


def said(place: Place, reason: str, pipeline: str = "shop") -> Object:
    """The condition Discovered once it has that reason."""

    def found() -> Object | None:
        condition: Object = place.condition(pipeline, "Discovered", plural="pipelines")
        return condition if condition.get("reason") == reason else None

    condition = wait_for(found, timeout=PATIENCE, what=f"Discovered says {reason}")
    assert condition is not None
    return condition


def names(place: Place) -> set[str]:
    """The Assets of the namespace."""
    return {asset["metadata"]["name"] for asset in place.all("assets")}


def test_a_built_project_becomes_assets_and_nothing_runs(
    place: Place, stand_in: DbtCloudStandIn, dbt_operator: OperatorProcess
) -> None:
    run = built(stand_in)
    discover(place, stand_in)
    condition = said(place, "ManifestRead")
    assert condition["status"] == "True"
    stg = place.wait_status("stg-orders", state="Fresh", version=str(run["id"]))
    mart = place.wait_status("mart", state="Fresh", version=str(run["id"]))
    raw = place.wait_status("raw-orders", state="Fresh", version="unobserved")
    assert "source freshness" in raw["lastRun"]["message"]
    assert stg["considered"] == {"raw-orders": "unobserved"}
    assert mart["considered"] == {"stg-orders": str(run["id"])}
    assert mart["consumed"]["stg-orders"]["version"] == str(run["id"])
    assert stg["relation"] == "kaizen_wars.stg_orders"
    assert stg["dbt"]["description"] == "Orders."
    assert stg["dbt"]["tags"] == ["core"]
    assert stg["dbt"]["relation"] == '"kaizen"."kaizen_wars"."stg_orders"'
    assert stg["dbt"]["materialized"] == "table"
    assert stg["dbt"]["checksum"] == stg["dbt"]["builtChecksum"]
    assert stg["dbt"]["exposures"] == [{"name": "board", "owner": "Ann", "url": "https://board"}]
    spec = place.get("assets", "mart")["spec"]
    assert spec["upstreams"] == ["stg-orders"]
    assert spec["automation"] == {"minInterval": "1h"}
    assert place.get("assets", "raw-orders")["spec"]["dataTime"] == "Static"
    assert names(place) == {"stg-orders", "mart", "raw-orders"}
    place.quiet(dbt_operator)
    assert len(runs_of(stand_in)) == 1
    status = place.get("pipelines", "shop")["status"]
    assert status["dbtCloud"]["manifest"]["runId"] == str(run["id"])
    wait_for(lambda: place.get("pipelines", "shop")["status"].get("models") == 2, timeout=PATIENCE)


def test_a_project_that_was_never_run_is_parsed_and_built(place: Place, stand_in: DbtCloudStandIn) -> None:
    discover(place, stand_in)
    place.wait_status("mart", state="Fresh", timeout=PATIENCE)
    parse, *builds = runs_of(stand_in)
    assert parse["trigger"]["steps_override"] == ["dbt parse"]
    assert all("dbt build" in run["trigger"]["steps_override"][0] for run in builds)
    assert said(place, "ManifestRead")
