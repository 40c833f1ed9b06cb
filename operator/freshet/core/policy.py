"""What is in force for an asset: its own spec, then its Pipeline's defaults, then the operator's."""

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypeVar

from freshet.api.asset import Asset, Checks, Freshness
from freshet.api.durations import parse_duration
from freshet.api.pipeline import Pipeline
from freshet.core import cron, layers, nodes
from freshet.core.layers import DEFAULT_TIME_ZONE, first

__all__ = ["DEFAULT_TIMEOUT", "UNREADABLE", "Deadline", "Policy", "effective", "run_timeout", "without_acting"]

T = TypeVar("T")

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


def effective(*, asset: Asset, pipeline: Pipeline | None) -> Policy:
    """The policy in force.

    Raises cron.InvalidSchedule, cron.InvalidTimeZone or ValueError, each with one sentence for the condition.
    """
    automation = layers.automation(asset=asset, pipeline=pipeline)
    freshness = layers.freshness(asset=asset, pipeline=pipeline)
    retries = layers.retries(asset=asset, pipeline=pipeline)
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
        timeout=_or(_span(layers.timeout(asset=asset, pipeline=pipeline)), DEFAULT_TIMEOUT),
        suspended=_suspended(asset=asset, pipeline=pipeline),
        checks=asset.spec.checks,
        on_code_change=automation.on_code_change == "Run" or _passes_through(asset=asset, pipeline=pipeline),
    )


def without_acting(*, asset: Asset, pipeline: Pipeline | None) -> Policy:
    """In force while an asset's settings cannot all be read: nothing starts by itself, and its data is judged by the
    limits that were in force before, unless those can be read. None were: it has none.
    """
    policy = replace(UNREADABLE, suspended=_suspended(asset=asset, pipeline=pipeline), checks=asset.spec.checks)
    for freshness in (layers.freshness(asset=asset, pipeline=pipeline), _before(asset)):
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


def run_timeout(pipeline: Pipeline) -> timedelta:
    """How long a dbt Cloud run may take that is for no asset. Raises ValueError for what is no duration."""
    blocks = (pipeline.spec.dbt_cloud, pipeline.spec)
    return _or(_span(first(block.timeout for block in blocks if block is not None)), DEFAULT_TIMEOUT)


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


def _or(value: T | None, default: T) -> T:
    return default if value is None else value
