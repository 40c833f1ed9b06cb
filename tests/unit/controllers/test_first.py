"""What has passed while nobody was there goes before all else; what is to come is minded before the first visit."""

from datetime import timedelta
from typing import Any

from tests.support.runtime import ManualClock
from tests.unit.core.making import MINUTE, NOW, source

from freshet.api.asset import Asset, AssetStatus
from freshet.api.conditions import Condition
from freshet.controllers.first import look_first
from freshet.controllers.world import World
from freshet.core.lineage import key_of
from freshet.runtime.cache import Cache
from freshet.runtime.queue import WorkQueue
from freshet.runtime.settings import Settings

LIMIT = {"maximumLag": "10m"}


def fresh(name: str, *, age: timedelta, freshness: dict[str, Any] = LIMIT) -> Asset:
    told = Condition(type="Fresh", status="True", reason="WithinLimit", message="", last_transition_time=NOW)
    return source(name, freshness=freshness, status=AssetStatus(version="v1", data_time=NOW - age, conditions=(told,)))


async def test_deadlines_are_known_before_any_visit() -> None:
    nobody: Any = object()
    clock = ManualClock()
    clock.wall = NOW
    cache, queue = Cache(clock=clock), WorkQueue(clock=clock)
    world = World(cache=cache, kube=nobody, queue=queue, clock=clock, settings=Settings())
    passed, soon, later = fresh("passed", age=11 * MINUTE), fresh("soon", age=9 * MINUTE), fresh("later", age=MINUTE)
    odd = fresh("odd", age=MINUTE, freshness={"schedule": "never", "within": "1h"})
    for it in (later, soon, passed, odd):
        cache.assets._objects[key_of(it)] = it
        world.graph.put(it)
    world.graph.settle()
    await look_first(world)
    queue.add(key_of(later))
    assert await queue.get() == key_of(passed)
    assert queue._deadlines.pop_due(NOW + MINUTE) == [key_of(soon)]
    assert queue._deadlines.pop_due(NOW + 9 * MINUTE) == [key_of(later)]
    assert queue._deadlines.head() is None
