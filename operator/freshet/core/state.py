"""The one word and the one line that say how an asset is."""

import msgspec

from freshet.api import conditions as c
from freshet.api.asset import AssetStatus, State
from freshet.core.blame import AGAIN, Ancestor, clock, held_up
from freshet.core.case import WORDS, Case
from freshet.core.drafts import drafts, settle
from freshet.core.situation import Waiting

__all__ = ["describe"]

LINE = 512
"""Characters of the reason. What comes next, with its time, stands at its end: of long ones what is before is cut."""


def describe(case: Case) -> AssetStatus:
    """Fill in state, reason and conditions."""
    status = case.status
    generation = case.asset.metadata.generation
    return msgspec.structs.replace(
        status,
        conditions=settle(old=status.conditions, drafts=drafts(case), generation=generation, now=case.now),
        kind=case.asset.kind,
        state=_state(case),
        reason=_one_line(_reason(case)),
        blame=_at_fault(case),
        observed_generation=generation,
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())[:LINE]


def _ending(text: str, end: str) -> str:
    """Both, whatever their lengths."""
    text, end = _one_line(text), _one_line(end)[: LINE // 2]
    room = LINE - len(f"; {end}")
    return f"{text if len(text) <= room else text[: room - 1] + '…'}; {end}"


def _state(case: Case) -> State:
    if case.policy.suspended:
        return "Suspended"
    if case.status.run is not None:
        return "Updating"
    if case.failing:
        return "Failed"
    if case.unjudged:
        return "Stale"
    words: dict[str, State] = {"Missing": "Missing", "Stale": "Stale", "Aging": "Aging"}
    return words.get(case.verdict.word, "Fresh")


def _reason(case: Case) -> str:
    """One line; what a person must act on comes first."""
    if case.trouble is not None:
        return f"{case.trouble.reason}: {case.trouble.message}"
    if case.policy.suspended:
        return f"{c.PRODUCER_SUSPENDED if case.late else c.SUSPENDED}: {case.suspended}"
    if case.status.run is not None:
        return _running(case)
    if case.failing:
        return _ending(f"{c.PRODUCER_FAILING}: {case.told}", _again(case))
    if case.ancestor is not None and _is_named(case, case.ancestor):
        return _and_waits(case, case.ancestor.line(case.others_fault))
    if case.waiting is not None:
        return _waits(case, case.waiting)
    last = case.status.last_run
    if case.late and last is not None and last.outcome == "Interrupted":
        return _and_then(case, f"{c.RUN_INTERRUPTED}: {last.message}")
    if case.late:
        return _and_then(case, f"{case.verdict.reason}: {case.verdict.message}")
    return case.verdict.reason


def _is_named(case: Case, ancestor: Ancestor) -> bool:
    """Is the ancestor said, whatever it waits for? For one that was never built the graph names whoever is at fault;
    else a wait that is for another, or for a time, cures nothing. What both wait for, such as dbt Cloud, is said once.
    """
    waiting = case.waiting
    if waiting is None or waiting.reason == c.NEVER_UPDATED:
        return True
    if case.verdict.word == "Missing" or waiting.on == ancestor.name:
        return False
    return waiting.until is not None or waiting.message not in ancestor.why


def _and_waits(case: Case, line: str) -> str:
    waiting = case.waiting
    return line if waiting is None or waiting.reason == c.NEVER_UPDATED else _ending(line, _waits(case, waiting))


def _at_fault(case: Case) -> str | None:
    """The ancestor that the reason names."""
    if case.trouble is not None or case.policy.suspended or case.status.run is not None or case.failing:
        return None
    if case.ancestor is not None and _is_named(case, case.ancestor):
        return case.ancestor.name
    return case.waiting.on if case.waiting is not None else None


def _and_then(case: Case, line: str) -> str:
    then = case.outlook or case.rest
    return _ending(line, then) if then else line


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


def _running(case: Case) -> str:
    run = case.status.run
    assert run is not None
    held = held_up(run)
    if held is not None:
        return held
    since = f" (since {clock(run.started_at)})" if case.late and run.started_at is not None else ""
    return f"{c.RUN_IN_FLIGHT}{since}: {run.cause or 'started elsewhere'}"
