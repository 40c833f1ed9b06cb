"""Can the warehouse be reached? Said by the runs that used it, since a question of its own would wake it."""

from collections.abc import Iterable

from freshet.api.asset import Asset, LastRun

__all__ = ["reached", "said"]

USES_WAREHOUSE = ("Source", "Count")
TELLS = ("Succeeded", "Unchanged", "Interrupted")
NOT_ITS_FAULT = ("EvictionByEvictionAPI", "PreemptionByScheduler", "DeletionBy", "TerminationByKubelet")
"""How a message begins when the cluster, not the warehouse, has interrupted a run."""


def reached(assets: Iterable[Asset]) -> bool | None:
    """By the newest run of these assets that says something of it; None: none does. A refused input does not."""
    found = said(assets)
    return found[1].outcome != "Interrupted" if found is not None else None


def said(assets: Iterable[Asset], *, failures: tuple[str, ...] = ()) -> tuple[Asset, LastRun] | None:
    """The newest run that says whether it can be used, and whose. ``failures``: beginnings of messages that say so."""
    ended = [
        (last.finished_at, asset.name, asset, last)
        for asset in assets
        if asset.kind in USES_WAREHOUSE
        and (last := asset.status.last_run) is not None
        and last.finished_at is not None
        and (last.outcome in TELLS or (failures and last.outcome == "Failed" and last.message.startswith(failures)))
        and not last.message.startswith(NOT_ITS_FAULT)
    ]
    return max(ended, key=lambda found: found[:2])[2:] if ended else None
