"""Can the warehouse be reached? Said by the runs that used it, since a question of its own would wake it."""

from collections.abc import Iterable

from freshet.api.asset import Asset, LastRun

__all__ = ["reached", "said"]

USES_WAREHOUSE = ("Source", "Count")
OPENED = ("Succeeded", "Interrupted")
UNOPENED = "Unchanged"
"""A load that finds the input of the one before does not open the warehouse: it is believed where nobody else tells."""
OF_THE_CLUSTER = ("EvictionByEvictionAPI", "PreemptionByScheduler", "DeletionBy", "TerminationByKubelet")
NOT_ITS_FAULT = (*OF_THE_CLUSTER, "Terminated:", "SourceUnavailable:")
"""How a message begins when the cluster, or where the input lies, has interrupted a run, and not the warehouse."""


def reached(assets: Iterable[Asset]) -> bool | None:
    """By the newest run of these assets that says something of it; None: none does. A refused input does not."""
    found = said(assets)
    return found[1].outcome != "Interrupted" if found is not None else None


def said(assets: Iterable[Asset], *, failures: tuple[str, ...] = ()) -> tuple[Asset, LastRun] | None:
    """The newest run that says whether it can be used, and whose. ``failures``: beginnings of messages that say so."""
    ended = [
        (last.outcome != UNOPENED, last.finished_at, asset.name, asset, last)
        for asset in assets
        if asset.kind in USES_WAREHOUSE
        and (last := asset.status.last_run) is not None
        and last.finished_at is not None
        and _tells(asset, last, failures)
    ]
    return max(ended, key=lambda found: found[:3])[3:] if ended else None


def _tells(asset: Asset, last: LastRun, failures: tuple[str, ...]) -> bool:
    if last.outcome == "Failed":
        return bool(failures) and last.message.startswith(failures)
    if last.outcome == "Interrupted" and asset.status.state == "Suspended":
        return False  # it is not tried again, so that it would be said for ever
    return last.outcome in (*OPENED, UNOPENED) and not last.message.startswith(NOT_ITS_FAULT)
