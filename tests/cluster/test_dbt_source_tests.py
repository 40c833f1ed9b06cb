"""dbt's tests of a source are checks of the Asset that the source is, and hold back what reads it."""

import pytest
from tests.support.dbt_place import SECRET, built, discover, discovered, runs_of
from tests.support.dbtcloud import DbtCloudStandIn
from tests.support.freshet_objects import Place, load_result
from tests.support.kube import Object
from tests.support.operator import OperatorProcess
from tests.support.waiting import wait_for

PATIENCE = 60
TEST = "source_not_null_raw_orders_id"
BAD, GOOD = {"outcomes": {TEST: "fail"}}, {"outcomes": {TEST: "pass"}}

pytestmark = pytest.mark.usefixtures("watcher")


def graph(*, tests: bool = True, comes_to: str | list[str] = "pass", **source: object) -> Object:
    """``stg`` reads the source ``raw.orders``, which has a test that comes to that."""
    orders = {"name": "raw.orders", "tests": [{"name": TEST}] if tests else [], **source}
    models = [{"name": "stg", "upstreams": ["source:raw.orders"]}]
    return {"sources": [orders], "models": models, "outcomes": {TEST: comes_to}}


def others_run(stand_in: DbtCloudStandIn, override: Object, *, command: str = "dbt test") -> str:
    """Somebody's run of tests, when it has ended; its id."""
    return str(stand_in.wait(stand_in.start_foreign(steps_override=[command], override=override)["id"])["id"])


def checks_pass(place: Place, name: str, status: str) -> None:
    wait_for(
        lambda: place.condition(name, "ChecksPassed").get("status") == status,
        timeout=PATIENCE,
        what=f"ChecksPassed of {name} is {status}",
    )


def waits_for_checks(place: Place, name: str = "stg") -> Object:
    return place.wait_status(name, lambda it: "UpstreamChecksFailed" in it["reason"], timeout=PATIENCE)


def ours(stand_in: DbtCloudStandIn) -> list[Object]:
    return [run for run in runs_of(stand_in) if "[freshet:" in run["trigger"]["cause"]]


def selected(run: Object) -> str:
    return str(run["trigger"]["steps_override"])


def test_a_failed_test_of_a_source_holds_back_and_a_later_pass_releases(
    place: Place, stand_in: DbtCloudStandIn, watcher: OperatorProcess
) -> None:
    stand_in.graph(graph())
    first = built(stand_in)
    discover(place, stand_in, own={"command": "dbt run {select}"})
    place.wait_status("stg", version=str(first["id"]), timeout=PATIENCE)
    checks_pass(place, "raw-orders", "True")
    (check,) = place.status("raw-orders")["checks"]
    assert (check["name"], check["passed"], check["pipeline"]) == (TEST, True, "shop"), "adopted with the tables"
    others_run(stand_in, BAD)
    checks_pass(place, "raw-orders", "False")
    place.announce("raw-orders", "v2")
    place.wait_status("raw-orders", version="v2")
    assert TEST in waits_for_checks(place)["reason"]
    assert place.status("stg")["blame"] == "raw-orders"
    place.quiet(watcher)
    assert not ours(stand_in)
    others_run(stand_in, GOOD)
    checks_pass(place, "raw-orders", "True")
    place.wait_status("stg", state="Fresh", considered={"raw-orders": "v2"}, timeout=PATIENCE)
    place.quiet(watcher)
    assert len(ours(stand_in)) == 1


def test_what_was_loaded_since_is_tested_again_before_what_reads_it_is_built(
    place: Place, stand_in: DbtCloudStandIn, watcher: OperatorProcess
) -> None:
    stand_in.graph(graph(comes_to=["pass", "fail", "fail", "pass"]))
    first = built(stand_in)
    discover(place, stand_in)
    place.wait_status("stg", version=str(first["id"]), timeout=PATIENCE)
    others_run(stand_in, {})
    checks_pass(place, "raw-orders", "False")
    place.announce("raw-orders", "v2")
    wait_for(lambda: len(ours(stand_in)) == 1, timeout=PATIENCE, what="it is tested again")
    status = waits_for_checks(place)
    assert status["version"] == str(first["id"]), "the test failed again, and dbt skipped the model"
    assert status["lastRun"]["outcome"] == "Skipped"
    place.quiet(watcher)
    place.announce("raw-orders", "v3")
    status = place.wait_status("stg", state="Fresh", considered={"raw-orders": "v3"}, timeout=PATIENCE)
    checks_pass(place, "raw-orders", "True")
    place.announce("raw-orders", "v4")
    place.wait_status("stg", state="Fresh", considered={"raw-orders": "v4"}, timeout=PATIENCE)
    place.quiet(watcher)
    again = "source:kaizen_wars.raw.orders"
    assert [again in selected(run) for run in ours(stand_in)] == [True, True, False]


def test_a_whole_job_tests_a_source_again_once_it_was_loaded(place: Place, stand_in: DbtCloudStandIn) -> None:
    stand_in.graph(graph(comes_to=["pass", "fail", "pass"]))
    first = built(stand_in)
    discover(place, stand_in, own={"mode": "WholeJob"})
    place.wait_status("stg", version=str(first["id"]), timeout=PATIENCE)
    others_run(stand_in, {})
    checks_pass(place, "raw-orders", "False")
    place.announce("raw-orders", "v2")
    place.wait_status("stg", state="Fresh", considered={"raw-orders": "v2"}, timeout=PATIENCE)
    checks_pass(place, "raw-orders", "True")


