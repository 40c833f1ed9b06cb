"""Is an asset due? A chain of small policies, each a pure function of what is (DESIGN §4 rule 1).

Being due is a comparison of versions, never a memory of events: what the newest run considered against what the
upstreams have now. So days of downtime lose nothing and repeat nothing.
"""

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime

import msgspec

from freshet.api import conditions
from freshet.api.asset import Asset, AssetStatus
from freshet.api.names import ANNOTATION_REQUEST, ANNOTATION_REQUESTED_AT
from freshet.core import cron, nodes
from freshet.core.clocks import WRONG
from freshet.core.gates import hold, hold_within
from freshet.core.layers import source_of
from freshet.core.situation import Due, Need, Situation, Waiting, definition_of, some

__all__ = ["assess", "due_of", "held", "need_of", "settled"]


def assess(situation: Situation) -> Due | Waiting | None:
    """Due, waiting, or nothing to do. Suspended and in-flight assets are not asked."""
    need = need_of(situation)
    if situation.asset.kind == "External":
        return None
    if need is None:
        return _tolerating(situation)
    return hold(situation, need) or due_of(situation, need)


def need_of(situation: Situation) -> Need | None:
    """Why a run is needed, whatever holds it."""
    return _requested(situation) or _retry(situation) or _automated(situation)


def held(situation: Situation, *, cured: Collection[str]) -> Waiting | None:
    """What would hold a run in which the ``cured`` upstreams are built first."""
    spec = situation.asset.spec
    left = tuple(name for name in spec.upstreams if name not in cured)
    asset = msgspec.structs.replace(situation.asset, spec=msgspec.structs.replace(spec, upstreams=left))
    upstreams = {name: upstream for name, upstream in situation.upstreams.items() if name not in cured}
    need = need_of(situation) or Need(cause="")
    return hold_within(replace(situation, asset=asset, upstreams=upstreams), need)


def due_of(situation: Situation, need: Need) -> Due:
    """The run for this need, with the versions of now."""
    return Due(
        cause=need.cause,
        versions=situation.versions,
        attempt=situation.status.failures + 1,
        definition=definition_of(situation.asset, situation.pipeline),
        trigger=need.trigger or situation.status.last_handled_trigger,
        tick=need.tick or situation.status.last_tick,
        options=need.options,
    )


def _requested(situation: Situation) -> Need | None:
    annotations = situation.asset.metadata.annotations
    value = annotations.get(ANNOTATION_REQUESTED_AT)
    if value is None or value == situation.status.last_handled_trigger:
        return None
    return Need(cause="requested by annotation", asked=True, trigger=value, options=annotations.get(ANNOTATION_REQUEST))


def _retry(situation: Situation) -> Need | None:
    """A failed attempt has another one left, or a run was interrupted. A source comes back with its schedule."""
    status, last = situation.status, situation.status.last_run
    if last is None or situation.asset.kind == "Source":
        return None
    if last.outcome in ("Failed", "Skipped"):
        left = 0 < status.failures <= situation.policy.limit
        cause = f"attempt {status.failures + 1} after a failed run"
        return Need(cause=cause, options=last.options) if left else None
    if last.outcome == "Interrupted" and status.retry_at is not None:
        return Need(cause="again after an interrupted run", options=last.options)
    return None


def _automated(situation: Situation) -> Need | None:
    presets: dict[str, Callable[[Situation], Need | None]] = {
        "AnyUpstreamUpdated": _any_upstream,
        "AllUpstreamsUpdated": _all_upstreams,
        "Missing": _missing,
        "Cron": _cron,
    }
    if situation.asset.kind == "Source":
        return _first_load(situation)
    preset = presets.get(situation.policy.when)
    return (preset(situation) or _by_code(situation) or _asked_again(situation)) if preset else None


def _by_code(situation: Situation) -> Need | None:
    wanted = situation.policy.on_code_change and nodes.is_recoded(situation.status)
    return Need(cause="its code changed") if wanted else None


def _asked_again(situation: Situation) -> Need | None:
    """dbt reused the table under a lag tolerance: once that has passed it is asked once more."""
    at = nodes.ask_again_at(situation.status, situation.upstreams)
    return Need(cause="its lag tolerance has passed") if at is not None and situation.now >= at else None


def _tolerating(situation: Situation) -> Waiting | None:
    at = nodes.ask_again_at(situation.status, situation.upstreams)
    if at is None or situation.now >= at or situation.policy.when == "Manual":
        return None
    message = "dbt reused the table; it is asked again when its lag tolerance has passed"
    return Waiting(reason=conditions.WAITING_LAG_TOLERANCE, message=message, until=at)


def _first_load(situation: Situation) -> Need | None:
    """A source loads on its schedule; what is new, or read from elsewhere now, loads at once."""
    if source_of(situation.asset, situation.pipeline) is None:
        return None
    return _redefined(situation)


def _redefined(situation: Situation) -> Need | None:
    status = situation.status
    if status.definition == definition_of(situation.asset, situation.pipeline):
        return None
    if status.definition is None:
        return Need(cause="never built") if status.version is None else None
    return Need(cause="its definition changed")


def _any_upstream(situation: Situation) -> Need | None:
    moved = situation.moved
    if moved:
        return Need(cause=f"updated: {some(moved)}")
    return _redefined(situation)


def _all_upstreams(situation: Situation) -> Need | None:
    moved = situation.moved
    if moved and len(settled(situation)) == len(situation.asset.spec.upstreams):
        return Need(cause=f"all updated: {some(moved)}")
    return _redefined(situation)


def settled(situation: Situation) -> list[str]:
    """Upstreams that AllUpstreamsUpdated does not wait for: they moved, were checked since, or never change."""
    moved, last = situation.moved, situation.status.last_run
    since = last.started_at if last else None
    return [n for n, up in situation.upstreams.items() if n in moved or _is_static(up) or _checked_since(up, since)]


def _is_static(upstream: Asset) -> bool:
    """It never grows old, so nobody checks it: there is nothing to wait for."""
    return upstream.spec.data_time == "Static"


def _checked_since(upstream: Asset, since: datetime | None) -> bool:
    """A Job's start has whole seconds: a check within that second was there before it."""
    checked = upstream.status.last_checked_at
    return checked is not None and (since is None or checked.replace(microsecond=0) > since)


def _missing(situation: Situation) -> Need | None:
    return Need(cause="never built") if situation.status.version is None and not _tried(situation) else None


def _tried(situation: Situation) -> bool:
    """A failed attempt has its own retries; afterwards an upstream must move."""
    return situation.status.definition is not None and not situation.moved


def _cron(situation: Situation) -> Need | None:
    """Ticks before its creation are none of its own; one that has answered a tick goes on from there."""
    policy, created = situation.policy, situation.asset.metadata.creation_timestamp
    tick = cron.previous_tick(schedule=policy.schedule or "", time_zone=policy.time_zone, before=situation.now)
    told = (situation.status.last_tick, _last_look(situation.status))
    answered = [at for at in told if at is not None and at <= situation.now + WRONG]  # else a clock was ahead
    since = max(answered, default=created or situation.now)
    return Need(cause=f"schedule {policy.schedule}", tick=tick) if tick > since else None


def _last_look(status: AssetStatus) -> datetime | None:
    """When the newest run that looked began: whatever started it, it answers the ticks before."""
    return status.last_run.started_at if status.last_run and status.last_run.outcome != "Skipped" else None
