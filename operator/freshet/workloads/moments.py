"""Moments as warehouses answer them."""

from datetime import UTC, date, datetime, time

from freshet.workloads.errors import ConfigError

__all__ = ["as_time"]


def as_time(value: object, *, column: str) -> datetime | None:
    """A moment in UTC from what a warehouse answers; naive ones are taken as UTC. Raises ConfigError for
    anything else.
    """
    if value is None:
        return None
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime.combine(value, time.min, tzinfo=UTC)
    raise ConfigError(
        "DataTimeColumnType", f"dataTimeColumn {column} holds no times: name a column of type DATE or TIMESTAMP."
    )
