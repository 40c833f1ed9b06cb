"""What each metric of an asset says: a number, or None where there is nothing to say."""

from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from freshet.api import conditions as c
from freshet.api.asset import Asset
from freshet.api.durations import parse_duration
from freshet.api.pipeline import Pipeline
from freshet.core import cron, seen
from freshet.core.cronjob import next_start
from freshet.core.freshness import bounds
from freshet.core.layers import schedule_of, source_of, time_zone_of
from freshet.core.seen import facts_of, limits_of
from freshet.metrics.text import unix

__all__ = [
    "basis_update",
    "dbt_cloud_run",
    "deadline",
    "failed_checks",
    "failing",
    "load_refused",
    "max_lag",
    "max_unchanged",
    "next_load",
    "objective",
    "ready",
    "rejected_rows",
    "rows",
    "run_started",
    "timeout",
    "warn_lag",
]

DEFAULT_OBJECTIVE = 0.99
REFUSED = ("BadRows:", "TooManyBadRows:", "DuplicateKeys:", "KeyMissing:", "BadCsv:", "BadEncoding:", "FileUnreadable:")
"""How the message of a load begins that refused its input's content (docs/loads.md)."""


def ready(asset: Asset) -> float | None:
    """Whether it is reconciled."""
    return _condition(asset, c.READY)


def failing(asset: Asset) -> float | None:
    """Whether its retries are used up."""
    return _condition(asset, c.FAILING)


def _condition(asset: Asset, type: str) -> float | None:
    found = c.find(asset.status.conditions, type=type)
    return None if found is None else float(found.status == "True")


def failed_checks(asset: Asset) -> float | None:
    """Checks of severity error that do not hold."""
    status = asset.status
    if status.version is None:
        return None
    return float(sum(check.broken for check in status.checks))


def max_lag(asset: Asset) -> float | None:
    policy = asset.status.policy
    return _seconds(policy.maximum_lag) if policy is not None else None


def warn_lag(asset: Asset) -> float | None:
    policy = asset.status.policy
    return _seconds(policy.warn_lag) if policy is not None else None


def basis_update(asset: Asset) -> float | None:
    """Only of those few that are judged by it."""
    policy = asset.status.policy
    return 1.0 if policy is not None and policy.basis == "Update" else None


def max_unchanged(asset: Asset) -> float | None:
    policy = asset.status.policy
    return _seconds(policy.maximum_unchanged) if policy is not None else None


def deadline(asset: Asset, data_time: datetime | None) -> float | None:
    """When the first of its limits is or was passed if nothing newer comes, whatever kind of limit that is."""
    policy = asset.status.policy
    if policy is None or asset.status.version is None:
        return None
    try:
        return unix(bounds(limits=limits_of(policy), facts=facts_of(asset, data_time)).first)
    except ValueError:
        return None


def objective(asset: Asset) -> float | None:
    """The share of time that it shall be fresh, from 0 to 1; what has no limit has none."""
    policy = asset.status.policy
    if policy is None or (seen.told(asset) is None and seen.limits_in_force(asset) is None):
        return None
    return _share(policy.objective) if policy.objective is not None else DEFAULT_OBJECTIVE


def timeout(asset: Asset) -> float | None:
    policy = asset.status.policy
    return _seconds(policy.timeout) if policy is not None else None


def rows(asset: Asset) -> float | None:
    found = asset.status.rows
    return None if found is None else float(found)


def rejected_rows(asset: Asset) -> float | None:
    """Of the input that the table was last built from."""
    level = asset.status.level
    return float(level.get("rowsRejected") or 0) if asset.kind == "Source" and level is not None else None


def load_refused(asset: Asset) -> float | None:
    """Whether the newest load loaded nothing since its input's content is not what the source declares."""
    last = asset.status.last_run
    if asset.kind != "Source" or last is None:
        return None
    return float(last.outcome == "Failed" and last.message.startswith(REFUSED))


def run_started(asset: Asset) -> float | None:
    run = asset.status.run
    return unix(run.started_at) if run is not None else None


def dbt_cloud_run(asset: Asset) -> float | None:
    """The id of the run in flight, else of the newest that ended: a number, and thus no label that changes."""
    if asset.kind != "DbtCloud":
        return None
    run = asset.status.run or asset.status.last_run
    return float(run.id) if run is not None and run.id.isdecimal() else None


def next_load(asset: Asset, pipeline: Pipeline | None) -> float | None:
    """The first tick of a source's schedule that its newest load does not cover; None while it is suspended."""
    source = source_of(asset, pipeline)
    since = asset.status.last_checked_at or asset.metadata.creation_timestamp
    if pipeline is None or source is None or since is None or asset.status.state == "Suspended":
        return None
    return _tick(schedule_of(pipeline, source), time_zone_of(pipeline, source), since)


@lru_cache(maxsize=20_000)
def _tick(schedule: str, time_zone: str, since: datetime) -> float | None:
    """Remembered: a load moves it every few minutes, while scrapes come every few seconds."""
    try:
        return unix(next_start(schedule=schedule, time_zone=time_zone, after=since))
    except (cron.InvalidSchedule, cron.InvalidTimeZone):
        return None


def _seconds(text: str | None) -> float | None:
    return _parsed(text) if text is not None else None


@lru_cache(maxsize=1024)
def _share(text: str) -> float | None:
    try:
        return float(Decimal(text.removesuffix("%")) / 100)
    except InvalidOperation:
        return None


@lru_cache(maxsize=1024)
def _parsed(text: str) -> float | None:
    try:
        return parse_duration(text).total_seconds()
    except ValueError:
        return None
