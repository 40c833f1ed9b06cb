"""May a model join a run that others have made necessary? The gates of :mod:`.automation`, asked ahead of time.

A run of dbt is closed downstream: what only this run makes due is built in it, where its own policy lets it. A gate
that the run itself would open (an upstream that is built first, its failed test that runs again) does not block: the
model then joins only together with that upstream.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from freshet.api import conditions
from freshet.api.asset import Asset
from freshet.core import automation
from freshet.core.broken import took_along
from freshet.core.case import Trouble
from freshet.core.gates import failed_checks
from freshet.core.situation import Due, Need, Situation

__all__ = ["Joining", "joining"]

Joins = Literal["Any", "All", "Never"]
PRESETS: dict[str, Joins] = {"AnyUpstreamUpdated": "Any", "AllUpstreamsUpdated": "All"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Joining:
    """How it joins, what blocks it, by which upstreams' being built that would be cured, and its part of the run."""

    joins: Joins
    due: Due
    blocked: str | None = None
    cured_by: frozenset[str] = frozenset()
    settled: frozenset[str] = frozenset()


def joining(situation: Situation, *, trouble: Trouble | None, mates: Collection[str], rechecks: bool) -> Joining:
    """``mates``: the models of the same job. ``rechecks``: does the run's command run tests too?"""
    need = automation.need_of(situation)
    cures = frozenset(_cures(situation, mates=mates, rechecks=rechecks))
    return Joining(
        joins="Any" if need is not None else PRESETS.get(situation.policy.when, "Never"),
        due=automation.due_of(situation, need or Need(cause="its upstreams are built in this run")),
        blocked=_blocked(situation, trouble, cures=cures, mates=mates),
        cured_by=cures,
        settled=frozenset(automation.settled(situation)),
    )


def _cures(situation: Situation, *, mates: Collection[str], rechecks: bool) -> list[str]:
    """Upstreams that stand in the way now and would not once this run has built them."""
    return [
        name
        for name, upstream in situation.upstreams.items()
        if name in mates and (_is_missing(upstream) or (rechecks and _fails(upstream, situation)))
    ]


def _blocked(
    situation: Situation, trouble: Trouble | None, *, cures: frozenset[str], mates: Collection[str]
) -> str | None:
    if situation.policy.suspended:
        return conditions.SUSPENDED
    if trouble is not None:
        return trouble.reason
    held = automation.held(situation, cured=cures)
    if held is not None:
        return held.reason
    outside = [name for name in situation.upstreams if name not in mates and name not in situation.moved]
    if situation.policy.max_wait and any(situation.busy(name) for name in outside):
        return conditions.WAITING_UPSTREAM
    return None


def _is_missing(upstream: Asset) -> bool:
    return upstream.status.version is None


def _fails(upstream: Asset, situation: Situation) -> bool:
    """Its checks failed, or its newest run did and took this model along."""
    last = situation.status.last_run
    skipped = last is not None and last.outcome == "Skipped"
    return bool(failed_checks(upstream)) or (skipped and took_along(upstream))
