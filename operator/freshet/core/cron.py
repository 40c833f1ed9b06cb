"""Cron ticks, daylight saving included (cronsim follows Debian's cron there).

The dialect is the CronJob's (robfig/cron): five fields or ``@hourly`` and the like; what only other dialects
know (``L``, ``#``, ``H``, ``7`` for Sunday) is refused, so that an Asset and a CronJob never read one expression differently.
"""

import re
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

__all__ = ["InvalidSchedule", "InvalidTimeZone", "next_tick", "previous_tick", "validate"]

MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}


class InvalidSchedule(ValueError):
    """Not a cron expression that the CronJob API takes."""


class InvalidTimeZone(ValueError):
    """Not a name of the IANA time zone database."""


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """The time zone of that name; raises InvalidTimeZone with one sentence."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise InvalidTimeZone(
            f"time zone {name!r} is not known: write a name of the IANA database such as Etc/UTC or Europe/Berlin"
        ) from None


@lru_cache(maxsize=4096)
def validate(schedule: str) -> str:
    """The five fields of a schedule; raises InvalidSchedule with one sentence."""
    fields = MACROS.get(schedule, schedule)
    sunday = fields.split()[-1:] or [""]
    if re.search(r"[LWH#?]", fields) or re.search(r"(^|[,-])7", sunday[0]) or len(fields.split()) != 5:
        raise InvalidSchedule(_sentence(schedule))
    try:
        CronSim(fields, datetime(2026, 1, 1, tzinfo=UTC))
    except CronSimError:
        raise InvalidSchedule(_sentence(schedule)) from None
    return fields


def _sentence(schedule: str) -> str:
    return (
        f"schedule {schedule!r} is not a cron expression that Kubernetes takes: "
        'write five fields (minute hour day month weekday) such as "*/5 * * * *"'
    )


def next_tick(*, schedule: str, time_zone: str, after: datetime) -> datetime:
    """The first tick strictly after that time, in UTC."""
    return _tick(schedule=schedule, time_zone=time_zone, at=after, reverse=False)


def previous_tick(*, schedule: str, time_zone: str, before: datetime) -> datetime:
    """The last tick at or before that time, in UTC."""
    following = next_tick(schedule=schedule, time_zone=time_zone, after=before)
    return _tick(schedule=schedule, time_zone=time_zone, at=following, reverse=True)


def _tick(*, schedule: str, time_zone: str, at: datetime, reverse: bool) -> datetime:
    local = at.astimezone(zone(time_zone))
    tick: datetime = next(CronSim(validate(schedule), local, reverse=reverse))
    return tick.astimezone(UTC)
