"""When Kubernetes starts the Jobs of a CronJob. Its controller (robfig/cron) walks along the hours as they pass: a time
of day that clocks skip does not come that day, and one that they show twice comes twice. What we say of loads must be
what it does, so this walks as it walks, with all that follows where midnight is skipped or clocks move by half an hour.

Freshness deadlines and ``automation: Cron`` are our own and kinder: freshet.core.cron.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from cronsim import CronSim

from freshet.core.cron import validate, zone

__all__ = ["next_start"]

YEARS = 5
"""What does not come in so many years does not come at all."""
HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)


def next_start(*, schedule: str, time_zone: str, after: datetime) -> datetime | None:
    """The first start strictly after that time, in UTC. Raises what cron.next_tick does."""
    walk = _Walk(fields=_fields(validate(schedule)), place=zone(time_zone), after=after)
    last_year = walk.local.year + YEARS
    while walk.local.year <= last_year:
        if walk.months() and walk.days() and walk.hours() and walk.minutes() and walk.seconds():
            return walk.at
    return None


@lru_cache(maxsize=1024)
def _fields(plain: str) -> CronSim:
    """A schedule's minutes, hours, days, months and weekdays as sets."""
    return CronSim(plain, datetime(2026, 1, 1))


class _Walk:
    """A moment on its way to the schedule's next. Each method moves it until its own field fits; False: a larger field
    has moved meanwhile, so begin with the months again. The first move sets what is smaller to its beginning.
    """

    def __init__(self, *, fields: CronSim, place: ZoneInfo, after: datetime) -> None:
        self._fields, self._place, self._moved = fields, place, False
        self.at = after.astimezone(UTC).replace(microsecond=0) + SECOND

    @property
    def local(self) -> datetime:
        """What clocks show."""
        return self.at.astimezone(self._place)

    def months(self) -> bool:
        while (here := self.local).month not in self._fields.months:
            self._set_back(here.replace(day=1, hour=0, minute=0, second=0))
            here = self.local
            first = here.replace(year=here.year + here.month // 12, month=here.month % 12 + 1, day=1)
            self._show(first + timedelta(days=here.day - 1))
            if self.local.month == 1:
                return False
        return True

    def days(self) -> bool:
        while not self._is_day(here := self.local):
            self._set_back(here.replace(hour=0, minute=0, second=0))
            self._show(self.local + timedelta(days=1))
            if hour := self.local.hour:  # there is no midnight today
                self.at += (24 - hour if hour > 12 else -hour) * HOUR
            if self.local.day == 1:
                return False
        return True

    def hours(self) -> bool:
        while (here := self.local).hour not in self._fields.hours:
            self._set_back(here.replace(minute=0, second=0))
            self.at += HOUR
            if self.local.hour == 0:
                return False
        return True

    def minutes(self) -> bool:
        while self.local.minute not in self._fields.minutes:
            self.at, self._moved = self.at.replace(second=0) + MINUTE, True
            if self.local.minute == 0:
                return False
        return True

    def seconds(self) -> bool:
        if self.at.second == 0:
            return True
        self.at, self._moved = self.at.replace(second=0) + MINUTE, True
        return False

    def _is_day(self, here: datetime) -> bool:
        day, weekday = here.day in self._fields.days, here.isoweekday() % 7 in self._fields.weekdays
        return day and weekday if self._fields.day_and else day or weekday

    def _set_back(self, to: datetime) -> None:
        if not self._moved:
            self._moved = True
            self._show(to)

    def _show(self, local: datetime) -> None:
        """Go to where clocks show that; where they never do or do twice, to the one that Go's time.Date takes."""
        plain = local.replace(tzinfo=UTC, fold=0)
        guess = plain - _offset(self._place, plain)
        self.at = plain - _offset(self._place, guess)


def _offset(place: ZoneInfo, at: datetime) -> timedelta:
    return at.astimezone(place).utcoffset() or timedelta(0)
