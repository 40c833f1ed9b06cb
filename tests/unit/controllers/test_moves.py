"""Whose data has moved by another's change is told at once where those are few, together where they are many."""

from typing import Any

import pytest
from tests.support.runtime import ManualClock, raw_asset

from freshet.api.view import Key
from freshet.controllers.moves import LINEAGE
from freshet.controllers.router import Router
from freshet.controllers.world import World
from freshet.core.lineage import Graph
from freshet.runtime.cache import Cache
from freshet.runtime.queue import WorkQueue
from freshet.runtime.settings import Settings

BEFORE, NOW = "2026-11-24T11:00:00Z", "2026-11-24T12:00:00Z"
EACH_MS = 1
"""Between two arrivals: about what an API server lets through."""


class Place:
    """A cache, a router, and whom its watcher is told of; ``computed`` counts ages."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        nobody: Any = object()
        self.clock, self.told = ManualClock(), list[str]()
        self.cache, self.queue = Cache(clock=self.clock), WorkQueue(clock=self.clock)
        world = World(cache=self.cache, kube=nobody, queue=self.queue, clock=self.clock, settings=Settings())
        router = Router(world=world)
        self.moves = router.moves
        self.moves.watchers.append(lambda keys: self.told.extend(key.name for key in keys))
        self.cache.subscribe(router.changed)
        self.graph, self.computed, self.version = world.graph, 0, 0
        age = Graph._age
        monkeypatch.setattr(Graph, "_age", lambda *a: self.count() or age(*a))

    def count(self) -> None:
        self.computed += 1

    def see(self, name: str, *, upstreams: list[str], data_time: str | None = None) -> None:
        self.version += 1
        kind = "count" if upstreams else "external"
        consumed = {up: {"version": "v1", "dataTime": BEFORE} for up in upstreams}
        status = {"version": "v1", "dataTime": data_time, "consumed": consumed}
        spec = {"upstreams": upstreams, "materialize": {kind: {}}}
        self.cache.ingest(raw_asset(name, version=self.version, spec=spec, status=status), kind="Asset")

    async def pass_by(self, milliseconds: float) -> None:
        """As the queue's clock and a worker do."""
        self.clock.move(milliseconds / 1000)
        if self.queue._backoffs.pop_due(self.clock.monotonic()):
            await self.moves.settle(LINEAGE)


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Place:
    return Place(monkeypatch)


async def test_a_chain_that_comes_from_its_end_is_followed_in_proportion_to_time(place: Place) -> None:
    count = 3000
    for n in range(count, 0, -1):
        place.see(f"a{n}", upstreams=[f"a{n - 1}"])
        await place.pass_by(EACH_MS)
    place.see("a0", upstreams=[], data_time=NOW)
    await place.pass_by(1000)
    assert place.graph.live(Key("Asset", "demo", f"a{count}")) == place.graph.live(Key("Asset", "demo", "a0"))
    assert place.computed <= 100 * count * EACH_MS + 10 * count


async def test_after_a_crowd_the_next_wait_and_are_told_together(place: Place) -> None:
    for n in range(100):
        place.see(f"b{n}", upstreams=["a"])
    place.see("a", upstreams=[], data_time=NOW)
    place.told.clear()
    place.see("c", upstreams=["b0"])
    place.see("d", upstreams=["c"])
    assert place.graph.live(Key("Asset", "demo", "d")) is None  # not computed yet
    assert place.queue._backoffs.get(LINEAGE) is not None
    await place.pass_by(10)
    assert place.graph.live(Key("Asset", "demo", "d")) == place.graph.live(Key("Asset", "demo", "a"))
    assert {"c", "d"} <= set(place.told)
    place.see("e", upstreams=["d"])
    assert place.graph.live(Key("Asset", "demo", "e")) == place.graph.live(Key("Asset", "demo", "a"))
