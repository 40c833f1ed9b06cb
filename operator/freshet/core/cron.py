"""Cron ticks, daylight saving included (cronsim follows Debian's cron there).

The dialect is the CronJob's (robfig/cron): five fields or ``@hourly`` and the like; what only other dialects
know (``L``, ``#``, ``H``, ``7`` for Sunday) is refused, and days that cronsim reads differently (``*/2``, ``1/2``) are
written out for it, so that an Asset and a CronJob never read one expression differently.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

__all__ = ["InvalidSchedule", "InvalidTimeZone", "next_tick", "previous_tick", "validate", "zone"]

MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
HOURS = timedelta(hours=2)
NAMES = frozenset("SUN MON TUE WED THU FRI SAT JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split())  # noqa: SIM905


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
    """The five fields of a schedule as cronsim is to read them; raises InvalidSchedule with one sentence."""
    fields = MACROS.get(schedule, schedule).upper().split()
    if len(fields) != 5 or _foreign(fields):
        raise InvalidSchedule(_sentence(schedule))
    minute, hour, day, month, weekday = fields
    plain = " ".join((minute, hour, _days(day, "1", "31"), month, _days(weekday, "0", "6")))
    try:
        next(CronSim(plain, datetime(2026, 1, 1, tzinfo=UTC)))
    except CronSimError:
        raise InvalidSchedule(_sentence(schedule)) from None
    except StopIteration:
        raise InvalidSchedule(f"schedule {schedule!r} never comes: no month has such a day") from None
    return plain


def _foreign(fields: list[str]) -> bool:
    """Does it hold what only other dialects know?"""
    words = re.findall(r"[A-Z]+", " ".join(fields))
    return not NAMES.issuperset(words) or bool(re.search(r"#|(^|[,-])0*7", fields[4]))


def _days(field: str, low: str, high: str) -> str:
    """A day field with ranges in full. A step over ``*`` counts as a restriction, as it does for a CronJob."""
    terms = field.split(",")
    if "*" in terms or "*/1" in terms:
        return "*"
    return ",".join(_range(term, low, high) for term in terms)


def _range(term: str, low: str, high: str) -> str:
    start, slash, step = term.partition("/")
    if not slash or "-" in start:
        return term
    if start == high:
        return start
    return f"{low if start == '*' else start}-{high}/{step}"


def _sentence(schedule: str) -> str:
    return (
        f"schedule {schedule!r} is not a cron expression that Kubernetes takes: "
        'write five fields (minute hour day month weekday) such as "*/5 * * * *"'
    )


def next_tick(*, schedule: str, time_zone: str, after: datetime) -> datetime:
    """The first tick strictly after that time, in UTC."""
    return next(tick for tick in _ticks(schedule=schedule, time_zone=time_zone, at=after) if tick > after)


def previous_tick(*, schedule: str, time_zone: str, before: datetime) -> datetime:
    """The last tick at or before that time, in UTC."""
    following = next_tick(schedule=schedule, time_zone=time_zone, after=before)
    ticks = _ticks(schedule=schedule, time_zone=time_zone, at=following + HOURS, reverse=True)
    return next(tick for tick in ticks if tick <= before)


def _ticks(*, schedule: str, time_zone: str, at: datetime, reverse: bool = False) -> Iterator[datetime]:
    """Ticks from there on. The first ones may lie on the other side of ``at`` while clocks are set back."""
    local = at.astimezone(zone(time_zone))
    for tick in CronSim(validate(schedule), local, reverse=reverse):
        yield tick.astimezone(UTC)
