"""Moments as warehouses answer them."""

from contextlib import suppress
from datetime import UTC, date, datetime, time

from freshet.workloads.errors import ConfigError

__all__ = ["as_time", "no_times"]


def as_time(value: object, *, column: str) -> datetime | None:
    """A moment in UTC from what a warehouse answers; naive ones are taken as UTC. Raises ConfigError for
    anything else.
    """
    if value is None:
        return None
    if isinstance(value, datetime):
        return _in_utc(value)
    if isinstance(value, date):
        return datetime.combine(value, time.min, tzinfo=UTC)
    raise no_times(column)


def no_times(column: str) -> ConfigError:
    return ConfigError(
        "DataTimeColumnType", f"dataTimeColumn {column} holds no times: name a column of type DATE or TIMESTAMP."
    )


def _in_utc(moment: datetime) -> datetime:
    """At the ends of the calendar, as in a 9999-12-31 that means "never", its hours may lie beyond them in UTC."""
    with suppress(OverflowError):
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.replace(tzinfo=UTC)
