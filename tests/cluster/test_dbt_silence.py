"""Runs of others whose results never come are not dropped: their own end counts, for what their commands name."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.dbt_place import OFTEN, add_dbt_pipeline, add_model, built, discover, discovered
from tests.support.dbtcloud import DbtCloudStandIn
from tests.support.freshet_objects import Place
from tests.support.kube import Object
from tests.support.operator import OperatorProcess, running
from tests.support.waiting import wait_for

GRAPH: Object = {"models": [{"name": "stg"}, {"name": "mart", "upstreams": ["stg"]}, {"name": "other"}]}
PATIENCE = 60
ARTIFACTS = "/runs/.*/artifacts/.*run_results"


@pytest.fixture(scope="module")
def hasty(operator_kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatorProcess]:
    """It waits for results three seconds."""
    env = {**OFTEN, "FRESHET_DBT_POLL_FAST": "0.02"}
    with running(kubeconfig=operator_kubeconfig, folder=tmp_path_factory.mktemp("hasty"), env=env) as process:
        yield process


pytestmark = pytest.mark.usefixtures("hasty")


def missing(place: Place) -> list[str]:
    """The Events about results that did not come."""
    return [event["message"] for event in place.all("events") if event["reason"] == "ResultsMissing"]


def test_runs_without_results_count_for_what_their_commands_name(place: Place, stand_in: DbtCloudStandIn) -> None:
    built(stand_in)
    discover(place, stand_in)
    before = {name: place.wait_status(name, state="Fresh", timeout=PATIENCE)["version"] for name in ("stg", "other")}
    place.patch("assets", "mart", {"spec": {"automation": {"when": "Manual"}}})
    assert discovered(place, "ManifestRead")
    stand_in.faults([{"action": "status", "status": 404, "path": ARTIFACTS}])
    some = str(built(stand_in, "dbt build --select stg+", "dbt docs generate")["id"])
    mart = place.wait_status("mart", version=some, timeout=PATIENCE)
    assert mart["considered"] == {"stg": some}
    assert "left no results" in mart["lastRun"]["message"]
    assert place.wait_status("stg", version=some)
    assert place.status("other")["version"] == before["other"]
    untold = str(built(stand_in, "dbt build --select state:modified")["id"])
    gone = stand_in.start_foreign()
    stand_in.faults([{"action": "status", "status": 404, "path": f"/runs/{gone['id']}/$"}])
    for name in ("stg", "mart", "other"):
        place.wait_status(name, version=str(gone["id"]), timeout=PATIENCE)
    told = wait_for(
        lambda: [it for it in missing(place) if f"run {untold} " in it and "state:modified" in it] and missing(place),
        what="what cannot be told is told",
    )
    assert not any("state:modified" in message for message in told if f"run {untold} " not in message), told


def test_a_failure_without_results_is_told_and_changes_nothing(place: Place, stand_in: DbtCloudStandIn) -> None:
    add_dbt_pipeline(place, stand_in)
    place.add_asset("raw")
    add_model(place, "stg", model="stg", upstreams=["raw"])
    place.wait_status("stg", state="Missing")
    place.announce("raw", "v1")
    before = place.wait_status("stg", state="Fresh")
    stand_in.faults([{"action": "status", "status": 404, "path": ARTIFACTS}])
    run = stand_in.start_foreign(override={"outcomes": {"stg": "error"}})
    status = place.wait_status("stg", lambda it: it["lastRun"]["id"] == str(run["id"]), timeout=PATIENCE)
    assert (status["lastRun"]["outcome"], status["version"]) == ("Failed", before["version"])
    assert not status.get("failures")


@pytest.mark.parametrize(
    "fault", [{"action": "status", "status": 410}, {"action": "drop"}], ids=["refused", "no answer"]
)
def test_results_of_ours_that_never_come_are_not_waited_for_for_ever(
    place: Place, stand_in: DbtCloudStandIn, fault: Object
) -> None:
    """dbt Cloud answers anything else."""
    add_dbt_pipeline(place, stand_in)
    place.add_asset("raw")
    add_model(place, "stg", model="stg", upstreams=["raw"])
    place.wait_status("stg", state="Missing")
    stand_in.faults([{**fault, "path": ARTIFACTS}])
    for version in ("v1", "v2"):
        place.announce("raw", version)
        status = place.wait_status("stg", state="Fresh", considered={"raw": version}, timeout=PATIENCE)
        assert "it left no results" in status["lastRun"]["message"]
    assert place.condition("shop", "DbtCloudReady", plural="pipelines")["status"] == "True"
