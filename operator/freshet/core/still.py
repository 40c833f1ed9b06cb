"""Whom to blame for content that stands still: the first ancestor that brings nothing new, be it looked at or not."""

from collections.abc import Callable
from datetime import UTC, datetime

from freshet.api import conditions as c
from freshet.api.asset import Asset, AssetStatus
from freshet.api.conditions import find as condition

__all__ = ["first_still"]

FAR = 100
"""Steps up: what is so far up stands still as well as what is further."""
NEVER = datetime.min.replace(tzinfo=UTC)

Find = Callable[[str], Asset | None]


def first_still(asset: Asset, *, find: Find) -> Asset | None:
    """The furthest up of which all on the way down have what it has; None: the asset itself has not followed."""
    here, seen = asset, {asset.name}
    while len(seen) <= FAR:
        above = _above(here, find)
        if above is None or above.name in seen:
            break
        seen.add(above.name)
        here = above
    return here if here is not asset else None


def _above(asset: Asset, find: Find) -> Asset | None:
    """Of several inputs the one that is past a limit of its own, else the one that moved last: it moves most often."""
    found = (find(name) for name in asset.spec.upstreams)
    inputs = [it for it in found if it is not None and it.spec.data_time != "Static"]
    if any(_is_news(asset.status, it) for it in inputs):
        return None
    return max(inputs, key=lambda it: (_is_unchanged(it), it.status.last_updated_at or NEVER), default=None)


def _is_news(status: AssetStatus, upstream: Asset) -> bool:
    """Has it a version that was not looked at yet?"""
    name, version = upstream.name, upstream.status.version
    consumed = status.consumed.get(name)
    return version is not None and version not in (status.considered.get(name), consumed and consumed.version)


def _is_unchanged(asset: Asset) -> bool:
    fresh = condition(asset.status.conditions, type=c.FRESH)
    return fresh is not None and fresh.reason == c.INPUT_UNCHANGED
