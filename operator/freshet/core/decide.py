"""``decide``: from what is, to what should be. No I/O, no clock of its own, no memory (DESIGN §4 rule 2).

One visit takes in what ended, says what is under way, and, when nothing is, whether a run is due. The caller writes
the status if it differs, launches what is due, and comes back at ``wake_at``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from freshet.api import conditions
from freshet.api.asset import Asset, AssetStatus, Consumed, PolicyInForce, RunInFlight
from freshet.api.names import ANNOTATION_DATA_TIME, ANNOTATION_MATERIALIZED
from freshet.api.pipeline import Pipeline
from freshet.api.view import instant
from freshet.core import cron, nodes
from freshet.core.automation import assess
from freshet.core.blame import Ancestor, clock, next_time, outlook
from freshet.core.freshness import Facts, Verdict, judge
from freshet.core.lineage import NEVER_OLD, inherits
from freshet.core.outcome import Ended, is_recorded, order, record
from freshet.core.policy import Policy, conflict, effective, in_force, without_acting
from freshet.core.rest import at_rest
from freshet.core.situation import Due, Situation, Waiting
from freshet.core.state import Case, Trouble, describe

__all__ = ["Decision", "Observed", "decide", "situation"]

OVERDUE_AFTER = timedelta(minutes=1)
"""A load that has not started so long after its time will hardly start by itself."""


@dataclass(frozen=True, kw_only=True)
class Observed:
    """All that a decision may look at.

    ``data_time`` gives the live data time that a state of the asset would have; ``blame`` the ancestor at fault;
    ``find`` another asset of the namespace.
    """

    asset: Asset
    pipeline: Pipeline | None
    upstreams: Mapping[str, Asset]
    now: datetime
    ended: Sequence[Ended] = ()
    active: RunInFlight | None = None
    cycle: tuple[str, ...] = ()
    trouble: Trouble | None = None
    described: nodes.Described | None = None
    held: Waiting | None = None
    """What holds back a run that is due: a queue, a budget, a service that does not answer."""
    busy: Callable[[str], bool] = lambda name: False
    find: Callable[[str], Asset | None] = lambda name: None
    data_time: Callable[[Asset], datetime | None] = lambda asset: asset.status.data_time
    blame: Callable[[Asset], Ancestor | None] = lambda asset: None


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What to write, what to launch, when to look again. ``recorded`` are the runs that ``status`` takes in."""

    status: AssetStatus
    policy: Policy
    due: Due | None = None
    waiting: Waiting | None = None
    trouble: Trouble | None = None
    wake_at: datetime | None = None
    recorded: tuple[Ended, ...] = ()


def decide(observed: Observed) -> Decision:
    """The decision for one asset at one moment."""
    policy, trouble = _policy(observed)
    status, recorded = _take_in(observed, policy)
    status = nodes.describe(_remembering(observed, status), observed.described)
    status = msgspec.structs.replace(status, run=observed.active, policy=_in_force(observed, policy))
    asset = msgspec.structs.replace(observed.asset, status=status)
    free = not (trouble or policy.suspended or observed.active)
    answer = assess(situation(observed, asset, policy)) if free else None
    verdict = _verdict(observed, asset, policy)
    waiting = answer if isinstance(answer, Waiting) else _overdue(observed, asset) if free and not answer else None
    if isinstance(answer, Due) and observed.held is not None:
        status, waiting = _held_back(status, answer, observed.held)
        asset = msgspec.structs.replace(asset, status=status)
    idle = free and answer is None and waiting is None
    others = _by_data(policy, verdict) or (idle and _for_want_of_news(policy, verdict, asset))
    status = describe(
        Case(
            asset=asset, policy=policy, verdict=verdict, waiting=waiting, trouble=trouble, pipeline=observed.pipeline,
            ancestor=observed.blame(asset) if others else None,
            outlook=outlook(asset), rest=_rest(observed, asset, policy, verdict) if idle else None,
            conflict=conflict(policy), now=observed.now,
        )
    )  # fmt: skip
    return Decision(
        status=_dated(observed, asset, status),
        policy=policy,
        due=answer if isinstance(answer, Due) else None,
        waiting=waiting,
        trouble=trouble,
        wake_at=_wake(observed, asset, policy, verdict, waiting),
        recorded=recorded,
    )


