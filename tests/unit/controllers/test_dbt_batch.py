"""Who is in a Pipeline's next run, asked of a world whose newest Assets no reconciler has visited yet."""

from typing import Any

from tests.support.runtime import ManualClock

from freshet.api.asset import DbtFacts
from freshet.api.names import ANNOTATION_UNIQUE_ID
from freshet.api.view import Key
from freshet.controllers.dbt_batch import Batcher
from freshet.controllers.world import World
from freshet.core.nodes import Described
from freshet.runtime.cache import Cache
from freshet.runtime.queue import WorkQueue
from freshet.runtime.settings import Settings

SHOP = Key("Pipeline", "ns", "shop")
DBT_CLOUD = {"host": "https://dbt.example", "accountId": 1, "jobId": 1, "tokenSecretRef": {"name": "s", "key": "t"}}


def world() -> World:
    clock, nobody = ManualClock(), None
    made = World(cache=Cache(clock=clock), kube=nobody, queue=WorkQueue(clock=clock), clock=clock, settings=Settings())  # type: ignore[arg-type]
    spec = {"warehouse": {"duckdb": {"path": "/w.duckdb"}}, "dbtCloud": DBT_CLOUD}
    made.cache.ingest({"metadata": meta("shop"), "spec": spec}, kind="Pipeline")
    return made


def meta(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "namespace": "ns", "uid": f"uid-{name}", "generation": 1, "resourceVersion": "1", **more}


def discovered(world: World, name: str, *upstreams: str) -> None:
    """As discovery makes it: applied, and described in memory, but not in its status."""
    unique_id = f"model.shop.{name}"
    spec = {"pipeline": "shop", "materialize": {"dbtCloud": {"uniqueId": unique_id}}, "upstreams": list(upstreams)}
    metadata = meta(name, annotations={ANNOTATION_UNIQUE_ID: unique_id})
    world.cache.ingest({"metadata": metadata, "spec": spec}, kind="Asset")
    key = Key("Asset", "ns", name)
    asset = world.cache.assets.get(key)
    assert asset is not None
    world.graph.put(asset)
    world.described[key] = Described(facts=DbtFacts(materialized="table"))
    world.due.setdefault(SHOP, set()).add(name)


async def test_a_model_that_nobody_has_visited_yet_joins_the_run_of_its_upstreams() -> None:
    shop = world()
    discovered(shop, "stg")
    discovered(shop, "mart", "stg")
    pipeline = shop.cache.pipelines.get(SHOP)
    assert pipeline is not None
    assert pipeline.spec.dbt_cloud is not None
    batch = await Batcher(world=shop).plan(pipeline, pipeline.spec.dbt_cloud)
    assert list(batch.build) == ["stg", "mart"]
