"""What discovery makes of a project's edges (sources and what feeds them, upstreams that nothing declares) and of what
dbt's own configuration says of when a model is due. Each is shown by what runs, not only by what is written.
"""

import pytest
from tests.support.dbt_place import SECRET, all_taken_in, built, discover, discovered, runs_of
from tests.support.dbtcloud import DbtCloudStandIn
from tests.support.freshet_objects import Place, load_result
from tests.support.kube import Object
from tests.support.operator import OperatorProcess
from tests.support.waiting import wait_for

PATIENCE = 60


pytestmark = pytest.mark.usefixtures("watcher")


def ours(stand_in: DbtCloudStandIn) -> list[Object]:
    """The builds that freshet has started."""
    marked = [run for run in runs_of(stand_in) if "[freshet:" in run["trigger"]["cause"]]
    return [run for run in marked if "build" in str(run["trigger"]["steps_override"])]


def test_without_adoption_what_is_built_already_is_built_once_more_by_one_run(
    place: Place, stand_in: DbtCloudStandIn, watcher: OperatorProcess
) -> None:
    roots = [f"stg{number}" for number in range(30)]
    stand_in.graph({"models": [*({"name": name} for name in roots), {"name": "mart", "upstreams": roots}]})
    theirs = built(stand_in)
    discover(place, stand_in, adopt=False)
    mart = place.wait_status("mart", state="Fresh", timeout=PATIENCE)
    all_taken_in(place)
    place.quiet(watcher)
    (run,) = ours(stand_in)
    assert {place.status(name)["version"] for name in roots} == {mart["version"]} == {str(run["id"])}
    assert [item["id"] for item in mart["history"]] == [str(run["id"])]
    assert run["id"] != theirs["id"]


def test_a_source_is_what_the_pipeline_or_the_project_says_feeds_it(
    place: Place, stand_in: DbtCloudStandIn, watcher: OperatorProcess
) -> None:
    sources: list[Object] = [
        {"name": "raw.orders"},
        {"name": "raw.users", "meta": {"freshet": {"asset": "people"}}},
    ]
    models: list[Object] = [
        {"name": "by_spec", "upstreams": ["source:raw.orders"]},
        {"name": "by_meta", "upstreams": ["source:raw.users"]},
        {"name": "unsaid", "meta": {"freshet": {"upstreams": ["people"]}}},
    ]
    stand_in.graph({"sources": sources, "models": models})
    built(stand_in)
    for name in ("orders", "people"):
        place.add_asset(name)
        place.announce(name, "v1")
        place.wait_status(name, version="v1")
    discover(place, stand_in, sources={"raw.orders": "orders"})
    discovered(place, "ManifestRead")
    reads = {"by-spec": ["orders"], "by-meta": ["people"], "unsaid": ["people"]}
    for name, upstreams in reads.items():
        place.wait_status(name, state="Fresh", considered=dict.fromkeys(upstreams, "v1"), timeout=PATIENCE)
        assert place.get("assets", name)["spec"]["upstreams"] == upstreams
    assert not place.get("assets", "raw-orders"), "the source is that Asset, not another"
    place.quiet(watcher)
    assert not ours(stand_in)
    place.announce("people", "v2")
    for name in ("by-meta", "unsaid"):
        place.wait_status(name, state="Fresh", considered={"people": "v2"}, timeout=PATIENCE)
    place.quiet(watcher)
    (run,) = ours(stand_in)
    assert "by_spec" not in str(run["trigger"]["steps_override"])


def test_other_projects_and_packages_that_are_not_selected_are_external_where_they_are_read(
    place: Place, stand_in: DbtCloudStandIn, watcher: OperatorProcess
) -> None:
    models: list[Object] = [
        {"name": "dim", "package": "platform", "external": True},
        {"name": "unread", "package": "platform", "external": True},
        {"name": "util", "package": "vendor"},
        {"name": "mart", "upstreams": ["dim", "util"]},
        {"name": "lone", "package": "vendor"},
    ]
    stand_in.graph({"models": models})
    theirs = built(stand_in)
    discover(place, stand_in, select={"packages": ["kaizen_wars"]})
    discovered(place, "ManifestRead")
    kinds = {asset["metadata"]["name"]: [*asset["spec"]["materialize"]] for asset in place.all("assets")}
    assert kinds == {"mart": ["dbtCloud"], "dim": ["external"], "util": ["external"]}
    seen = {"dim": place.wait_status("dim", state="Fresh")["version"], "util": str(theirs["id"])}
    mart = place.wait_status("mart", state="Fresh", considered=seen, timeout=PATIENCE)
    place.quiet(watcher)
    assert not ours(stand_in)
    place.announce("dim", "d2")
    place.wait_status("mart", state="Fresh", considered={**seen, "dim": "d2"}, timeout=PATIENCE)
    place.quiet(watcher)
    (run,) = ours(stand_in)
    assert "fqn:kaizen_wars.mart " in str(run["trigger"]["steps_override"])
    assert place.status("mart")["version"] == str(run["id"]) != mart["version"]
    patch = {"spec": {"dbtCloud": {"discovery": {"select": {"packages": ["kaizen_wars", "vendor"]}}}}}
    place.patch("pipelines", "shop", patch)
    for name in ("lone", "util"):
        place.wait_status(name, state="Fresh", kind="DbtCloud", timeout=PATIENCE)
    assert not place.get("assets", "unread")


