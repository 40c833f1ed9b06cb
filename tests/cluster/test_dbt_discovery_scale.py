"""Applying a Pipeline over a project of 800 models that are up to date: all become Assets, and nothing runs."""

from collections.abc import Callable

from tests.support.dbt_place import OFTEN, built, discover, discovered, runs_of
from tests.support.dbtcloud import DbtCloudStandIn
from tests.support.freshet_objects import Place
from tests.support.kube import Object
from tests.support.operator import OperatorProcess
from tests.support.waiting import wait_for

MODELS = 800
WIDTH = 40
PATIENCE = 120
OperatorFactory = Callable[..., OperatorProcess]


def graph(**changes: str) -> Object:
    """Forty wide, twenty deep; ``changes``: other code for some models."""
    names = [f"m{number:03}" for number in range(MODELS)]
    return {
        "sources": [{"name": "raw.orders"}],
        "models": [
            {
                "name": name,
                "upstreams": [names[at - WIDTH]] if at >= WIDTH else ["source:raw.orders"],
                "code": changes.get(name, "select 1"),
            }
            for at, name in enumerate(names)
        ],
    }


GRAPH = graph()


def versions(place: Place) -> dict[str, str]:
    """Asset → resourceVersion."""
    return {asset["metadata"]["name"]: asset["metadata"]["resourceVersion"] for asset in place.all("assets")}


def settled(place: Place, version: str) -> bool:
    """Has each model taken over that version?"""
    models = [asset for asset in place.all("assets") if asset["metadata"]["name"] != "raw-orders"]
    return len(models) == MODELS and all(it.get("status", {}).get("version") == version for it in models)


def test_a_project_of_800_models_is_taken_over_and_nothing_runs(
    place: Place, stand_in: DbtCloudStandIn, operator_factory: OperatorFactory
) -> None:
    operator = operator_factory(env=OFTEN).start()
    run = built(stand_in)
    discover(place, stand_in)
    wait_for(lambda: settled(place, str(run["id"])), timeout=PATIENCE, interval=0.5, what="all are taken over")
    discovered(place, "ManifestRead")
    wait_for(lambda: place.get("pipelines", "shop")["status"].get("models") == MODELS, timeout=PATIENCE)
    wait_for(lambda: place.get("pipelines", "shop")["status"].get("fresh") == MODELS + 1, timeout=PATIENCE)
    place.quiet(operator)
    assert len(runs_of(stand_in)) == 1
    assert len(stand_in.requests(path="run_results.json")) <= 2
    before = versions(place)
    # The same project again, by another run, then by another operator: nobody writes.
    built(stand_in, "dbt parse")
    wait_for(lambda: stand_in.requests(path="/runs/", method="GET"), timeout=PATIENCE)
    operator.kill()
    stand_in.forget_requests()
    operator.start()
    wait_for(lambda: stand_in.requests(path="manifest.json"), timeout=PATIENCE, what="the manifest is read")
    place.quiet(operator)
    assert versions(place) == before
    # One model's code changes: one Asset is written.
    stand_in.graph(graph(m100="select 2"))
    built(stand_in, "dbt parse")
    wait_for(lambda: versions(place)["m100"] != before["m100"], timeout=PATIENCE, what="the new code is seen")
    place.quiet(operator)
    assert {name for name, version in versions(place).items() if version != before[name]} == {"m100"}
    assert [step for run in runs_of(stand_in) for step in run["trigger"]["steps_override"] or ()] == ["dbt parse"] * 2
