"""The one word, the one line and the conditions that say how an asset is."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import msgspec

from freshet.api import conditions as c
from freshet.api.asset import AssetStatus, Kind, State
from freshet.api.conditions import Condition, Status, find
from freshet.core.automation import Waiting
from freshet.core.freshness import Verdict
from freshet.core.policy import Policy

__all__ = ["Draft", "Trouble", "describe", "settle"]

LINE = 512


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """A condition before it has a time."""

    type: str
    status: Status
    reason: str
    message: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trouble:
    """What only a change of the spec (or of what it names) repairs."""

    reason: str
    message: str


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


def describe(
    *,
    status: AssetStatus,
    policy: Policy,
    verdict: Verdict,
    waiting: Waiting | None,
    trouble: Trouble | None,
    blame: str | None,
    kind: Kind,
    generation: int,
    now: datetime,
) -> AssetStatus:
    """Fill in state, reason and conditions."""
    failing = status.failures > policy.limit
    drafts = [
        _ready(trouble),
        _fresh(verdict, trouble, blame),
        _updating(status, policy, waiting),
        _failing(status, failing=failing),
        _checks(status),
    ]
    if trouble is not None:
        drafts.append(Draft(type=c.STALLED, status="True", reason=trouble.reason, message=trouble.message))
    settled = settle(old=status.conditions, drafts=drafts, generation=generation, now=now)
    return msgspec.structs.replace(
        status,
        conditions=settled,
        kind=kind,
        state=_state(status, policy, verdict, failing=failing),
        reason=_one_line(_reason(status, policy, verdict, waiting, trouble, blame, failing=failing)),
        observed_generation=generation,
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())[:LINE]


def _state(status: AssetStatus, policy: Policy, verdict: Verdict, *, failing: bool) -> State:
    if policy.suspended:
        return "Suspended"
    if status.run is not None:
        return "Updating"
    if failing:
        return "Failed"
    words: dict[str, State] = {"Missing": "Missing", "Stale": "Stale", "Aging": "Aging"}
    return words.get(verdict.word, "Fresh")


def _reason(
    status: AssetStatus,
    policy: Policy,
    verdict: Verdict,
    waiting: Waiting | None,
    trouble: Trouble | None,
    blame: str | None,
    *,
    failing: bool,
) -> str:
    """One line; what a person must act on comes first."""
    if trouble is not None:
        return f"{trouble.reason}: {trouble.message}"
    if policy.suspended:
        return "Suspended: spec.suspend is true here or on the Pipeline"
    if status.run is not None:
        return _running(status)
    if failing and status.last_run:
        return f"{c.RETRIES_EXHAUSTED}: {status.last_run.message}"
    if waiting is not None:
        return f"{waiting.reason}: {waiting.message}"
    if verdict.word in ("Stale", "Aging", "Missing"):
        return blame or f"{verdict.reason}: {verdict.message}"
    return verdict.reason


def _running(status: AssetStatus) -> str:
    run = status.run
    assert run is not None
    if run.message:
        return f"{c.POD_NOT_STARTED if run.executor == 'Job' else c.QUEUED}: {run.message}"
    return f"{c.RUN_IN_FLIGHT}: {run.cause or 'started elsewhere'}"


def _ready(trouble: Trouble | None) -> Draft:
    if trouble is not None:
        return Draft(type=c.READY, status="False", reason=trouble.reason, message=trouble.message)
    return Draft(type=c.READY, status="True", reason=c.RECONCILED)


def _fresh(verdict: Verdict, trouble: Trouble | None, blame: str | None) -> Draft:
    if trouble is not None and trouble.reason == c.UPSTREAM_NOT_FOUND:
        return Draft(type=c.FRESH, status="Unknown", reason=trouble.reason, message=trouble.message)
    fresh: Status = "True" if verdict.word in ("Fresh", "Aging") else "False"
    named = verdict.reason if fresh == "True" or not blame else blame.split(" ")[0].rstrip(":")
    return Draft(type=c.FRESH, status=fresh, reason=named, message=blame or verdict.message)


def _updating(status: AssetStatus, policy: Policy, waiting: Waiting | None) -> Draft:
    if status.run is not None:
        queued = status.run.executor == "DbtCloud" and status.run.message
        reason, message = (c.QUEUED, status.run.message or "") if queued else (c.RUN_IN_FLIGHT, status.run.cause)
        return Draft(type=c.UPDATING, status="True", reason=reason, message=message)
    if policy.suspended:
        return Draft(type=c.UPDATING, status="False", reason=c.SUSPENDED)
    if waiting is not None:
        return Draft(type=c.UPDATING, status="False", reason=waiting.reason, message=waiting.message)
    return Draft(type=c.UPDATING, status="False", reason=c.IDLE)


def _failing(status: AssetStatus, *, failing: bool) -> Draft:
    if failing and status.last_run:
        return Draft(type=c.FAILING, status="True", reason=c.RETRIES_EXHAUSTED, message=status.last_run.message)
    return Draft(type=c.FAILING, status="False", reason=c.RUNS_SUCCEED if not status.failures else c.RETRY_SCHEDULED)


def _checks(status: AssetStatus) -> Draft:
    failed = [check for check in status.checks if not check.passed and check.severity == "error"]
    if failed:
        message = "; ".join(f"{check.name}: {check.message}" for check in failed[:3])
        return Draft(type=c.CHECKS_PASSED, status="False", reason=c.CHECKS_FAILED, message=message)
    return Draft(type=c.CHECKS_PASSED, status="True", reason=c.CHECKS_HOLD)