def _held_back(status: AssetStatus, due: Due, held: Waiting) -> tuple[AssetStatus, Waiting | None]:
    """Who stands in a queue is shown as a run that has not begun; anything else as waiting."""
    if held.reason != conditions.QUEUED:
        return status, held
    run = RunInFlight(executor="DbtCloud", cause=due.cause, attempt=due.attempt, message=held.message)
    return msgspec.structs.replace(status, run=run), None


def _by_data(policy: Policy, verdict: Verdict) -> bool:
    """Is it missing, or too old by what it was built from, so that an ancestor may be to blame?"""
    return verdict.word == "Missing" or (_is_late(verdict) and not policy.by_update)


def _for_want_of_news(policy: Policy, verdict: Verdict, asset: Asset) -> bool:
    """Is it too long since it was built, and would it be, had only an ancestor something new?"""
    return policy.by_update and _is_late(verdict) and outlook(asset) is None


def _rest(observed: Observed, asset: Asset, policy: Policy, verdict: Verdict) -> str | None:
    """Why nothing will happen, where that is not said already."""
    if verdict.word == "Fresh" or outlook(asset) is not None:
        return None
    return at_rest(situation(observed, asset, policy))


def _is_late(verdict: Verdict) -> bool:
    """By its lag or its deadline."""
    return verdict.word in ("Stale", "Aging") and verdict.reason != conditions.INPUT_UNCHANGED


def _in_force(observed: Observed, policy: Policy) -> PolicyInForce:
    """For ``status.policy``. A schedule holds since it was first seen: what was due before was not missed."""
    found, before = in_force(policy), observed.asset.status.policy
    if found.build_schedule is None or policy.suspended:
        return found
    same = before is not None and (before.build_schedule, before.build_time_zone) == (
        found.build_schedule,
        found.build_time_zone,
    )
    since = before.build_since if before is not None and same else None
    return msgspec.structs.replace(found, build_since=since or observed.now)


def _overdue(observed: Observed, asset: Asset) -> Waiting | None:
    """A source whose load should have started: Kubernetes starts those, not we."""
    at = next_time(asset) if asset.kind == "Source" else None
    if at is None or observed.now < at + OVERDUE_AFTER:
        return None
    message = f"the load of {clock(at)} has not started: see kubectl describe cronjob {asset.name}"
    return Waiting(reason=conditions.OVERDUE, message=message)


def _policy(observed: Observed) -> tuple[Policy, Trouble | None]:
    try:
        policy = effective(asset=observed.asset, pipeline=observed.pipeline)
    except cron.InvalidTimeZone as error:
        return _resting(observed), Trouble(reason=conditions.INVALID_TIME_ZONE, message=str(error))
    except cron.InvalidSchedule as error:
        return _resting(observed), Trouble(reason=conditions.INVALID_SCHEDULE, message=str(error))
    except ValueError as error:
        return _resting(observed), Trouble(reason=conditions.INVALID_SPEC, message=str(error))
    return policy, observed.trouble or _trouble(observed)


def _resting(observed: Observed) -> Policy:
    return without_acting(asset=observed.asset, pipeline=observed.pipeline)


def _trouble(observed: Observed) -> Trouble | None:
    spec = observed.asset.spec
    if spec.pipeline and observed.pipeline is None:
        message = f"pipeline {spec.pipeline!r} does not exist in this namespace: apply it, or correct spec.pipeline"
        return Trouble(reason=conditions.PIPELINE_NOT_FOUND, message=message)
    lost = sorted(name for name in spec.upstreams if name not in observed.upstreams)
    if lost:
        message = f"upstream {lost[0]!r} does not exist in this namespace: create that Asset, or correct spec.upstreams"
        return Trouble(reason=conditions.UPSTREAM_NOT_FOUND, message=message)
    if observed.cycle:
        message = f"{' → '.join(observed.cycle)}: remove one of these from the other's spec.upstreams"
        return Trouble(reason=conditions.CYCLE_DETECTED, message=message)
    return None


def _take_in(observed: Observed, policy: Policy) -> tuple[AssetStatus, tuple[Ended, ...]]:
    """Record, oldest first, each run that ended and is not in the status yet."""
    asset, status = observed.asset, observed.asset.status
    recorded = []
    for run in sorted(observed.ended, key=order):
        if not is_recorded(status, run):
            status = _recorded(observed, status, run, policy)
            recorded.append(run)
    external = _announced(asset, observed.now)
    if external is not None:
        status = _recorded(observed, status, external, policy)
        recorded.append(external)
    return status, tuple(recorded)


