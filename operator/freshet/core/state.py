"""The one word, the one line and the conditions that say how an asset is."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import msgspec

from freshet.api import conditions as c
from freshet.api.asset import Asset, AssetStatus, RunInFlight, State
from freshet.api.conditions import Condition, Status, find
from freshet.api.pipeline import Pipeline
from freshet.core.blame import AGAIN, UNTIL, Ancestor, clock, held_up
from freshet.core.freshness import Verdict
from freshet.core.policy import Policy
from freshet.core.situation import Waiting
from freshet.core.waits import waits_for_others

__all__ = ["Case", "Draft", "Trouble", "describe", "settle"]

LINE = 512
NAMED = (c.PIPELINE_NOT_FOUND, c.UPSTREAM_NOT_FOUND, c.RELATION_UNKNOWN)
UNREADABLE = (c.INVALID_SCHEDULE, c.INVALID_TIME_ZONE, c.INVALID_SPEC)
"""Of settings among which the limits may be."""
WORDS = {c.UNREACHABLE: c.DBT_CLOUD_UNREACHABLE}
"""Reasons of DbtCloudReady that need their context where an Asset shows them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """A condition before it has a time."""

    type: str
    status: Status
    reason: str
    message: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trouble:
    """What keeps the spec from being acted upon; ``passing``: it may go without a change of that, as a quota may."""

    reason: str
    message: str
    passing: bool = False

    @property
    def stalled(self) -> bool:
        """Does only a change of this spec help? What it names may yet come."""
        return not self.passing and self.reason not in NAMED


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """All that is to be said about an asset. ``ancestor`` is at fault for its age, or for its not being there;
    ``outlook`` what will happen by itself, ``rest`` why nothing will; ``conflict`` why its limit cannot be held.
    """

    asset: Asset
    policy: Policy
    verdict: Verdict
    now: datetime
    pipeline: Pipeline | None = None
    waiting: Waiting | None = None
    trouble: Trouble | None = None
    ancestor: Ancestor | None = None
    outlook: str | None = None
    rest: str | None = None
    conflict: str | None = None

    @property
    def status(self) -> AssetStatus:
        return self.asset.status

    @property
    def failing(self) -> bool:
        return self.status.failures > self.policy.limit and self.status.last_run is not None

    @property
    def late(self) -> bool:
        return self.verdict.word != "Fresh"


def describe(case: Case) -> AssetStatus:
    """Fill in state, reason and conditions."""
    status, trouble = case.status, case.trouble
    drafts = [_ready(case), _fresh(case), _updating(case), _failing(case), _checks(status)]
    if trouble is not None and trouble.stalled:
        drafts.append(Draft(type=c.STALLED, status="True", reason=trouble.reason, message=trouble.message))
    generation = case.asset.metadata.generation
    return msgspec.structs.replace(
        status,
        conditions=settle(old=status.conditions, drafts=drafts, generation=generation, now=case.now),
        kind=case.asset.kind,
        state=_state(case),
        reason=_one_line(_reason(case)),
        blame=_at_fault(case),
        observed_generation=generation,
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())[:LINE]


def _state(case: Case) -> State:
    if case.policy.suspended:
        return "Suspended"
    if case.status.run is not None:
        return "Updating"
    if case.failing:
        return "Failed"
    if _is_unjudged(case):
        return "Stale"
    words: dict[str, State] = {"Missing": "Missing", "Stale": "Stale", "Aging": "Aging"}
    return words.get(case.verdict.word, "Fresh")


def _is_unjudged(case: Case) -> bool:
    """A limit may be set, and none could ever be read: it must not pass for fresh."""
    trouble = case.trouble
    return trouble is not None and trouble.reason in UNREADABLE and case.verdict.reason == c.NO_POLICY


def _reason(case: Case) -> str:
    """One line; what a person must act on comes first."""
    if case.trouble is not None:
        return f"{case.trouble.reason}: {case.trouble.message}"
    if case.policy.suspended:
        return f"{c.PRODUCER_SUSPENDED if case.late else c.SUSPENDED}: {_suspended(case)}"
    if case.status.run is not None:
        return _running(case)
    if case.failing:
        return f"{c.PRODUCER_FAILING}: {_told(case.status)}; {_again(case)}"
    if case.waiting is not None and not _is_ancestors(case):
        return _waits(case, case.waiting)
    if case.ancestor is not None:
        return case.ancestor.line(_others_fault(case))
    last = case.status.last_run
    if case.late and last is not None and last.outcome == "Interrupted":
        return _and_then(case, f"{c.RUN_INTERRUPTED}: {last.message}")
    if case.late:
        return _and_then(case, f"{case.verdict.reason}: {case.verdict.message}")
    return case.verdict.reason


