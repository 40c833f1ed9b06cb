"""Is an asset being built, or about to be? What a diamond's bottom waits for."""

from collections.abc import Callable

from freshet.api.asset import Asset
from freshet.api.view import Key

__all__ = ["is_building"]

DEPTH = 16


def is_building(key: Key, *, find: Callable[[Key], Asset | None], depth: int = DEPTH) -> bool:
    """Under way, or due and about to start, or below such a one. Failed and suspended ones are not waited for."""
    asset = find(key)
    if asset is None or depth == 0:
        return False
    status = asset.status
    if status.run is not None:
        return True
    if asset.spec.suspend or status.failures or status.retry_at or not _follows(asset):
        return False
    ups = [Key("Asset", asset.namespace, name) for name in asset.spec.upstreams]
    return any(_moved(asset, find(up)) for up in ups) or any(is_building(up, find=find, depth=depth - 1) for up in ups)


def _follows(asset: Asset) -> bool:
    when = asset.status.policy.when if asset.status.policy else None
    return bool(asset.spec.upstreams) and when == "AnyUpstreamUpdated"


def _moved(asset: Asset, upstream: Asset | None) -> bool:
    version = upstream.status.version if upstream else None
    return upstream is not None and version is not None and asset.status.considered.get(upstream.name) != version
