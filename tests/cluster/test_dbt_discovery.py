"""Discovery: the models of a dbt project become Assets, and stay what the newest manifest and a person say."""

import pytest
from tests.support.dbt_place import add_dbt_pipeline, add_model, built, discover, discovered, runs_of
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
LOADS = ["2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"]


pytestmark = pytest.mark.usefixtures("watcher")


def names(place: Place) -> set[str]:
    """The Assets of the namespace."""
    return {asset["metadata"]["name"] for asset in place.all("assets")}


def test_a_built_project_becomes_assets_and_nothing_runs(
    place: Place, stand_in: DbtCloudStandIn, watcher: OperatorProcess
) -> None:
    run = built(stand_in)
    discover(place, stand_in)
    condition = discovered(place, "ManifestRead")
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
    place.quiet(watcher)
    assert len(runs_of(stand_in)) == 1
    status = place.get("pipelines", "shop")["status"]
    assert status["dbtCloud"]["manifest"]["runId"] == str(run["id"])
    wait_for(lambda: place.get("pipelines", "shop")["status"].get("models") == 2, timeout=PATIENCE)


def test_a_project_that_was_never_run_is_parsed_and_built(place: Place, stand_in: DbtCloudStandIn) -> None:
    discover(place, stand_in)
    place.wait_status("mart", state="Fresh", timeout=PATIENCE)
    parse, build = runs_of(stand_in)
    assert parse["trigger"]["steps_override"] == ["dbt parse"]
    assert "dbt build" in build["trigger"]["steps_override"][0]
    assert discovered(place, "ManifestRead")


def test_a_project_that_cannot_be_parsed_is_not_parsed_again_and_again(
    place: Place, stand_in: DbtCloudStandIn, watcher: OperatorProcess
) -> None:
    stand_in.graph({**GRAPH, "outcomes": {"*": "crash"}})
    discover(place, stand_in)
    wait_for(lambda: [run for run in runs_of(stand_in) if run["is_complete"]], timeout=PATIENCE)
    condition = wait_for(lambda: "failed" in discovered(place, "ManifestUnreadable")["message"], timeout=PATIENCE)
    assert condition
    place.quiet(watcher)
    assert len(runs_of(stand_in)) == 1


def test_sources_that_dbt_looks_at_feed_their_assets(place: Place, stand_in: DbtCloudStandIn) -> None:
    graph = {"sources": [{"name": "raw.orders", "max_loaded_at": LOADS[0]}], "models": MODELS[:1]}
    stand_in.graph(graph)
    run = built(stand_in)
    built(stand_in, "dbt source freshness")
    discover(place, stand_in)
    place.wait_status("raw-orders", version=LOADS[0], dataTime=LOADS[0], timeout=PATIENCE)
    place.wait_status("stg-orders", version=str(run["id"]), considered={"raw-orders": LOADS[0]})
    assert "dataTime" not in place.get("assets", "raw-orders")["spec"]
    graph["sources"] = [{"name": "raw.orders", "max_loaded_at": LOADS[1]}]
    stand_in.graph(graph)
    again = built(stand_in, "dbt source freshness")
    raw = place.wait_status("raw-orders", version=LOADS[1], dataTime=LOADS[1], timeout=PATIENCE)
    assert raw["lastRun"]["id"] == str(again["id"])
    place.wait_status("stg-orders", considered={"raw-orders": LOADS[1]}, timeout=PATIENCE)
    assert len(runs_of(stand_in)) == 4


def test_nothing_is_built_while_the_results_of_a_run_that_has_just_ended_are_late(
    place: Place, stand_in: DbtCloudStandIn, watcher: OperatorProcess
) -> None:
    run = built(stand_in)
    stand_in.faults([{"action": "status", "status": 404, "path": "artifacts/run_results", "times": 8}])
    discover(place, stand_in)
    for name in ("stg-orders", "mart"):
        place.wait_status(name, state="Fresh", version=str(run["id"]), timeout=PATIENCE)
    place.quiet(watcher)
    assert len(runs_of(stand_in)) == 1


