"""dbt Cloud models: triggered when what they read has moved, once, and their results brought home."""

import pytest
from tests.support.dbt_place import add_dbt_pipeline, add_model, runs_of
from tests.support.dbtcloud import DbtCloudStandIn
from tests.support.freshet_objects import Place
from tests.support.kube import Object
from tests.support.operator import OperatorProcess
from tests.support.waiting import wait_for

GRAPH: Object = {
    "models": [
        {"name": "stg", "tests": [{"name": "not_null_stg_id"}]},
        {"name": "mart", "upstreams": ["stg"]},
    ]
}


pytestmark = pytest.mark.usefixtures("dbt_operator")


@pytest.fixture
def models(place: Place, stand_in: DbtCloudStandIn) -> DbtCloudStandIn:
    """``raw`` (external, v1) and the model ``stg`` on it."""
    add_dbt_pipeline(place, stand_in)
    place.add_asset("raw")
    add_model(place, "stg", model="stg", upstreams=["raw"], retries={"limit": 1, "backoff": "200ms"})
    return stand_in


def ready(place: Place, reason: str) -> Object:
    """DbtCloudReady once it has that reason."""

    def found() -> Object | None:
        condition: Object = place.condition("shop", "DbtCloudReady", plural="pipelines")
        return condition if condition.get("reason") == reason else None

    condition = wait_for(found, what=f"DbtCloudReady says {reason}")
    assert condition is not None
    return condition


def test_a_model_is_run_when_its_upstream_moves(
    place: Place, models: DbtCloudStandIn, dbt_operator: OperatorProcess
) -> None:
    ready(place, "Reachable")
    place.announce("raw", "v1")
    status = place.wait_status("stg", state="Fresh", considered={"raw": "v1"})
    (run,) = runs_of(models)
    assert status["version"] == status["lastRun"]["id"] == str(run["id"])
    assert status["lastRun"]["url"] == run["href"]
    assert status["lastRun"]["cause"] == "updated: raw", "its own name is that of the object"
    assert "stg: updated: raw" in run["trigger"]["cause"]
    assert status["relation"].endswith(".stg")
    assert [(check["name"], check["passed"]) for check in status["checks"]] == [("not_null_stg_id", True)]
    assert any("stg" in step and "--select" in step for step in run["trigger"]["steps_override"])
    place.announce("raw", "v2")
    place.wait_status("stg", state="Fresh", considered={"raw": "v2"})
    place.quiet(dbt_operator)
    assert len(runs_of(models)) == 2
    pipeline = wait_for(lambda: not place.get("pipelines", "shop")["status"].get("dbtCloud", {}).get("run"))
    assert pipeline


def test_models_that_are_due_together_share_a_run(place: Place, stand_in: DbtCloudStandIn) -> None:
    add_dbt_pipeline(place, stand_in)
    place.add_asset("raw")
    place.announce("raw", "v1")
    place.wait_status("raw", version="v1")
    for name in ("stg", "mart"):
        add_model(place, name, model=name, upstreams=["raw"], suspend=True)
        place.wait_status(name, state="Suspended")
    place.patch("pipelines", "shop", {"spec": {"suspend": True}})
    for name in ("stg", "mart"):
        place.patch("assets", name, {"spec": {"suspend": False}})
    place.patch("pipelines", "shop", {"spec": {"suspend": False}})
    for name in ("stg", "mart"):
        place.wait_status(name, state="Fresh", considered={"raw": "v1"})
    assert len(runs_of(stand_in)) == 1


def test_a_model_that_fails_is_tried_again_then_failing(
    place: Place, models: DbtCloudStandIn, dbt_operator: OperatorProcess
) -> None:
    models.graph({**GRAPH, "outcomes": {"stg": "error"}})
    place.announce("raw", "v1")
    status = place.wait_status("stg", state="Failed", failures=2)
    assert "version" not in status
    assert status["lastRun"]["outcome"] == "Failed"
    place.quiet(dbt_operator)
    assert len(runs_of(models)) == 2
    models.graph(GRAPH)
    place.patch("assets", "stg", {"spec": {"retries": {"limit": 1, "backoff": "200ms", "maxBackoff": "200ms"}}})
    place.announce("raw", "v2")
    place.wait_status("stg", state="Fresh", considered={"raw": "v2"})
    assert len(runs_of(models)) == 3


def test_a_model_is_run_on_request(place: Place, models: DbtCloudStandIn) -> None:
    place.announce("raw", "v1")
    place.wait_status("stg", state="Fresh")
    place.request("stg", "once more")
    place.wait_status("stg", state="Fresh", lastHandledTrigger="once more")
    assert len(runs_of(models)) == 2


def test_a_secret_that_comes_late(place: Place, stand_in: DbtCloudStandIn) -> None:
    add_dbt_pipeline(place, stand_in, tokenSecretRef={"name": "late", "key": "token"})
    condition = ready(place, "SecretNotFound")
    assert "late" in condition["message"]
    assert place.condition("shop", "Ready", plural="pipelines")["status"] == "True"


def test_a_wrong_token_is_said_and_not_hammered(
    place: Place, stand_in: DbtCloudStandIn, dbt_operator: OperatorProcess
) -> None:
    place.add_secret("wrong", token="not-the-token")
    add_dbt_pipeline(place, stand_in, tokenSecretRef={"name": "wrong", "key": "token"})
    place.add_asset("raw")
    add_model(place, "stg", model="stg", upstreams=["raw"])
    condition = ready(place, "AuthenticationFailed")
    assert "not-the-token" not in str(place.get("pipelines", "shop")["status"]) + dbt_operator.log()
    assert condition["status"] == "False"
    asked = len(stand_in.requests())
    for version in ("v1", "v2", "v3"):
        place.announce("raw", version)
        place.wait_status("raw", version=version)
    place.quiet(dbt_operator)
    assert len(stand_in.requests()) == asked
    assert stand_in.runs() == []


@pytest.mark.parametrize("action", ["lose", "html", "truncate", "wrong_id"])
def test_an_answer_that_is_lost_or_spoilt_starts_no_second_run(
    place: Place, models: DbtCloudStandIn, dbt_operator: OperatorProcess, action: str
) -> None:
    fault: Object = {"action": action, "method": "POST", "path": "/run/$", "times": 1}
    models.faults([{**fault, "handle": True} if action == "html" else fault])
    place.announce("raw", "v1")
    place.wait_status("stg", state="Fresh", considered={"raw": "v1"})
    place.quiet(dbt_operator)
    assert len(runs_of(models)) == 1


def test_deleting_the_pipeline_under_a_run_ends_quietly(
    place: Place, models: DbtCloudStandIn, dbt_operator: OperatorProcess
) -> None:
    models.graph({**GRAPH, "seconds": 300.0})
    place.announce("raw", "v1")
    place.wait_status("stg", state="Updating")
    place.delete("pipelines", "shop")
    place.wait_status("stg", lambda it: "PipelineNotFound" in it["reason"])
    place.quiet(dbt_operator)
    assert len(runs_of(models)) <= 1
