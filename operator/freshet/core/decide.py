"""``decide``: from what is, to what should be. No I/O, no clock of its own, no memory (DESIGN §4 rule 2).

One visit takes in what ended, says what is under way, and, when nothing is, whether a run is due. The caller writes
the status if it differs, launches what is due, and comes back at ``wake_at``.
"""

from datetime import datetime, timedelta

import msgspec

from freshet.api import conditions
from freshet.api.asset import Asset, AssetStatus, PolicyInForce, RunInFlight
from freshet.core import cron, nodes
from freshet.core.automation import assess
from freshet.core.blame import Ancestor, clock, next_time, outlook
from freshet.core.case import Case
from freshet.core.freshness import Facts, Verdict, judge
from freshet.core.in_force import conflict, in_force
from freshet.core.lineage import inherits
from freshet.core.observed import Decision, Observed
from freshet.core.policy import Policy
from freshet.core.readable import policy_of
from freshet.core.rest import at_rest
from freshet.core.situation import Due, Situation, Waiting
from freshet.core.state import describe
from freshet.core.taken_in import remembering, take_in

__all__ = ["decide", "situation"]

OVERDUE_AFTER = timedelta(minutes=1)
"""A load that has not started so long after its time will hardly start by itself."""


def decide(observed: Observed) -> Decision:
    """The decision for one asset at one moment."""
    policy, trouble = policy_of(observed)
    status, recorded = take_in(observed, policy)
    status = nodes.describe(remembering(observed, status), observed.described)
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
    status = describe(
        Case(
            asset=asset, policy=policy, verdict=verdict, waiting=waiting, trouble=trouble, pipeline=observed.pipeline,
            ancestor=_at_fault(observed, asset, policy, verdict, idle=idle),
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


def _at_fault(observed: Observed, asset: Asset, policy: Policy, verdict: Verdict, *, idle: bool) -> Ancestor | None:
    """The ancestor to blame: for its data; or, where it would be built had only an ancestor something new, for that."""
    if _by_data(policy, verdict):
        return observed.blame(asset)
    if not idle or outlook(asset) is not None:
        return None
    if verdict.reason == conditions.INPUT_UNCHANGED:
        return observed.still(asset)
    return observed.blame(asset) if policy.by_update and _is_late(verdict) else None


def _by_data(policy: Policy, verdict: Verdict) -> bool:
    """Is it missing, or too old by what it was built from, so that an ancestor may be to blame?"""
    return verdict.word == "Missing" or (_is_late(verdict) and not policy.by_update)


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
    return msgspec.structs.replace(
        found, build_since=min(since or observed.now, observed.now)
    )  # a clock may be set back


def _overdue(observed: Observed, asset: Asset) -> Waiting | None:
    """A source whose load should have started: Kubernetes starts those, not we."""
    at = next_time(asset) if asset.kind == "Source" else None
    if at is None or observed.now < at + OVERDUE_AFTER:
        return None
    message = f"the load of {clock(at)} has not started: see kubectl describe cronjob {asset.name}"
    return Waiting(reason=conditions.OVERDUE, message=message)


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
    return msgspec.structs.replace(status, data_time=observed.told(asset))


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