def test_a_look_at_sources_whose_answer_comes_late_is_not_missed(place: Place, stand_in: DbtCloudStandIn) -> None:
    graph = {"sources": [{"name": "raw.orders", "max_loaded_at": LOADS[0]}], "models": MODELS[:1]}
    stand_in.graph(graph)
    built(stand_in, "dbt build", "dbt source freshness")
    discover(place, stand_in)
    place.wait_status("raw-orders", version=LOADS[0], timeout=PATIENCE)
    stand_in.faults([{"action": "status", "status": 404, "path": "sources.json", "times": 3}])
    stand_in.graph({**graph, "sources": [{"name": "raw.orders", "max_loaded_at": LOADS[1]}]})
    built(stand_in, "dbt source freshness")
    place.wait_status("raw-orders", version=LOADS[1], dataTime=LOADS[1], timeout=PATIENCE)
    assert len(stand_in.requests(path="sources.json")) == 5


def test_what_a_person_edits_stays(place: Place, stand_in: DbtCloudStandIn) -> None:
    stand_in.graph({"models": [{"name": "stg", "meta": {"freshet": {"maximumLag": "1h", "timeout": "5m"}}}]})
    built(stand_in)
    discover(place, stand_in)
    discovered(place, "ManifestRead")
    assert place.get("assets", "stg")["spec"]["freshness"] == {"maximumLag": "1h"}
    place.patch("assets", "stg", {"spec": {"freshness": {"maximumLag": "2h"}}})
    meta = {"freshet": {"maximumLag": "3h", "timeout": "6m"}}
    stand_in.graph({"models": [{"name": "stg", "meta": meta, "code": "select 2"}]})
    built(stand_in, "dbt parse")
    wait_for(lambda: place.get("assets", "stg")["spec"]["timeout"] == "6m", timeout=PATIENCE, what="the rest follows")
    assert place.get("assets", "stg")["spec"]["freshness"] == {"maximumLag": "2h"}
    assert discovered(place, "ManifestRead")["status"] == "True"


def test_a_model_goes_when_two_manifests_do_not_have_it(
    place: Place, stand_in: DbtCloudStandIn, watcher: OperatorProcess
) -> None:
    models = [{"name": "a"}, {"name": "b"}, {"name": "c"}]
    stand_in.graph({"models": models})
    built(stand_in)
    discover(place, stand_in)
    for name in "abc":
        place.wait_status(name, state="Fresh", timeout=PATIENCE)
    place.annotate("c", prune="disabled")
    stand_in.graph({"models": [{"name": "b"}]})
    built(stand_in, "dbt parse")
    gone = place.wait_status("a", lambda it: it.get("dbt", {}).get("missingSince"), timeout=PATIENCE)
    assert gone["version"]
    place.quiet(watcher)
    assert names(place) == {"a", "b", "c"}
    built(stand_in, "dbt parse")
    wait_for(lambda: names(place) == {"b", "c"}, timeout=PATIENCE, what="a is gone, c is kept")
    stand_in.graph({"models": models})
    built(stand_in, "dbt parse")
    wait_for(lambda: names(place) == {"a", "b", "c"}, timeout=PATIENCE, what="a is back")


def test_what_select_leaves_out_goes_at_once(place: Place, stand_in: DbtCloudStandIn) -> None:
    stand_in.graph({"models": [{"name": "a", "tags": ["core"]}, {"name": "b", "upstreams": ["a"]}, {"name": "c"}]})
    built(stand_in)
    discover(place, stand_in, select={"tags": ["core"]})
    discovered(place, "ManifestRead")
    assert names(place) == {"a"}
    patch = {"spec": {"dbtCloud": {"discovery": {"select": {"tags": None, "paths": ["models/b.sql", "models/c.sql"]}}}}}
    place.patch("pipelines", "shop", patch)
    wait_for(lambda: names(place) == {"a", "b", "c"}, timeout=PATIENCE, what="others are selected")
    wait_for(lambda: "external" in place.get("assets", "a")["spec"]["materialize"], timeout=PATIENCE)
    place.patch("pipelines", "shop", {"spec": {"dbtCloud": {"discovery": {"select": {"paths": ["models/b.sql"]}}}}})
    wait_for(lambda: names(place) == {"a", "b"}, timeout=PATIENCE, what="c is left out")


