"""A clock that was ahead for a while leaves nothing behind: what it has called stale is judged again."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Any

from tests.support.runtime import ManualClock, raw_asset

from freshet.api.asset import Asset
from freshet.api.view import Key
from freshet.controllers import Controllers
from freshet.runtime.cache import Cache
from freshet.runtime.queue import WorkQueue
from freshet.runtime.settings import Settings

A = Key("Asset", "demo", "a")


class Api:
    """Takes every status; ``told`` are the Events."""

    def __init__(self, cache: Cache, raw: dict[str, Any]) -> None:
        self._cache, self._raw, self.told = cache, raw, list[str]()

    async def patch_status(self, obj: Asset, *, patch: dict[str, Any]) -> None:
        version = str(int(self._raw["metadata"]["resourceVersion"]) + 1)
        metadata = {**self._raw["metadata"], "resourceVersion": version}
        self._raw = {**self._raw, "metadata": metadata, "status": {**self._raw["status"], **patch}}
        self._cache.ingest(self._raw, kind="Asset")

    def emit(self, obj: Asset, *, type: str, reason: str, message: str) -> None:
        self.told.append(reason)


async def test_what_a_clock_that_was_ahead_called_stale_is_fresh_by_the_right_one() -> None:
    clock = ManualClock()
    built = (clock.now() - timedelta(minutes=1)).isoformat()
    status = {"version": "v1", "lastUpdatedAt": built, "dataTime": built}
    raw = raw_asset(spec={"freshness": {"maximumLag": "10m"}}, status=status)
    cache, queue = Cache(clock=clock), WorkQueue(clock=clock)
    api: Any = Api(cache, raw)
    controllers = Controllers(cache=cache, kube=api, queue=queue, clock=clock, settings=Settings())
    controllers.start_listening()
    cache.ingest(raw, kind="Asset")
    await controllers.synced()
    task = asyncio.create_task(queue.run(workers=2, reconcile=controllers.reconcile, set_back=controllers.set_back))
    states = []
    for hours in (0, 1, -1):
        clock.wall += timedelta(hours=hours)
        queue.add_after(Key("Nothing", "demo", "x"), timedelta(days=1))  # the clocks are looked at now
        for _ in range(5):
            await asyncio.sleep(0)
            await asyncio.wait_for(queue.drained(), 5)
        asset = cache.assets.get(A)
        states.append(asset.status.state if asset else None)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert states == ["Fresh", "Stale", "Fresh"]
    assert api.told == ["LagExceeded", "Fresh"]
