"""Which model a skipped one waits for: dbt skips all below a failure, so the nearest one has mostly done nothing."""

from collections.abc import Iterable

from freshet.api.asset import Asset
from freshet.core.situation import Situation

__all__ = ["first_broken", "took_along"]


def first_broken(situation: Situation) -> Asset | None:
    """The first on the way up whose run failed itself; where there is none any more, the highest that was skipped.

    Who was skipped names the one that it waits for, which saves the way: a long chain costs in proportion.
    """
    ahead, seen, highest = _broken(situation.upstreams.values()), set[str](), None
    while ahead:
        asset = ahead.pop()
        if asset.name in seen:
            continue
        seen.add(asset.name)
        named = situation.find(asset.status.blame) if asset.status.blame else None
        failed = next((it for it in (asset, named) if it is not None and _outcome(it) == "Failed"), None)
        if failed is not None:
            return failed
        above = _broken(found for name in asset.spec.upstreams if (found := situation.find(name)) is not None)
        highest = highest or (asset if not above else None)
        ahead += above
    return highest


def took_along(asset: Asset) -> bool:
    """Does its newest run hold back what it skipped?"""
    return _outcome(asset) in ("Failed", "Skipped")


def _broken(assets: Iterable[Asset]) -> list[Asset]:
    """The first one last."""
    return [it for it in assets if took_along(it)][::-1]


def _outcome(asset: Asset) -> str | None:
    """Of a model: no other is skipped for what is above it. A failure that a build of others, told of late, has made up
    for holds nothing back.
    """
    last = asset.status.last_run
    if asset.kind != "DbtCloud" or last is None or (last.outcome == "Failed" and not asset.status.failures):
        return None
    return last.outcome