def test_a_name_that_another_object_has(place: Place, stand_in: DbtCloudStandIn) -> None:
    place.add_asset("stg")
    stand_in.graph({"models": [{"name": "stg"}, {"name": "dim", "version": 2}, {"name": "dim_v2"}, {"name": "ok"}]})
    built(stand_in)
    discover(place, stand_in)
    condition = discovered(place, "NameConflict")
    assert condition["status"] == "False"
    assert "model.kaizen_wars.stg would have the name" in condition["message"]
    assert "dim-v2" in condition["message"]
    place.wait_status("ok", state="Fresh", timeout=PATIENCE)
    place.wait_status("dim-v2", state="Fresh", timeout=PATIENCE)
    assert place.get("assets", "stg")["metadata"].get("ownerReferences") is None
    assert place.get("assets", "stg")["spec"] == {"materialize": {"external": {}}}
    place.delete("assets", "stg")
    place.wait_status("stg", state="Fresh", kind="DbtCloud", timeout=PATIENCE)


def test_two_pipelines_claim_one_model(place: Place, stand_in: DbtCloudStandIn, watcher: OperatorProcess) -> None:
    stand_in.graph({"models": [{"name": "a"}, {"name": "b", "upstreams": ["a"], "tags": ["mine"]}]})
    built(stand_in)
    discover(place, stand_in, select={"paths": ["models/a.sql"]})
    place.wait_status("a", state="Fresh", timeout=PATIENCE)
    discover(place, stand_in, "other")
    condition = discovered(place, "Conflict", "other")
    assert "Pipeline shop" in condition["message"]
    assert "discovery.select" in condition["message"]
    place.wait_status("b", state="Fresh", timeout=PATIENCE)
    assert place.get("assets", "b")["spec"]["upstreams"] == ["a"]
    assert place.get("assets", "a")["spec"]["pipeline"] == "shop"
    assert discovered(place, "ManifestRead")["status"] == "True"
    place.quiet(watcher)
    assert len(runs_of(stand_in)) == 1
    place.delete("pipelines", "shop")
    wait_for(lambda: place.get("assets", "a").get("spec", {}).get("pipeline") == "other", timeout=PATIENCE)
    discovered(place, "ManifestRead", "other")


def test_an_asset_that_a_person_wrote_for_a_model_is_that_model(place: Place, stand_in: DbtCloudStandIn) -> None:
    built(stand_in)
    add_dbt_pipeline(place, stand_in, suspend=True)
    add_model(place, "by-hand", model="stg_orders", suspend=True)
    place.patch("pipelines", "shop", {"spec": {"dbtCloud": {"discovery": {"enabled": True}}}})
    discovered(place, "ManifestRead")
    assert place.get("assets", "mart")["spec"]["upstreams"] == ["by-hand"]
    assert names(place) == {"by-hand", "mart", "raw-orders"} or names(place) == {"by-hand", "mart"}
    described = place.wait_status("by-hand", lambda it: it.get("dbt"), timeout=PATIENCE)
    assert described["dbt"]["description"] == "Orders."


def test_a_manifest_that_cannot_be_read_changes_nothing(place: Place, stand_in: DbtCloudStandIn) -> None:
    built(stand_in)
    discover(place, stand_in)
    before = place.wait_status("mart", state="Fresh", timeout=PATIENCE)
    discovered(place, "ManifestRead")
    stand_in.faults([{"action": "html", "method": "GET", "path": "manifest.json"}])
    stand_in.graph({"models": [{"name": "other"}]})
    built(stand_in, "dbt parse")
    condition = discovered(place, "ManifestUnreadable")
    assert "nothing is changed" in condition["message"]
    assert names(place) == {"stg-orders", "mart", "raw-orders"}
    assert place.status("mart")["dbt"] == before["dbt"]
    stand_in.clear_faults()
    built(stand_in, "dbt parse")
    discovered(place, "ManifestRead")
    place.wait_status("other", lambda it: it.get("dbt"), timeout=PATIENCE)


@pytest.mark.parametrize(("code", "reason"), [(400, "OverrideRefused"), (403, "AuthenticationFailed")])
def test_a_refused_run_does_not_hold_up_what_others_build(
    place: Place, stand_in: DbtCloudStandIn, watcher: OperatorProcess, code: int, reason: str
) -> None:
    built(stand_in)
    discover(place, stand_in)
    assert discovered(place, "ManifestRead")
    stand_in.faults([{"action": "status", "status": code, "method": "POST", "path": "/run/$"}])
    place.wait_status("mart", state="Fresh")
    place.request("mart", "now")
    place.wait_status("mart", lambda it: reason in it["reason"])
    stand_in.graph({**GRAPH, "models": [*MODELS, {"name": "newcomer"}]})
    run = built(stand_in)
    place.wait_status("newcomer", version=str(run["id"]), timeout=60)
