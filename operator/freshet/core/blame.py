"""Which ancestor is to blame for data that is too old, in one line."""

from collections.abc import Callable

from freshet.api import conditions
from freshet.api.asset import Asset
from freshet.api.view import Key
from freshet.core.lineage import Graph, inherits, key_of

__all__ = ["line"]

Find = Callable[[Key], Asset | None]


def line(asset: Asset, *, graph: Graph, find: Find) -> str | None:
    """``UpstreamStale (<ancestor>: <why>)``, or None where the asset itself is at fault."""
    if not inherits(asset) or any(_behind(asset, name, find) for name in asset.spec.upstreams):
        return None
    root = graph.oldest(key_of(asset))
    source = find(root)
    if source is None or root == key_of(asset):
        return None
    return f"{conditions.UPSTREAM_STALE} ({source.name}: {_why(source)})"


def _behind(asset: Asset, name: str, find: Find) -> bool:
    """Has it not consumed what this upstream has? Then waiting for its own run is the matter."""
    upstream, consumed = find(Key("Asset", asset.namespace, name)), asset.status.consumed.get(name)
    return upstream is not None and consumed is not None and upstream.status.version != consumed.version


def _why(source: Asset) -> str:
    status = source.status
    confirmed = f"last data {status.data_time:%Y-%m-%d %H:%M:%SZ}" if status.data_time else "no data time"
    if status.state in ("Suspended", "Failed"):
        return f"{confirmed}, {status.state}"
    return confirmed
