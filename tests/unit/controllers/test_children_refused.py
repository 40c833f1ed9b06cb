"""A source whose children Kubernetes refuses, or whose name is taken: nobody says when that is over, so it is tried."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from tests.support.runtime import ManualClock

from freshet.api.pipeline import Pipeline
from freshet.api.view import Key
from freshet.controllers import Controllers
from freshet.runtime import errors
from freshet.runtime.cache import Cache
from freshet.runtime.queue import WorkQueue
from freshet.runtime.settings import Settings

SHOP = Key("Pipeline", "demo", "shop")
SOURCE = {"asset": "orders", "csv": {"path": "/d.csv"}, "table": "orders"}
RAW = {
    "metadata": {"name": "shop", "namespace": "demo", "uid": "u", "resourceVersion": "1", "generation": 1},
    "spec": {
        "warehouse": {"duckdb": {"path": "/w.duckdb"}},
        "sources": [{**SOURCE, "asset": "bad", "schedule": "x"}, SOURCE],
    },
}


class Api:
    """Refuses CronJobs, or has one of another's, until it is told not to."""

    def __init__(self, way: str) -> None:
        self.way, self.made, self.tried = way, list[str](), 0

    async def get(self, kind: str, *, namespace: str, name: str) -> dict[str, Any] | None:
        self.tried += 1
        return {"metadata": {"name": name}} if kind == "CronJob" and self.way == "NameConflict" else None

    async def apply(self, kind: str, *, name: str, **more: Any) -> dict[str, Any]:
        if kind == "CronJob" and self.way == "WriteRefused":
            raise errors.Refused("exceeded quota: no-jobs", reason="Forbidden", invalid=False)
        self.made.append(f"{kind} {name}")
        return {"metadata": {"generation": 1}}

    async def patch_status(self, obj: Pipeline, *, patch: dict[str, Any]) -> None:
        """Taken."""

    def emit(self, obj: Pipeline, **event: str) -> None:
        """Nobody listens."""


@pytest.mark.parametrize("way", ["WriteRefused", "NameConflict"])
async def test_once_nothing_is_in_the_way_any_more_they_come_by_themselves(way: str) -> None:
    clock = ManualClock()
    cache, queue, api = Cache(clock=clock), WorkQueue(clock=clock), Api(way)
    kube: Any = api
    controllers = Controllers(cache=cache, kube=kube, queue=queue, clock=clock, settings=Settings())
    cache.ingest(RAW, kind="Pipeline")

    async def visits(key: Key) -> None:
        if key.kind == "Pipeline":
            await controllers.reconcile(key)

    async def later(seconds: float) -> None:
        clock.move(seconds)
        queue.add_after(Key("Nothing", "demo", "x"), timedelta(days=1))  # the clocks are looked at now
        for _ in range(5):
            await asyncio.sleep(0)
            await asyncio.wait_for(queue.drained(), 5)

    task = asyncio.create_task(queue.run(workers=1, reconcile=visits))
    queue.add(SHOP)
    await later(0)
    assert api.made == ["Asset orders"]
    tried = api.tried
    await later(1)
    assert api.tried == tried, "not without a pause"
    api.way = ""
    await later(60)
    assert set(api.made) == {"Asset orders", "CronJob orders"}
    tried = api.tried
    await later(3600)
    assert api.tried == tried, "and then no more"
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
