"""An asset's conditions."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from freshet.api import conditions as c
from freshet.api.asset import AssetStatus, RunInFlight
from freshet.api.conditions import Condition, Status, find
from freshet.core.blame import UNTIL, clock
from freshet.core.case import WORDS, Case
from freshet.core.waits import waits_for_others

__all__ = ["Draft", "drafts", "settle"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """A condition before it has a time."""

    type: str
    status: Status
    reason: str
    message: str = ""


def settle(
    *, old: tuple[Condition, ...], drafts: Iterable[Draft], generation: int, now: datetime
) -> tuple[Condition, ...]:
    """Conditions with their times: lastTransitionTime moves only when the status does."""
    settled = []
    for draft in drafts:
        before = find(old, type=draft.type)
        same = before is not None and before.status == draft.status
        settled.append(
            Condition(
                type=draft.type,
                status=draft.status,
                reason=draft.reason,
                message=draft.message[:1024],
                last_transition_time=before.last_transition_time if before is not None and same else now,
                observed_generation=generation,
            )
        )
    return tuple(settled)


def drafts(case: Case) -> list[Draft]:
    """All that the asset has."""
    found = [_ready(case), _fresh(case), _updating(case), _failing(case), _checks(case.status)]
    trouble = case.trouble
    if trouble is not None and trouble.stalled:
        found.append(Draft(type=c.STALLED, status="True", reason=trouble.reason, message=trouble.message))
    return found


def _ready(case: Case) -> Draft:
    if case.trouble is not None:
        return Draft(type=c.READY, status="False", reason=case.trouble.reason, message=case.trouble.message)
    if case.conflict is not None:
        return Draft(type=c.READY, status="True", reason=c.POLICY_CONFLICT, message=case.conflict)
    return Draft(type=c.READY, status="True", reason=c.RECONCILED)


def _fresh(case: Case) -> Draft:
    trouble, verdict = case.trouble, case.verdict
    if trouble is not None and (trouble.reason == c.UPSTREAM_NOT_FOUND or case.unjudged):
        return Draft(type=c.FRESH, status="Unknown", reason=trouble.reason, message=trouble.message)
    if verdict.word in ("Fresh", "Aging"):
        return Draft(type=c.FRESH, status="True", reason=verdict.reason, message=verdict.message)
    if case.ancestor is None or verdict.word == "Missing":
        return Draft(type=c.FRESH, status="False", reason=verdict.reason, message=verdict.message)
    reason = case.others_fault
    return Draft(type=c.FRESH, status="False", reason=reason, message=case.ancestor.line(reason))


def _updating(case: Case) -> Draft:
    status, waiting = case.status, case.waiting
    if status.run is not None:
        return _under_way(status.run)
    if case.policy.suspended:
        return Draft(type=c.UPDATING, status="False", reason=c.SUSPENDED, message=case.suspended)
    if waiting is not None:
        reason = WORDS.get(waiting.reason, waiting.reason)
        message = f"{UNTIL}{clock(waiting.until)}, {waiting.message}" if waiting.until else waiting.message
        return Draft(type=c.UPDATING, status="False", reason=reason, message=message)
    return Draft(type=c.UPDATING, status="False", reason=c.IDLE, message=case.rest or "")


def _under_way(run: RunInFlight) -> Draft:
    reason, message = c.RUN_IN_FLIGHT, run.cause
    if waits_for_others(run):
        reason, _, message = (run.message or "").partition(": ")
    elif run.executor == "DbtCloud" and run.message:
        reason, message = c.QUEUED, run.message
    return Draft(type=c.UPDATING, status="True", reason=reason, message=message)


def _failing(case: Case) -> Draft:
    if case.failing:
        return Draft(type=c.FAILING, status="True", reason=c.RETRIES_EXHAUSTED, message=case.told)
    reason = c.RETRY_SCHEDULED if case.status.failures else c.RUNS_SUCCEED
    return Draft(type=c.FAILING, status="False", reason=reason)


def _checks(status: AssetStatus) -> Draft:
    failed = [check for check in status.checks if check.broken]
    if failed:
        message = "; ".join(f"{check.name}: {check.message}" for check in failed[:3])
        return Draft(type=c.CHECKS_PASSED, status="False", reason=c.CHECKS_FAILED, message=message)
    return Draft(type=c.CHECKS_PASSED, status="True", reason=c.CHECKS_HOLD)