def _recorded(observed: Observed, before: AssetStatus, run: Ended, policy: Policy) -> AssetStatus:
    """The status after the run; in history, a derived version keeps the data time that it had in the end."""
    asset = observed.asset
    after = record(asset=asset, status=before, run=run, policy=policy, upstreams=observed.upstreams)
    if after.version == before.version or not inherits(asset):
        return after
    times = {
        status.version: _told(observed, msgspec.structs.replace(asset, status=status))
        for status in (before, after)
        if status.version is not None
    }
    history = tuple(
        msgspec.structs.replace(item, data_time=times.get(item.version or "") or item.data_time)
        for item in after.history
    )
    return msgspec.structs.replace(after, history=history)


def _remembering(observed: Observed, status: AssetStatus) -> AssetStatus:
    """Where an upstream has moved on from what was consumed: how recent that was, before its history forgets."""
    consumed = {name: _confirmed(observed.upstreams.get(name), seen) for name, seen in status.consumed.items()}
    return msgspec.structs.replace(status, consumed=consumed) if consumed != status.consumed else status


def _confirmed(upstream: Asset | None, seen: Consumed) -> Consumed:
    if upstream is None or upstream.status.version == seen.version:
        return seen
    known = (item.data_time for item in upstream.status.history if item.version == seen.version)
    at = next((at for at in known if at is not None), None)
    return msgspec.structs.replace(seen, data_time=at) if at is not None else seen


def _announced(asset: Asset, now: datetime) -> Ended | None:
    """What an annotation on an external asset announces, if that is news."""
    notes = asset.metadata.annotations
    version = notes.get(ANNOTATION_MATERIALIZED)
    if asset.kind != "External" or not version:
        return None
    data_time = instant(notes.get(ANNOTATION_DATA_TIME))
    if version not in (asset.status.version, asset.status.last_handled_trigger):
        return Ended(
            id=version, outcome="Succeeded", executor="External", finished_at=now, version=version,
            cause="announced by annotation", data_time=data_time or now, trigger=version,
        )  # fmt: skip
    if (
        version != asset.status.version
        or data_time is None
        or (asset.status.data_time and data_time <= asset.status.data_time)
    ):
        return None
    return Ended(id=version, outcome="Unchanged", executor="External", finished_at=now, data_time=data_time)


def situation(observed: Observed, asset: Asset, policy: Policy) -> Situation:
    """What automation is asked about: the asset in a state that may differ from the one observed."""
    return Situation(
        asset=asset,
        pipeline=observed.pipeline,
        policy=policy,
        upstreams=observed.upstreams,
        now=observed.now,
        busy=observed.busy,
        find=observed.find,
    )


def _verdict(observed: Observed, asset: Asset, policy: Policy) -> Verdict:
    facts = Facts(
        version=asset.status.version,
        data_time=observed.data_time(asset),
        last_updated_at=asset.status.last_updated_at,
    )
    return judge(policy=policy, facts=facts, now=observed.now)


def _dated(observed: Observed, asset: Asset, status: AssetStatus) -> AssetStatus:
    """A derived asset's data time is computed when read, and written only along with something else."""
    if status == observed.asset.status or not inherits(asset) or status.version is None:
        return status
    return msgspec.structs.replace(status, data_time=_told(observed, asset))


def _told(observed: Observed, asset: Asset) -> datetime | None:
    """The live data time as it is written: what never grows old has none."""
    at = observed.data_time(asset)
    return None if at == NEVER_OLD else at


def _wake(
    observed: Observed, asset: Asset, policy: Policy, verdict: Verdict, waiting: Waiting | None
) -> datetime | None:
    times = [verdict.next_at, waiting.until if waiting else None]
    load = next_time(asset) if asset.kind == "Source" else None
    if load is not None and observed.now < load + OVERDUE_AFTER:
        times.append(load + OVERDUE_AFTER)
    if policy.when == "Cron" and observed.asset.kind != "Source":
        schedule = policy.schedule or ""
        times.append(cron.next_tick(schedule=schedule, time_zone=policy.time_zone, after=observed.now))
    return min((at for at in times if at is not None), default=None)
