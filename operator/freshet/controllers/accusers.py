"""Who names whom in ``status.blame``: what is said of the one at fault is said anew when that has changed."""

from freshet.api.asset import Asset
from freshet.api.view import Key
from freshet.core.lineage import key_of

__all__ = ["Accusers"]


class Accusers:
    """As the statuses say that were seen last."""

    def __init__(self) -> None:
        self._by_blamed: dict[Key, set[Key]] = {}

    def changed(self, old: Asset | None, new: Asset | None) -> None:
        """One asset was added, changed or deleted."""
        before, now = _accusation(old), _accusation(new)
        if before == now:
            return
        if before is not None:
            self._drop(*before)
        if now is not None:
            blamed, accuser = now
            self._by_blamed.setdefault(blamed, set()).add(accuser)

    def of(self, blamed: Key) -> frozenset[Key]:
        """Those that name this one."""
        return frozenset(self._by_blamed.get(blamed, ()))

    def _drop(self, blamed: Key, accuser: Key) -> None:
        left = self._by_blamed.get(blamed, set())
        left.discard(accuser)
        if not left:
            self._by_blamed.pop(blamed, None)


def _accusation(asset: Asset | None) -> tuple[Key, Key] | None:
    if asset is None or asset.status.blame is None:
        return None
    return Key("Asset", asset.namespace, asset.status.blame), key_of(asset)