def test_a_test_that_failed_before_freshet_saw_the_project_counts(place: Place, stand_in: DbtCloudStandIn) -> None:
    """The whole build skips what reads the source, as dbt does; an older one has built it."""
    stand_in.graph(graph())
    first = built(stand_in)
    others_run(stand_in, BAD, command="dbt build")
    discover(place, stand_in)
    place.wait_status("stg", version=str(first["id"]), timeout=PATIENCE)
    checks_pass(place, "raw-orders", "False")


def test_a_test_that_the_project_has_no_more_holds_nothing_back(
    place: Place, stand_in: DbtCloudStandIn, watcher: OperatorProcess
) -> None:
    stand_in.graph(graph())
    built(stand_in)
    discover(place, stand_in)
    place.wait_status("stg", state="Fresh", timeout=PATIENCE)
    stand_in.graph(graph(comes_to="fail"))
    others_run(stand_in, BAD)
    checks_pass(place, "raw-orders", "False")
    place.announce("raw-orders", "v2")
    waits_for_checks(place)
    stand_in.graph(graph(tests=False))
    built(stand_in, "dbt parse")
    place.wait_status("stg", state="Fresh", considered={"raw-orders": "v2"}, timeout=PATIENCE)
    assert not place.status("raw-orders").get("checks")


def test_a_test_of_a_model_that_is_gone_holds_nothing_back_before_the_model_is_built_again(
    place: Place, stand_in: DbtCloudStandIn
) -> None:
    models = [{"name": "stg", "tests": [{"name": "books_balance"}]}, {"name": "mart", "upstreams": ["stg"]}]
    stand_in.graph({"models": models})
    built(stand_in)
    discover(place, stand_in)
    place.wait_status("mart", state="Fresh", timeout=PATIENCE)
    run = others_run(stand_in, {"outcomes": {"books_balance": "fail"}}, command="dbt build")
    place.wait_status("stg", version=run, timeout=PATIENCE)
    waits_for_checks(place, "mart")
    stand_in.graph({"models": [{"name": "stg"}, models[1]]})
    built(stand_in, "dbt parse")
    place.wait_status("mart", state="Fresh", considered={"stg": run}, timeout=PATIENCE)
    assert place.status("stg")["version"] == run


def test_checks_of_a_load_and_tests_of_its_source_live_together(
    place: Place, stand_in: DbtCloudStandIn, watcher: OperatorProcess
) -> None:
    stand_in.graph(graph(schema="landing"))
    place.add_secret(SECRET, token=stand_in.token)
    job: Object = {"host": stand_in.url, "accountId": 1, "jobId": 1, "tokenSecretRef": {"name": SECRET}}
    load = {"asset": "raw-orders", "csv": {"path": "/data/orders.csv"}, "table": "orders"}
    warehouse = {"duckdb": {"path": "/warehouse/shop.duckdb", "schema": "landing"}}
    place.add_pipeline("shop", sources=(load,), warehouse=warehouse, dbtCloud=job)
    discovered(place, "ManifestRead")

    def loaded(version: str, *, rows: bool) -> None:
        check = {"name": "rows.minimum", "passed": rows, "severity": "error", "message": "at least 3"}
        place.build("raw-orders", result={**load_result(version=version, changed=True), "checks": [check]})
        place.wait_status("raw-orders", version=version)

    def names() -> list[tuple[str, bool]]:
        return [(it["name"], it["passed"]) for it in place.status("raw-orders")["checks"]]

    loaded("load-1", rows=True)
    place.wait_status("stg", state="Fresh", considered={"raw-orders": "load-1"}, timeout=PATIENCE)
    others_run(stand_in, BAD)
    checks_pass(place, "raw-orders", "False")
    assert names() == [("rows.minimum", True), (TEST, False)]
    place.request("raw-orders", "1")
    loaded("load-2", rows=False)
    assert names() == [("rows.minimum", False), (TEST, False)], "what a load finds takes no verdict of dbt's away"
    others_run(stand_in, GOOD)
    place.wait_status("raw-orders", lambda it: [(c["name"], c["passed"]) for c in it["checks"]][1:] == [(TEST, True)])
    assert names() == [("rows.minimum", False), (TEST, True)], "nor the other way round"
    assert place.condition("raw-orders", "ChecksPassed")["status"] == "False"
    place.request("raw-orders", "2")
    loaded("load-3", rows=True)
    place.wait_status("stg", state="Fresh", considered={"raw-orders": "load-3"}, timeout=PATIENCE)


def test_a_project_that_nobody_looks_at_any_more_holds_nothing_back(place: Place, stand_in: DbtCloudStandIn) -> None:
    """The source is an Asset that a person wrote, so that it outlives the Pipeline."""
    stand_in.graph(graph())
    built(stand_in)
    place.add_asset("orders")
    place.announce("orders", "v1")
    place.wait_status("orders", version="v1")
    discover(place, stand_in, sources={"raw.orders": "orders"})
    place.wait_status("stg", state="Fresh", timeout=PATIENCE)
    others_run(stand_in, BAD)
    checks_pass(place, "orders", "False")
    place.delete("pipelines", "shop")
    checks_pass(place, "orders", "True")
    assert not place.status("orders").get("checks")
