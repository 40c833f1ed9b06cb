"""What is in force for an asset: its own spec, then its Pipeline's defaults, then the operator's.

The Pipeline's defaults are never copied into Assets, so that changing one line there changes them all.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypeVar

from freshet.api.asset import Asset, Automation, Checks, Freshness, PolicyInForce, Retries
from freshet.api.durations import exact_duration, parse_duration
from freshet.api.pipeline import Pipeline, SourceSpec
from freshet.core import cron, nodes

__all__ = [
    "DEFAULT_TIME_ZONE",
    "Deadline",
    "Policy",
    "conflict",
    "effective",
    "in_force",
    "schedule_of",
    "source_of",
    "time_zone_of",
    "without_acting",
]

T = TypeVar("T")

DEFAULT_SCHEDULE = "*/5 * * * *"
DEFAULT_TIME_ZONE = "Etc/UTC"
DEFAULT_TIMEOUT = timedelta(minutes=30)
DEFAULT_BACKOFF = timedelta(seconds=30)
DEFAULT_MAX_BACKOFF = timedelta(hours=1)
DEFAULT_MAX_WAIT = timedelta(minutes=10)
DEFAULT_LIMIT = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Deadline:
    """A cron deadline: by ``within`` after each tick the data must be newer than the tick."""

    schedule: str
    time_zone: str
    within: timedelta


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """All of an asset's settings, parsed and with every default filled in."""

    when: str
    schedule: str | None
    time_zone: str
    min_interval: timedelta
    max_wait: timedelta
    require_checks: bool
    maximum_lag: timedelta | None
    warn_lag: timedelta | None
    deadline: Deadline | None
    maximum_unchanged: timedelta | None
    objective: str | None
    by_update: bool
    limit: int
    backoff: timedelta
    max_backoff: timedelta
    timeout: timedelta
    suspended: bool
    checks: Checks | None
    on_code_change: bool = False


UNREADABLE = Policy(
    when="Manual", schedule=None, time_zone=DEFAULT_TIME_ZONE, min_interval=timedelta(0), max_wait=timedelta(0),
    require_checks=True, maximum_lag=None, warn_lag=None, deadline=None, maximum_unchanged=None, by_update=False,
    limit=0, backoff=DEFAULT_BACKOFF, max_backoff=DEFAULT_MAX_BACKOFF, timeout=DEFAULT_TIMEOUT,
    objective=None, suspended=False, checks=None,
)  # fmt: skip


def source_of(asset: Asset, pipeline: Pipeline | None) -> SourceSpec | None:
    """The Pipeline's source that materializes this asset."""
    sources = pipeline.spec.sources if pipeline else ()
    return next((source for source in sources if source.asset == asset.name), None)


def schedule_of(pipeline: Pipeline, source: SourceSpec) -> str:
    """The source's own schedule, or the Pipeline's, or every five minutes."""
    return source.schedule or pipeline.spec.schedule or DEFAULT_SCHEDULE


def time_zone_of(pipeline: Pipeline, source: SourceSpec) -> str:
    """The source's own time zone, or the Pipeline's, or UTC."""
    return source.time_zone or pipeline.spec.time_zone or DEFAULT_TIME_ZONE


