"""Is an asset being built, or about to be? What a diamond's bottom waits for."""

from collections.abc import Callable

from freshet.api.asset import Asset
from freshet.api.view import Key

__all__ = ["is_building"]

DEPTH = 16


def is_building(key: Key, *, find: Callable[[Key], Asset | None], depth: int = DEPTH) -> bool:
    """Under way, or due and about to start, or below such a one. Failed and suspended ones are not waited for.

    Looks ``depth`` generations up, at each ancestor once.
    """
    seen, level = {key}, [key]
    for _ in range(depth):
        found = [asset for asset in map(find, level) if asset is not None]
        if any(asset.status.run is not None for asset in found):
            return True
        about = [(asset, ups) for asset in found if (ups := _awaited(asset))]
        if any(_moved(asset, find(up)) for asset, ups in about for up in ups):
            return True
        level = list(dict.fromkeys(up for _, ups in about for up in ups if up not in seen))
        seen.update(level)
    return False


def _awaited(asset: Asset) -> list[Key]:
    """The upstreams that would set it going; none where it is held."""
    status = asset.status
    held = asset.spec.suspend or status.state == "Suspended" or status.failures or status.retry_at
    if held or not _follows(asset):
        return []
    return [Key("Asset", asset.namespace, name) for name in asset.spec.upstreams]


def _follows(asset: Asset) -> bool:
    when = asset.status.policy.when if asset.status.policy else None
    return bool(asset.spec.upstreams) and when == "AnyUpstreamUpdated"


def _moved(asset: Asset, upstream: Asset | None) -> bool:
    version = upstream.status.version if upstream else None
    return upstream is not None and version is not None and asset.status.considered.get(upstream.name) != version