def test_a_source_is_the_load_that_writes_its_table(
    place: Place, stand_in: DbtCloudStandIn, watcher: OperatorProcess
) -> None:
    sources = [{"name": "lake.ORDERS", "schema": "Landing"}, {"name": "lake.users", "schema": "elsewhere"}]
    models = [{"name": "stg", "upstreams": ["source:lake.ORDERS"]}, {"name": "dim", "upstreams": ["source:lake.users"]}]
    stand_in.graph({"sources": sources, "models": models})
    loads = [
        {"asset": f"raw-{table}", "csv": {"path": f"/data/{table}.csv"}, "table": table}
        for table in ("orders", "users")
    ]
    place.add_secret(SECRET, token=stand_in.token)
    job: Object = {"host": stand_in.url, "accountId": 1, "jobId": 1, "tokenSecretRef": {"name": SECRET}}
    warehouse = {"duckdb": {"path": "/warehouse/shop.duckdb", "schema": "landing"}}
    place.add_pipeline("shop", sources=tuple(loads), warehouse=warehouse, dbtCloud=job)
    discovered(place, "ManifestRead")
    assert place.get("assets", "stg")["spec"]["upstreams"] == ["raw-orders"]
    assert place.get("assets", "dim")["spec"]["upstreams"] == ["lake-users"], "another schema is another table"
    place.wait_status("stg", lambda it: "NeverUpdated" in it["reason"], timeout=PATIENCE)
    place.build("raw-orders", result=load_result(version="load-1", changed=True))
    place.wait_status("stg", state="Fresh", considered={"raw-orders": "load-1"}, timeout=PATIENCE)
    place.quiet(watcher)


@pytest.mark.parametrize(
    "config",
    [
        {"state": {"require_fresh_data_from": "all"}},
        {"freshness": {"build_after": {"count": 0, "period": "minute", "updates_on": "all"}}},
    ],
    ids=["require_fresh_data_from", "updates_on"],
)
def test_dbt_says_that_all_upstreams_are_waited_for(
    place: Place, stand_in: DbtCloudStandIn, watcher: OperatorProcess, config: Object
) -> None:
    both = ["source:raw.a", "source:raw.b"]
    models: list[Object] = [
        {"name": "patient", "upstreams": both, "config": config},
        {"name": "eager", "upstreams": both, "config": {"state": {"require_fresh_data_from": "any"}}},
    ]
    stand_in.graph({"sources": [{"name": "raw.a"}, {"name": "raw.b"}], "models": models})
    for name in "ab":
        place.add_asset(name)
        place.announce(name, "v1")
        place.wait_status(name, version="v1")
    built(stand_in)
    discover(place, stand_in, sources={"raw.a": "a", "raw.b": "b"})
    for name in ("patient", "eager"):
        place.wait_status(name, state="Fresh", considered={"a": "v1", "b": "v1"}, timeout=PATIENCE)
    assert place.get("assets", "patient")["spec"]["automation"]["when"] == "AllUpstreamsUpdated"
    place.announce("a", "v2")
    place.wait_status("eager", state="Fresh", considered={"a": "v2", "b": "v1"}, timeout=PATIENCE)
    place.quiet(watcher)
    assert place.status("patient")["considered"] == {"a": "v1", "b": "v1"}
    place.announce("b", "v2")
    for name in ("patient", "eager"):
        place.wait_status(name, state="Fresh", considered={"a": "v2", "b": "v2"}, timeout=PATIENCE)
    place.quiet(watcher)
    assert ["patient" in str(run["trigger"]["steps_override"]) for run in ours(stand_in)] == [False, True]


def test_build_after_spaces_builds_out_and_forgets_nothing(
    place: Place, stand_in: DbtCloudStandIn, watcher: OperatorProcess
) -> None:
    after = {"freshness": {"build_after": {"count": 1, "period": "hour"}}}
    models = [{"name": "slow", "upstreams": ["source:raw.a"], "config": after}]
    stand_in.graph({"sources": [{"name": "raw.a"}], "models": models})
    place.add_asset("a")
    place.announce("a", "v1")
    place.wait_status("a", version="v1")
    built(stand_in)
    discover(place, stand_in, sources={"raw.a": "a"})
    place.wait_status("slow", state="Fresh", timeout=PATIENCE)
    assert place.status("slow")["policy"]["minInterval"] == "1h"
    place.announce("a", "v2")
    place.wait_status("slow", lambda it: "WaitingMinInterval" in it["reason"], timeout=PATIENCE)
    place.quiet(watcher)
    assert not ours(stand_in)
    models[0]["config"] = {}
    stand_in.graph({"sources": [{"name": "raw.a"}], "models": models})
    built(stand_in, "dbt parse")
    place.wait_status("slow", state="Fresh", considered={"a": "v2"}, timeout=PATIENCE)
    wait_for(lambda: len(ours(stand_in)) == 1, what="what was due is built")
