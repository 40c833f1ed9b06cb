"""Can the warehouse be reached? Said by the runs that used it, since a question of its own would wake it."""

from collections.abc import Iterable

from freshet.api.asset import Asset

__all__ = ["reached"]

USES_WAREHOUSE = ("Source", "Count")
TELLS = ("Succeeded", "Unchanged", "Interrupted")
NOT_ITS_FAULT = ("EvictionByEvictionAPI", "PreemptionByScheduler", "DeletionBy", "TerminationByKubelet")
"""How a message begins when the cluster, not the warehouse, has interrupted a run."""


def reached(assets: Iterable[Asset]) -> bool | None:
    """By the newest run of these assets that says something of it; None: none does. A refused input does not."""
    ended = [
        (last.finished_at, last.outcome != "Interrupted")
        for asset in assets
        if asset.kind in USES_WAREHOUSE
        and (last := asset.status.last_run) is not None
        and last.finished_at is not None
        and last.outcome in TELLS
        and not last.message.startswith(NOT_ITS_FAULT)
    ]
    return max(ended)[1] if ended else None