def effective(*, asset: Asset, pipeline: Pipeline | None) -> Policy:
    """The policy in force.

    Raises cron.InvalidSchedule, cron.InvalidTimeZone or ValueError, each with one sentence for the condition.
    """
    automation = _automation(asset=asset, pipeline=pipeline)
    freshness = _freshness(asset=asset, pipeline=pipeline)
    retries = _retries(asset=asset, pipeline=pipeline)
    if automation.when == "Cron":
        cron.validate(automation.schedule or "")
    cron.zone(automation.time_zone or DEFAULT_TIME_ZONE)
    return Policy(
        when=automation.when or "AnyUpstreamUpdated",
        schedule=automation.schedule,
        time_zone=automation.time_zone or DEFAULT_TIME_ZONE,
        min_interval=_span(automation.min_interval) or timedelta(0),
        max_wait=_or(_span(automation.max_wait), DEFAULT_MAX_WAIT),
        require_checks=automation.require_checks is not False,
        **_limits(freshness),
        limit=_or(retries.limit, 0 if asset.kind == "Source" else DEFAULT_LIMIT),
        backoff=_or(_span(retries.backoff), DEFAULT_BACKOFF),
        max_backoff=_or(_span(retries.max_backoff), DEFAULT_MAX_BACKOFF),
        timeout=_or(_span(_timeout(asset=asset, pipeline=pipeline)), DEFAULT_TIMEOUT),
        suspended=_suspended(asset=asset, pipeline=pipeline),
        checks=asset.spec.checks,
        on_code_change=automation.on_code_change == "Run" or _passes_through(asset=asset, pipeline=pipeline),
    )


def without_acting(*, asset: Asset, pipeline: Pipeline | None) -> Policy:
    """In force while an asset's settings cannot all be read: nothing starts by itself, and its data is judged by the
    limits that were in force before, unless those can be read. None were: it has none.
    """
    policy = replace(UNREADABLE, suspended=_suspended(asset=asset, pipeline=pipeline), checks=asset.spec.checks)
    for freshness in (_freshness(asset=asset, pipeline=pipeline), _before(asset)):
        with suppress(ValueError):
            return replace(policy, **_limits(freshness))
    return policy


def _before(asset: Asset) -> Freshness:
    """The limits that were in force at the last visit."""
    known = asset.status.policy
    if known is None:
        return Freshness()
    names = ("maximum_lag", "warn_lag", "schedule", "time_zone", "within", "maximum_unchanged", "objective", "basis")
    return Freshness(**{name: getattr(known, name) for name in names})


def _limits(freshness: Freshness) -> dict[str, Any]:
    """The part of a policy that judges data. Raises as ``effective`` does."""
    return {
        "maximum_lag": _span(freshness.maximum_lag),
        "warn_lag": _span(freshness.warn_lag),
        "deadline": _deadline(freshness),
        "maximum_unchanged": _span(freshness.maximum_unchanged),
        "objective": freshness.objective,
        "by_update": (freshness.basis or "Data").lower() == "update",
    }


def _suspended(*, asset: Asset, pipeline: Pipeline | None) -> bool:
    return asset.spec.suspend or bool(pipeline and pipeline.spec.suspend)


def _passes_through(*, asset: Asset, pipeline: Pipeline | None) -> bool:
    """A view that new data does not build is built by new code."""
    dbt = pipeline.spec.dbt_cloud if pipeline else None
    return dbt is not None and dbt.views == "PassThrough" and nodes.is_view(asset.status)


def in_force(policy: Policy) -> PolicyInForce:
    """The same for ``status.policy``."""
    return PolicyInForce(
        when=policy.when,
        build_schedule=policy.schedule,
        build_time_zone=policy.time_zone if policy.schedule else None,
        limit=_limit(policy),
        maximum_lag=_text(policy.maximum_lag),
        warn_lag=_text(policy.warn_lag),
        schedule=policy.deadline.schedule if policy.deadline else None,
        time_zone=policy.deadline.time_zone if policy.deadline else None,
        within=_text(policy.deadline.within) if policy.deadline else None,
        maximum_unchanged=_text(policy.maximum_unchanged),
        objective=policy.objective,
        basis="Update" if policy.by_update else None,
        min_interval=_text(policy.min_interval) if policy.min_interval else None,
        timeout=_text(policy.timeout),
    )


def conflict(policy: Policy) -> str | None:
    """What makes the limit impossible to hold, in a sentence that helps."""
    limit, pause = policy.maximum_lag, policy.min_interval
    if limit is None or pause <= limit:
        return None
    return (
        f"automation.minInterval ({_text(pause)}) is longer than freshness.maximumLag ({_text(limit)}), "
        "so that the limit cannot be held: shorten the one or lengthen the other"
    )


