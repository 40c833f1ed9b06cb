"""What has passed while nobody was there goes before all else; what is to come is minded before the first visit."""

from datetime import timedelta
from typing import Any

from tests.support.runtime import ManualClock
from tests.unit.core.making import MINUTE, NOW, source

from freshet.api.asset import Asset, AssetStatus, PolicyInForce
from freshet.api.conditions import Condition
from freshet.controllers.first import look_first
from freshet.controllers.world import World
from freshet.core.lineage import key_of
from freshet.runtime.cache import Cache
from freshet.runtime.queue import WorkQueue
from freshet.runtime.settings import Settings

LIMIT = {"maximumLag": "10m"}
IN_FORCE = PolicyInForce(when="AnyUpstreamUpdated", maximum_lag="20m")


def fresh(name: str, *, age: timedelta, freshness: dict[str, Any] = LIMIT, seen: int | None = None) -> Asset:
    """``seen``: the generation whose limit, of twenty minutes, is in force; its spec has ten."""
    told = Condition(type="Fresh", status="True", reason="WithinLimit", message="", last_transition_time=NOW)
    status = AssetStatus(
        version="v1", data_time=NOW - age, conditions=(told,), policy=IN_FORCE, observed_generation=seen
    )
    return source(name, freshness=freshness, status=status)


async def looked_at(*assets: Asset) -> WorkQueue:
    """What the first look at these does, before any visit."""
    nobody: Any = object()
    clock = ManualClock()
    clock.wall = NOW
    cache, queue = Cache(clock=clock), WorkQueue(clock=clock)
    world = World(cache=cache, kube=nobody, queue=queue, clock=clock, settings=Settings())
    for it in assets:
        cache.assets._objects[key_of(it)] = it
        world.graph.put(it)
    world.graph.settle()
    await look_first(world)
    return queue


async def test_deadlines_are_known_before_any_visit() -> None:
    passed, soon, later = fresh("passed", age=11 * MINUTE), fresh("soon", age=9 * MINUTE), fresh("later", age=MINUTE)
    odd = fresh("odd", age=MINUTE, freshness={"schedule": "never", "within": "1h"})
    queue = await looked_at(later, soon, passed, odd)
    queue.add(key_of(later))
    assert await queue.get() == key_of(passed)
    assert queue._deadlines.pop_due(NOW + MINUTE) == [key_of(soon)]
    assert queue._deadlines.pop_due(NOW + 9 * MINUTE) == [key_of(later)]
    assert queue._deadlines.head() is None


async def test_the_limit_in_force_counts_until_somebody_has_edited_it() -> None:
    known, edited = fresh("known", age=11 * MINUTE, seen=1), fresh("edited", age=11 * MINUTE, seen=0)
    assert known.metadata.generation == 1
    queue = await looked_at(known, edited)
    assert queue.depth == 1
    assert await queue.get() == key_of(edited)
    assert queue._deadlines.pop_due(NOW + 9 * MINUTE) == [key_of(known)]
