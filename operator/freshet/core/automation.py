"""Is an asset due? A chain of small policies, each a pure function of what is (DESIGN §4 rule 1).

Being due is a comparison of versions, never a memory of events: what the newest run considered against what the
upstreams have now. So days of downtime lose nothing and repeat nothing.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import msgspec

from freshet.api import conditions
from freshet.api.asset import Asset, AssetStatus, LastRun
from freshet.api.durations import format_duration
from freshet.api.names import ANNOTATION_REQUEST, ANNOTATION_REQUESTED_AT
from freshet.api.pipeline import Pipeline
from freshet.api.view import to_json
from freshet.core import cron, nodes
from freshet.core.blame import clock, next_time
from freshet.core.naming import digest
from freshet.core.policy import Policy, source_of

__all__ = [
    "Due",
    "Need",
    "Situation",
    "Waiting",
    "assess",
    "definition_of",
    "due_of",
    "failed_checks",
    "held",
    "need_of",
    "settled",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Due:
    """Start a run now. ``versions`` are those at launch: an upstream that moves meanwhile makes the asset due again."""

    cause: str
    versions: dict[str, str]
    attempt: int
    definition: str
    trigger: str | None = None
    tick: datetime | None = None
    options: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """Due, but not yet: why, and when that will be looked at again (None: when something else changes).

    ``on`` is the upstream that is waited for.
    """

    reason: str
    message: str
    until: datetime | None = None
    on: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Situation:
    """What a decision looks at. ``upstreams`` holds those that exist; ``busy`` says whether one is being built."""

    asset: Asset
    pipeline: Pipeline | None
    policy: Policy
    upstreams: Mapping[str, Asset]
    now: datetime
    busy: Callable[[str], bool] = lambda name: False

    @property
    def status(self) -> AssetStatus:
        return self.asset.status

    @property
    def versions(self) -> dict[str, str]:
        """What each upstream has now."""
        return {name: up.status.version for name, up in self.upstreams.items() if up.status.version is not None}

    @property
    def moved(self) -> dict[str, str]:
        """Upstreams whose version differs from the one that the newest run considered."""
        considered = self.status.considered
        return {name: version for name, version in self.versions.items() if considered.get(name) != version}


@dataclass(frozen=True, kw_only=True, slots=True)
class Need:
    """Why a run is needed at all, and whether a person asked (who is not made to wait)."""

    cause: str
    asked: bool = False
    trigger: str | None = None
    tick: datetime | None = None
    options: str | None = None


def definition_of(asset: Asset, pipeline: Pipeline | None) -> str:
    """Hash of what is materialized and from which upstreams: a change of it makes the asset due."""
    if asset.kind != "Source":
        return digest(to_json(asset.spec.materialize), sorted(asset.spec.upstreams))
    source = source_of(asset, pipeline)
    warehouse = to_json(pipeline.spec.warehouse) if pipeline else None
    return digest(source and [source.csv, source.table, source.write], warehouse)


def assess(situation: Situation) -> Due | Waiting | None:
    """Due, waiting, or nothing to do. Suspended and in-flight assets are not asked."""
    need = need_of(situation)
    if situation.asset.kind == "External":
        return None
    if need is None:
        return _tolerating(situation)
    return _hold(situation, need) or due_of(situation, need)


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
    gates = [_never_built] if need.asked else [gate for gate in GATES if gate is not _being_built]
    reduced = replace(situation, asset=asset, upstreams=upstreams)
    return next((waiting for gate in gates if (waiting := gate(reduced, need))), None)


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
    message = f"dbt reused the table; it is asked again at {at:%H:%M:%SZ}, when its lag tolerance has passed"
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
        return Need(cause=f"updated: {_some(moved)}")
    return _redefined(situation)


def _all_upstreams(situation: Situation) -> Need | None:
    moved = situation.moved
    if moved and len(settled(situation)) == len(situation.asset.spec.upstreams):
        return Need(cause=f"all updated: {_some(moved)}")
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
    answered = [at for at in (situation.status.last_tick, _last_look(situation.status)) if at is not None]
    since = max(answered, default=created or situation.now)
    return Need(cause=f"schedule {policy.schedule}", tick=tick) if tick > since else None


def _last_look(status: AssetStatus) -> datetime | None:
    """When the newest run that looked began: whatever started it, it answers the ticks before."""
    return status.last_run.started_at if status.last_run and status.last_run.outcome != "Skipped" else None


def _hold(situation: Situation, need: Need) -> Waiting | None:
    """What stands in the way, the longest-lasting first. A person's request passes all but missing input; one that was
    skipped because something above failed waits for that.
    """
    last = situation.status.last_run
    asked = [_never_built, _skipped, _backoff] if last and last.outcome == "Skipped" else [_never_built]
    gates = asked if need.asked else GATES
    return next((held for gate in gates if (held := gate(situation, need))), None)


def _never_built(situation: Situation, need: Need) -> Waiting | None:
    if nodes.is_undescribed(situation.asset, situation.pipeline):
        return Waiting(reason=conditions.DISCOVERING, message="discovery has yet to say what of it is there already")
    missing = [n for n in situation.asset.spec.upstreams if n not in situation.versions]
    if not missing:
        return None
    message = f"waits for {_some(missing)}, which was never built"
    return Waiting(reason=conditions.NEVER_UPDATED, message=message, on=missing[0])


def _checks_failed(situation: Situation, need: Need) -> Waiting | None:
    if not situation.policy.require_checks:
        return None
    for name, upstream in situation.upstreams.items():
        if failed := failed_checks(upstream):
            message = ", ".join(filter(None, (f"waits for {name}, whose check {failed[0]} failed", _comes(upstream))))
            return Waiting(reason=conditions.UPSTREAM_CHECKS_FAILED, message=message, on=name)
    return None


def _comes(upstream: Asset) -> str | None:
    """When it is built anew by itself, if a schedule says so."""
    at = next_time(upstream)
    return f"next {'load' if upstream.kind == 'Source' else 'build'} {clock(at)}" if at is not None else None


def failed_checks(asset: Asset) -> list[str]:
    """Names of the checks that hold back what is downstream."""
    return [check.name for check in asset.status.checks if not check.passed and check.severity == "error"]


def _skipped(situation: Situation, need: Need) -> Waiting | None:
    """A skipped run waits for what failed above it."""
    last = situation.status.last_run
    if last is None or last.outcome != "Skipped":
        return None
    for name, upstream in situation.upstreams.items():
        above = upstream.status.last_run
        if upstream.kind == "DbtCloud" and above is not None and above.outcome in ("Failed", "Skipped"):
            message = f"waits for {name}, which failed or was skipped"
            return Waiting(reason=conditions.WAITING_UPSTREAM, message=message, on=name)
    return None


def _backoff(situation: Situation, need: Need) -> Waiting | None:
    """Retries back off; once they are exhausted, each move of an upstream earns one attempt per maxBackoff."""
    status, until = situation.status, situation.status.retry_at
    last = status.last_run
    if until is None and status.failures > situation.policy.limit and last:
        began = last.started_at or last.finished_at
        until = began + situation.policy.max_backoff if began else None
    if until is None or situation.now >= until:
        return None
    message = f"after a run that {_came_to(last)}" if last else "after a failed run"
    return Waiting(reason=conditions.RETRY_SCHEDULED, message=message, until=until)


def _came_to(last: LastRun) -> str:
    word = {"Interrupted": "was interrupted", "Skipped": "was skipped"}.get(last.outcome, "failed")
    return f"{word}: {last.message}" if last.message else word


def _min_interval(situation: Situation, need: Need) -> Waiting | None:
    started = _last_build(situation.status)
    if not situation.policy.min_interval or started is None:
        return None
    until = started + situation.policy.min_interval
    if situation.now >= until:
        return None
    message = f"{format_duration(situation.policy.min_interval)} after the newest build began"
    return Waiting(reason=conditions.WAITING_MIN_INTERVAL, message=message, until=until)


def _last_build(status: AssetStatus) -> datetime | None:
    built = next((item for item in status.history if item.version), None)
    if built is not None:
        return built.started_at or built.finished_at
    span = timedelta(seconds=status.duration_seconds or 0)
    return status.last_updated_at - span if status.last_updated_at else None


def _being_built(situation: Situation, need: Need) -> Waiting | None:
    """A diamond's second side is waited for, at most maxWait from the first side's update."""
    if not situation.policy.max_wait or len(situation.asset.spec.upstreams) < 2:
        return None
    building = [name for name in situation.upstreams if name not in situation.moved and situation.busy(name)]
    updated = [at for n in situation.moved if (at := situation.upstreams[n].status.last_updated_at)]
    if not building or not updated:
        return None
    until = min(updated) + situation.policy.max_wait
    if situation.now >= until:
        return None
    message = f"waits for {_some(building)}, which is being built"
    return Waiting(reason=conditions.WAITING_UPSTREAM, message=message, until=until, on=min(building))


GATES = [_never_built, _checks_failed, _skipped, _backoff, _min_interval, _being_built]


def _some(names: Mapping[str, str] | list[str]) -> str:
    shown = sorted(names)
    return ", ".join(shown[:3]) + (f" and {len(shown) - 3} more" if len(shown) > 3 else "")
