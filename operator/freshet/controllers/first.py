"""What the operator does before all else when it begins: what became stale while nobody was there is told at once, and
each deadline that is still to come is minded before its asset has been visited, which may take seconds.
"""

import asyncio
from datetime import datetime

from freshet.api.asset import Asset
from freshet.controllers.world import World
from freshet.core.freshness import holds_until
from freshet.core.lineage import key_of
from freshet.core.policy import effective

__all__ = ["look_first"]

PIECE = 200
"""Assets per piece: some milliseconds of the loop, which others need, too."""


async def look_first(world: World) -> None:
    """Put what has passed before all others, and the rest at its time."""
    for count, asset in enumerate(world.cache.assets):
        now = world.clock.now()
        until = _until(world, asset, now)
        if until is not None and until <= now:
            world.queue.add(key_of(asset), urgent=True)
        elif until is not None:
            world.queue.set_wake(key_of(asset), until)
        if count % PIECE == 0:
            await asyncio.sleep(0)


def _until(world: World, asset: Asset, now: datetime) -> datetime | None:
    """None also where a setting cannot be read: a visit will say so."""
    try:
        policy = effective(asset=asset, pipeline=world.pipeline_of(asset))
    except ValueError:
        return None
    return holds_until(asset.status, policy=policy, data_time=world.graph.preview(asset), now=now)