def _others_fault(case: Case) -> str:
    """What an ancestor has done to it; where only its builds are judged, that was to bring nothing new."""
    if case.verdict.word == "Missing":
        return c.NEVER_UPDATED
    if case.policy.by_update:
        return c.INPUT_UNCHANGED
    return c.UPSTREAM_AGING if case.verdict.word == "Aging" else c.UPSTREAM_STALE


def _is_ancestors(case: Case) -> bool:
    """Does it wait only because an upstream was never built, for whose sake the graph names the one at fault?"""
    return case.ancestor is not None and case.waiting is not None and case.waiting.reason == c.NEVER_UPDATED


def _at_fault(case: Case) -> str | None:
    """The ancestor that the reason names."""
    if case.trouble is not None or case.policy.suspended or case.status.run is not None or case.failing:
        return None
    if case.waiting is not None and not _is_ancestors(case):
        return case.waiting.on
    return case.ancestor.name if case.ancestor is not None else None


def _and_then(case: Case, line: str) -> str:
    then = case.outlook or case.rest
    return f"{line}; {then}" if then else line


def _again(case: Case) -> str:
    """When one whose retries are used up is tried again."""
    waiting = case.waiting
    if waiting is not None:
        return f"next try {clock(waiting.until)}" if waiting.until else _waits(case, waiting)
    return case.outlook or AGAIN


def _waits(case: Case, waiting: Waiting) -> str:
    reason, message = WORDS.get(waiting.reason, waiting.reason), waiting.message
    if case.conflict and case.late and waiting.reason == c.WAITING_MIN_INTERVAL:
        reason, message = c.POLICY_CONFLICT, case.conflict
    return f"{reason} (until {clock(waiting.until)}): {message}" if waiting.until else f"{reason}: {message}"


def _suspended(case: Case) -> str:
    if case.asset.spec.suspend or case.pipeline is None:
        return "suspended (spec.suspend)"
    return f"Pipeline {case.pipeline.name} suspended"


def _told(status: AssetStatus) -> str:
    return status.last_run.message if status.last_run is not None else ""


def _running(case: Case) -> str:
    run = case.status.run
    assert run is not None
    held = held_up(run)
    if held is not None:
        return held
    since = f" (since {clock(run.started_at)})" if case.late and run.started_at is not None else ""
    return f"{c.RUN_IN_FLIGHT}{since}: {run.cause or 'started elsewhere'}"


def _ready(case: Case) -> Draft:
    if case.trouble is not None:
        return Draft(type=c.READY, status="False", reason=case.trouble.reason, message=case.trouble.message)
    if case.conflict is not None:
        return Draft(type=c.READY, status="True", reason=c.POLICY_CONFLICT, message=case.conflict)
    return Draft(type=c.READY, status="True", reason=c.RECONCILED)


def _fresh(case: Case) -> Draft:
    trouble, verdict = case.trouble, case.verdict
    if trouble is not None and (trouble.reason == c.UPSTREAM_NOT_FOUND or _is_unjudged(case)):
        return Draft(type=c.FRESH, status="Unknown", reason=trouble.reason, message=trouble.message)
    if verdict.word in ("Fresh", "Aging"):
        return Draft(type=c.FRESH, status="True", reason=verdict.reason, message=verdict.message)
    if case.ancestor is None or verdict.word == "Missing":
        return Draft(type=c.FRESH, status="False", reason=verdict.reason, message=verdict.message)
    reason = _others_fault(case)
    return Draft(type=c.FRESH, status="False", reason=reason, message=case.ancestor.line(reason))


def _updating(case: Case) -> Draft:
    status, waiting = case.status, case.waiting
    if status.run is not None:
        return _under_way(status.run)
    if case.policy.suspended:
        return Draft(type=c.UPDATING, status="False", reason=c.SUSPENDED, message=_suspended(case))
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
        return Draft(type=c.FAILING, status="True", reason=c.RETRIES_EXHAUSTED, message=_told(case.status))
    reason = c.RETRY_SCHEDULED if case.status.failures else c.RUNS_SUCCEED
    return Draft(type=c.FAILING, status="False", reason=reason)


def _checks(status: AssetStatus) -> Draft:
    failed = [check for check in status.checks if check.broken]
    if failed:
        message = "; ".join(f"{check.name}: {check.message}" for check in failed[:3])
        return Draft(type=c.CHECKS_PASSED, status="False", reason=c.CHECKS_FAILED, message=message)
    return Draft(type=c.CHECKS_PASSED, status="True", reason=c.CHECKS_HOLD)
