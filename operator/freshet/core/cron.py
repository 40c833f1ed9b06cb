"""Cron ticks, daylight saving included: as Debian's cron, a time of day that is skipped comes when the clocks have been
set, one that comes twice counts once, and what is periodic goes on. cronsim finds the local times; clocks are ours,
since it takes each change for one of an hour (Lord Howe's is half of one).

The dialect is the CronJob's (robfig/cron): five fields or ``@hourly`` and the like; what only other dialects
know (``L``, ``#``, ``H``, ``7`` for Sunday) is refused, and days that cronsim reads differently (``*/2``, ``1/2``) are
written out for it, so that an Asset and a CronJob never read one expression differently.
"""

import re
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
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
EARLIEST, LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
"""In some tables an empty date is of the year 1, and "never" of the year 9999: no zone has a local time then."""
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
        next(CronSim(plain, datetime(2026, 1, 1)))
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
    expression, place, after = validate(schedule), zone(time_zone), min(max(after, EARLIEST), LATEST)
    at, local = after.astimezone(UTC), _reached(expression, place, after)
    while True:
        tick: datetime = next(CronSim(expression, local))
        instant = (tick - _offset(place, at)).replace(tzinfo=UTC)
        change = _change(place, at, instant)
        if change is None:
            return instant
        old, new = _locals(place, change)
        if _is_fixed(expression) and old <= tick < new:
            return change  # that time of day does not exist today: it comes when the clocks have been set
        at, local = change, (max(old, new) if _is_fixed(expression) else new) - SECOND


def previous_tick(*, schedule: str, time_zone: str, before: datetime) -> datetime:
    """The last tick at or before that time, in UTC."""
    expression, place = validate(schedule), zone(time_zone)
    at = before.astimezone(UTC)
    local = at.astimezone(place).replace(tzinfo=None, microsecond=0) + SECOND
    tick: datetime = next(CronSim(expression, local, reverse=True))
    instant = (tick - _offset(place, at)).replace(tzinfo=UTC)
    if _change(place, instant - DAY, at) is None:
        return instant
    found = next_tick(schedule=schedule, time_zone=time_zone, after=instant - DAY)
    while (following := next_tick(schedule=schedule, time_zone=time_zone, after=found)) <= at:
        found = following
    return found


def _is_fixed(expression: str) -> bool:
    """Does it name times of day, rather than a period? Such a one comes once a day, whatever is done to the clocks."""
    minute, hour = expression.split()[:2]
    return not minute.startswith("*") and not hour.startswith("*")


def _reached(expression: str, place: ZoneInfo, at: datetime) -> datetime:
    """The local time after which ticks are still to come: while an hour comes twice, the end of it has been reached."""
    here = at.astimezone(place)
    if here.fold and _is_fixed(expression):
        change = _change(place, at - DAY, at)
        return _locals(place, change)[0] - SECOND if change else here.replace(tzinfo=None)
    return here.replace(tzinfo=None)


def _offset(place: ZoneInfo, at: datetime) -> timedelta:
    return at.astimezone(place).utcoffset() or timedelta(0)


def _locals(place: ZoneInfo, change: datetime) -> tuple[datetime, datetime]:
    """What clocks show as they are set, and what they are set to."""
    plain = change.replace(tzinfo=None)
    return plain + _offset(place, change - SECOND), plain + _offset(place, change)


def _change(place: ZoneInfo, after: datetime, until: datetime) -> datetime | None:
    """The first time in (after, until] from which clocks are set otherwise; looked for day by day, then halved."""
    low, offset = after, _offset(place, after)
    while low < until:
        high = min(low + DAY, until)
        if _offset(place, high) != offset:
            return _halved(place, low, high, offset)
        low = high
    return None


def _halved(place: ZoneInfo, low: datetime, high: datetime, offset: timedelta) -> datetime:
    while high - low > SECOND / 2:
        middle = low + (high - low) / 2
        low, high = (middle, high) if _offset(place, middle) == offset else (low, middle)
    return high.replace(microsecond=0) if high.microsecond < 500_000 else high.replace(microsecond=0) + SECOND