def _limit(policy: Policy) -> str | None:
    """The limit as the column shows it."""
    if policy.deadline is not None:
        return f"{policy.deadline.schedule} + {_text(policy.deadline.within)}"
    if policy.maximum_lag is None and policy.maximum_unchanged is not None:
        return f"{_text(policy.maximum_unchanged)} unchanged"
    return _text(policy.maximum_lag)


def _automation(*, asset: Asset, pipeline: Pipeline | None) -> Automation:
    """Each setting from the nearest layer that has it; a preset's schedule and time zone come along with it.

    A source is loaded by its schedule, whatever the Pipeline says of what is built from it.
    """
    source = source_of(asset, pipeline) if asset.kind == "Source" else None
    if pipeline is not None and source is not None:
        return Automation(when="Cron", schedule=schedule_of(pipeline, source), time_zone=time_zone_of(pipeline, source))
    own = asset.spec.automation
    layers: list[Automation] = [own, *_defaults(asset=asset, pipeline=pipeline, field="automation")]
    preset = next((layer for layer in layers if layer.when is not None), own)
    return Automation(
        when=preset.when,
        schedule=preset.schedule,
        time_zone=preset.time_zone,
        min_interval=_first(layer.min_interval for layer in layers),
        max_wait=_first(layer.max_wait for layer in layers),
        require_checks=_first(layer.require_checks for layer in layers),
        on_code_change=_first(layer.on_code_change for layer in layers),
    )


def _freshness(*, asset: Asset, pipeline: Pipeline | None) -> Freshness:
    """What never grows old has no limits, whoever set them."""
    if asset.spec.data_time == "Static":
        return Freshness()
    if asset.spec.freshness is not None:
        return asset.spec.freshness
    return _first(_defaults(asset=asset, pipeline=pipeline, field="freshness")) or Freshness()


def _retries(*, asset: Asset, pipeline: Pipeline | None) -> Retries:
    layers: list[Retries] = [asset.spec.retries]
    if asset.kind != "Source":
        layers += _defaults(asset=asset, pipeline=pipeline, field="retries")
    return Retries(
        limit=_first(layer.limit for layer in layers),
        backoff=_first(layer.backoff for layer in layers),
        max_backoff=_first(layer.max_backoff for layer in layers),
    )


def _timeout(*, asset: Asset, pipeline: Pipeline | None) -> str | None:
    return asset.spec.timeout or _first(_defaults(asset=asset, pipeline=pipeline, field="timeout"))


def _defaults(*, asset: Asset, pipeline: Pipeline | None, field: str) -> list[Any]:
    """The Pipeline's settings of that name, nearest first: its dbt Cloud block's for models, then its own."""
    if pipeline is None:
        return []
    nearest = pipeline.spec.dbt_cloud if asset.kind == "DbtCloud" else None
    found = [getattr(block, field) for block in (nearest, pipeline.spec) if block is not None]
    return [value for value in found if value is not None]


def run_timeout(pipeline: Pipeline) -> timedelta:
    """How long a dbt Cloud run may take that is for no asset. Raises ValueError for what is no duration."""
    blocks = (pipeline.spec.dbt_cloud, pipeline.spec)
    return _or(_span(_first(block.timeout for block in blocks if block is not None)), DEFAULT_TIMEOUT)


def _deadline(freshness: Freshness) -> Deadline | None:
    if freshness.schedule is None:
        return None
    cron.validate(freshness.schedule)
    cron.zone(freshness.time_zone or DEFAULT_TIME_ZONE)
    return Deadline(
        schedule=freshness.schedule,
        time_zone=freshness.time_zone or DEFAULT_TIME_ZONE,
        within=_span(freshness.within) or timedelta(0),
    )


def _span(text: str | None) -> timedelta | None:
    return parse_duration(text) if text else None


def _text(span: timedelta | None) -> str | None:
    return exact_duration(span) if span is not None else None


def _first(values: Iterable[T | None]) -> T | None:
    return next((value for value in values if value is not None), None)


def _or(value: T | None, default: T) -> T:
    return default if value is None else value
