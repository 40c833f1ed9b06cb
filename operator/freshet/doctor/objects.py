"""What the Pipelines and Assets say of themselves: is anybody looking at them, and does a spec need a change?"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from freshet.api import conditions as c
from freshet.api.asset import Asset
from freshet.api.pipeline import Pipeline
from freshet.doctor.findings import Finding, bad, good, unsure

__all__ = ["behind", "judge"]

PATIENCE = timedelta(minutes=1)
ASKED = (c.UNREACHABLE, c.AUTHENTICATION_FAILED, c.JOB_NOT_FOUND)
"""What the doctor asks dbt Cloud itself: there, its word goes before the operator's, which may be of a minute ago."""
SHOWN = 10
REMEDY = "does the operator run, and does it watch this namespace? kubectl -n freshet-system get pods"


def judge(pipelines: Sequence[Pipeline], assets: Sequence[Asset], *, now: datetime, acts: bool = True) -> list[Finding]:
    """The operator first: what objects say is old where it does not run. ``acts``: it is not known to be down."""
    objects: list[Pipeline | Asset] = [*pipelines, *assets]
    if not objects:
        return [unsure("objects", "there are no Pipelines and no Assets", "README.md has a first one")]
    found = [*_unseen(objects, now), *_changed(objects), *_unready(objects), *_failing(assets), *_apart(pipelines)]
    counts = f"{_count(len(pipelines), 'Pipeline')} and {_count(len(assets), 'Asset')}"
    when = "" if acts else " when an operator last looked"
    return [*(found or [good("objects", f"{counts}, all reconciled{when}")]), *_stale(assets)]


def behind(objects: Iterable[Pipeline | Asset]) -> list[Pipeline | Asset]:
    """Those whose spec has changed since an operator looked at it."""
    return [
        obj
        for obj in objects
        if obj.status.observed_generation not in (-1, obj.metadata.generation)
        and obj.metadata.deletion_timestamp is None
    ]


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
    return [bad("operator", f"nobody has looked at {len(waiting)} objects, such as {first}", REMEDY)]


def _changed(objects: Iterable[Pipeline | Asset]) -> list[Finding]:
    found = behind(objects)
    if not found:
        return []
    first = found[0]
    which = f"{_name(first)} (generation {first.metadata.generation}, seen {first.status.observed_generation})"
    return [
        bad("operator", f"nobody has looked at {len(found)} objects since they were changed, such as {which}", REMEDY)
    ]


def _unready(objects: Iterable[Pipeline | Asset]) -> list[Finding]:
    """What is not reconciled, and what is though its settings contradict each other. Secrets are looked at apart."""
    found = []
    for obj in objects:
        ready = c.find(obj.status.conditions, type=c.READY)
        if ready is None or ready.reason in (c.RECONCILED, c.SECRET_NOT_FOUND):
            continue
        tell = bad if ready.status != "True" else unsure
        if ready.status != "True" or ready.reason == c.POLICY_CONFLICT:
            found.append(tell(_name(obj), f"{ready.reason}: {ready.message}", _ready_remedy(obj)))
    return _few(found)


def _ready_remedy(obj: Pipeline | Asset) -> str:
    stalled = c.find(obj.status.conditions, type=c.STALLED)
    if stalled is not None and stalled.status == "True":
        return "change its spec as the message says"
    return f"kubectl describe -n {obj.namespace} {_kind(obj)}/{obj.name}"


def _failing(assets: Iterable[Asset]) -> list[Finding]:
    found = []
    for asset in assets:
        failing = c.find(asset.status.conditions, type=c.FAILING)
        if failing is not None and failing.status == "True":
            remedy = f"kubectl describe -n {asset.namespace} asset/{asset.name}; freshet runbook asset-failing"
            found.append(bad(_name(asset), failing.message or failing.reason, remedy))
    return _few(found)


def _apart(pipelines: Iterable[Pipeline]) -> list[Finding]:
    """What an operator found of dbt Cloud and of its project, which does not make a Pipeline unready."""
    found = []
    for pipeline in pipelines:
        for type in (c.DBT_CLOUD_READY, c.DISCOVERED):
            said = c.find(pipeline.status.conditions, type=type)
            if said is None or said.status != "False" or said.reason in (c.SECRET_NOT_FOUND, c.PARSING):
                continue
            tell = unsure if type == c.DISCOVERED or said.reason in ASKED else bad
            remedy = f"kubectl describe -n {pipeline.namespace} fpl/{pipeline.name}; docs/dbt-cloud.md"
            found.append(tell(_name(pipeline), f"{type} is False, {said.reason}: {said.message}", remedy))
    return _few(found)


def _stale(assets: Iterable[Asset]) -> list[Finding]:
    """Nothing of the installation need be wrong, and yet somebody waits for this data."""
    late = [asset for asset in assets if asset.status.state == "Stale"]
    if not late:
        return []
    first = f"{_name(late[0])}: {late[0].status.reason}"
    remedy = f"kubectl get assets -n {late[0].namespace}; freshet runbook asset-stale"
    return [unsure("data", f"{_count(len(late), 'Asset')} stale, such as {first}", remedy)]


def _few(found: list[Finding]) -> list[Finding]:
    more = len(found) - SHOWN
    return [*found[:SHOWN], *([unsure("", f"and {more} more of the kind")] if more > 0 else [])]


def _name(obj: Pipeline | Asset) -> str:
    return f"{type(obj).__name__.lower()} {obj.namespace}/{obj.name}"


def _kind(obj: Pipeline | Asset) -> str:
    return "fpl" if isinstance(obj, Pipeline) else "asset"


def _count(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"
