"""What the operator does before all else when it begins: what became stale while nobody was there is told at once, and
each deadline that is still to come is minded before its asset has been visited, which may take seconds.

Judged by the limits that were in force, as metrics are: that takes microseconds. Only where somebody has edited the
limits since is the policy worked out anew.
"""

import asyncio
from datetime import datetime

from freshet.api.asset import Asset
from freshet.api.pipeline import Pipeline
from freshet.controllers.world import World
from freshet.core import seen
from freshet.core.freshness import Limits, holds_until
from freshet.core.lineage import key_of
from freshet.core.policy import effective

__all__ = ["look_first"]

PIECE = 1000
"""Assets per piece: some milliseconds of the loop, which others need, too."""


async def look_first(world: World) -> None:
    """Put what has passed before all others, and the rest at its time."""
    now = world.clock.now()
    for count, asset in enumerate(world.cache.assets):
        until = _until(world, asset, now)
        if until is not None and until <= now:
            world.queue.add(key_of(asset), urgent=True)
        elif until is not None:
            world.queue.set_wake(key_of(asset), until)
        if count % PIECE == 0:
            await asyncio.sleep(0)
            now = world.clock.now()


def _until(world: World, asset: Asset, now: datetime) -> datetime | None:
    """None also where a setting cannot be read: a visit will say so."""
    try:
        limits = _limits(asset, world.pipeline_of(asset))
        at = world.graph.data_time(key_of(asset))
        return holds_until(asset.status, policy=limits, data_time=at, now=now) if limits is not None else None
    except ValueError:
        return None


def _limits(asset: Asset, pipeline: Pipeline | None) -> Limits | None:
    if _is_known(asset) and _is_known(pipeline):
        return seen.limits_in_force(asset)
    return effective(asset=asset, pipeline=pipeline)


def _is_known(obj: Asset | Pipeline | None) -> bool:
    """Is what is in force that of its newest spec?"""
    return obj is None or obj.status.observed_generation == obj.metadata.generation
