"""What the Pipelines and Assets say of themselves: is anybody looking at them, and does a spec need a change?"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from freshet.api import conditions as c
from freshet.api.asset import Asset
from freshet.api.pipeline import Pipeline
from freshet.doctor.findings import Finding, bad, good, unsure

__all__ = ["judge"]

PATIENCE = timedelta(minutes=1)
SHOWN = 10


def judge(pipelines: Sequence[Pipeline], assets: Sequence[Asset], *, now: datetime) -> list[Finding]:
    """The operator first: what objects say is old where it does not run."""
    objects: list[Pipeline | Asset] = [*pipelines, *assets]
    if not objects:
        return [unsure("objects", "there are no Pipelines and no Assets", "README.md has a first one")]
    found = [*_unseen(objects, now), *_stuck(objects), *_failing(assets)]
    return found or [good("objects", f"{len(pipelines)} Pipelines and {len(assets)} Assets, all reconciled")]


def _unseen(objects: Iterable[Pipeline | Asset], now: datetime) -> list[Finding]:
    waiting = [
        obj
        for obj in objects
        if obj.status.observed_generation == -1
        and obj.metadata.creation_timestamp is not None
        and now - obj.metadata.creation_timestamp > PATIENCE
    ]
    if not waiting:
        return []
    first = _name(waiting[0])
    remedy = "does the operator run, and does it watch this namespace? kubectl -n freshet-system get pods"
    return [bad("operator", f"nobody has looked at {len(waiting)} objects, such as {first}", remedy)]


def _stuck(objects: Iterable[Pipeline | Asset]) -> list[Finding]:
    found = []
    for obj in objects:
        stalled = c.find(obj.status.conditions, type=c.STALLED)
        if stalled is not None and stalled.status == "True":
            found.append(bad(_name(obj), f"{stalled.reason}: {stalled.message}", "change its spec as the message says"))
    return _few(found)


def _failing(assets: Iterable[Asset]) -> list[Finding]:
    found = []
    for asset in assets:
        failing = c.find(asset.status.conditions, type=c.FAILING)
        if failing is not None and failing.status == "True":
            found.append(bad(_name(asset), failing.message or failing.reason, "docs/runbooks/asset-failing.md"))
    return _few(found)


def _few(found: list[Finding]) -> list[Finding]:
    more = len(found) - SHOWN
    return [*found[:SHOWN], *([unsure("", f"and {more} more of the kind")] if more > 0 else [])]


def _name(obj: Pipeline | Asset) -> str:
    return f"{type(obj).__name__.lower()} {obj.namespace}/{obj.name}"
