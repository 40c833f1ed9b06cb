"""Many deadlines at once, while the API takes no write: metrics and the lineage page say so nevertheless, at once."""

import asyncio
import json
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from tests.support.runtime import ManualClock, raw_asset

from freshet.api.asset import Asset
from freshet.api.view import Key
from freshet.controllers import Controllers
from freshet.lineage_page.book import Book
from freshet.metrics import AssetMetrics
from freshet.runtime.cache import Cache
from freshet.runtime.queue import WorkQueue
from freshet.runtime.settings import Settings

MANY, WORKERS = 100, 2
FRESH = {"type": "Fresh", "status": "True", "reason": "WithinLimit", "message": "", "lastTransitionTime": None}


class SilentApi:
    """Begins each write and ends none."""

    def __init__(self) -> None:
        self.begun = 0

    async def patch_status(self, obj: Asset, *, patch: dict[str, Any]) -> None:
        self.begun += 1
        await asyncio.Event().wait()

    def emit(self, obj: Asset, **event: str) -> None:
        """Nobody listens."""


class Place:
    """An operator without a cluster, as it is shown to people."""

    def __init__(self) -> None:
        self.clock, self.api = ManualClock(), SilentApi()
        self.cache, self.queue = Cache(clock=self.clock), WorkQueue(clock=self.clock)
        kube: Any = self.api
        self.controllers = Controllers(
            cache=self.cache, kube=kube, queue=self.queue, clock=self.clock, settings=Settings()
        )
        graph = self.controllers.graph
        self.metrics = AssetMetrics(cache=self.cache, graph=graph, clock=self.clock)
        self.book = Book(cache=self.cache, graph=graph, clock=self.clock)
        self.controllers.watch(self.book.feed.mark)
        self.controllers.start_listening()

    def put(self, name: str, *, minutes: int) -> None:
        """Written down as fresh, with so many minutes left."""
        built = (self.clock.now() - timedelta(minutes=10 - minutes)).isoformat()
        told = {**FRESH, "lastTransitionTime": built}
        status = {
            "version": "v1", "lastUpdatedAt": built, "dataTime": built, "state": "Fresh", "reason": "WithinLimit",
            "policy": {"maximumLag": "10m"}, "conditions": [told],
        }  # fmt: skip
        self.cache.ingest(raw_asset(name, spec={"freshness": {"maximumLag": "10m"}}, status=status), kind="Asset")

    def scraped(self) -> list[str]:
        """Assets that are not fresh by the metrics."""
        lines = "".join(self.metrics.chunks()).splitlines()
        return [line for line in lines if line.startswith("freshet_asset_fresh{") and line.endswith(" 0.0")]

    def shown(self) -> list[tuple[str, str]]:
        """States and reasons on the page."""
        assets = json.loads(b"".join(self.book.snapshot()))["assets"]
        return [(asset["state"], asset["reason"]) for asset in assets]


@pytest.fixture
def place() -> Place:
    made = Place()
    for number in range(MANY):
        made.put(f"a{number}", minutes=1)
    return made


async def turns(queue: WorkQueue) -> None:
    queue.add_after(Key("Nothing", "demo", "x"), timedelta(days=1))  # the clocks are looked at now
    for _ in range(50):
        await asyncio.sleep(0)


async def test_all_are_seen_to_be_stale_before_the_first_is_written(place: Place) -> None:
    await place.controllers.synced()
    task = asyncio.create_task(
        place.queue.run(workers=WORKERS, reconcile=place.controllers.reconcile, woken=place.controllers.woken)
    )
    await turns(place.queue)
    before = place.book.feed.want()
    assert place.shown() == MANY * [("Fresh", "WithinLimit")]
    assert place.scraped() == []
    place.clock.move(60)
    await turns(place.queue)
    assert place.api.begun <= WORKERS
    assert len(place.book.feed.since(before) or []) == MANY, "viewers are told"
    assert {state for state, _ in place.shown()} == {"Stale"}
    assert all(reason.startswith("LagExceeded: data of ") for _, reason in place.shown())
    assert len(place.scraped()) == MANY
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def test_after_a_restart_nothing_needs_to_be_written_first(place: Place) -> None:
    """What has passed while nobody was there."""
    place.controllers.graph.settle()
    place.clock.move(60)
    assert {state for state, _ in place.shown()} == {"Stale"}
    assert len(place.scraped()) == MANY
