"""Cron as the CronJob reads it, and ticks over changes of the clock."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.core.making import NOW

from freshet.core import cron


@pytest.mark.parametrize(
    "schedule",
    ["*/5 * * * *", "0 6 * * MON", "0 6 * * wed-fri", "0 0 1 JUL *", "@daily", "@hourly", "0 0 29 2 *", "0 0 * * */7",
     "5-50/15 8-18 1,15 * *"],
)  # fmt: skip
def test_taken(schedule: str) -> None:
    assert cron.next_tick(schedule=schedule, time_zone="Etc/UTC", after=NOW) > NOW


@pytest.mark.parametrize(
    "schedule",
    ["", "* * * *", "* * * * * *", "60 * * * *", "0 0 * * 7", "0 0 * * 5-07", "0 0 * * 0,7", "0 0 L * *", "0 0 15W * *",
     "0 0 * * 1#2", "0 0 * * 5L", "H * * * *", "0 0 ? * *", "@every 5m", "@reboot", "TZ=UTC 0 0 * * *", "0 0 30 2 *",
     "0 0 31 4,6 *", "*/0 * * * *", "5-1 * * * *", "a b c d e"],
)  # fmt: skip
def test_refused_with_a_sentence(schedule: str) -> None:
    with pytest.raises(cron.InvalidSchedule, match="schedule"):
        cron.validate(schedule)


@pytest.mark.parametrize("name", ["", "Mars/Phobos", "../etc/passwd", "Etc/UTC\0", "/etc/localtime"])
def test_unknown_time_zones_are_refused(name: str) -> None:
    with pytest.raises(cron.InvalidTimeZone, match="IANA"):
        cron.zone(name)


@pytest.mark.parametrize(
    ("schedule", "days"),
    [
        ("0 0 * * 1/2", {1, 3, 5}),  # a step from a day ends on Saturday
        ("0 0 * * 6/1", {6}),
        ("0 0 * * */3", {0, 3, 6}),
        ("0 0 * * FRI", {5}),
        ("0 0 * * 1,*", {0, 1, 2, 3, 4, 5, 6}),
    ],
)
def test_weekdays(schedule: str, days: set[int]) -> None:
    found, at = set(), NOW
    for _ in range(30):
        at = cron.next_tick(schedule=schedule, time_zone="Etc/UTC", after=at)
        found.add(at.isoweekday() % 7)
    assert found == days


def test_a_stepped_day_or_a_weekday() -> None:
    """Both day fields are restrictions, so either may match; in Debian's cron a leading star made it both."""
    at, seen = datetime(2026, 11, 1, tzinfo=UTC) - timedelta(seconds=1), []
    for _ in range(6):
        at = cron.next_tick(schedule="0 0 */10 * 2", time_zone="Etc/UTC", after=at)
        seen.append(at.day)
    assert seen == [1, 3, 10, 11, 17, 21]


@pytest.mark.parametrize(
    ("schedule", "after", "expected"),
    [
        ("30 2 * * *", "2026-03-28 12:00", "2026-03-29 01:00"),  # 02:30 does not exist: at 03:00 summer time
        ("30 2 * * *", "2026-10-24 12:00", "2026-10-25 00:30"),  # 02:30 comes twice: the first counts
        ("30 2 * * *", "2026-10-25 00:45", "2026-10-26 01:30"),
        ("30 2 * * *", "2026-10-25 01:10", "2026-10-26 01:30"),  # within the second 02:10
        ("*/30 * * * *", "2026-10-25 00:30", "2026-10-25 01:00"),  # what is periodic goes on
    ],
)
def test_when_clocks_change(schedule: str, after: str, expected: str) -> None:
    at = datetime.fromisoformat(after).replace(tzinfo=UTC)
    tick = cron.next_tick(schedule=schedule, time_zone="Europe/Berlin", after=at)
    assert tick == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "after", "expected"),
    [
        ("0 */2 * * *", "2026-04-04 13:30", "2026-04-04 15:30"),  # 02:00 becomes 01:30: the next even hour is 02:00
        ("*/15 * * * *", "2026-04-04 14:59", "2026-04-04 15:00"),  # the second 01:30
        ("45 1 * * *", "2026-04-04 12:00", "2026-04-04 14:45"),  # 01:45 comes twice: the first counts
        ("45 1 * * *", "2026-04-04 15:05", "2026-04-05 15:15"),
        ("0 */2 * * *", "2026-10-03 14:30", "2026-10-03 17:00"),  # 02:00 becomes 02:30: on to 04:00
        ("15 2 * * *", "2026-10-03 12:00", "2026-10-03 15:30"),  # 02:15 does not exist: when the clocks are set
        ("15 2 * * *", "2026-10-03 15:30", "2026-10-04 15:15"),
    ],
)
def test_where_clocks_change_by_half_an_hour(schedule: str, after: str, expected: str) -> None:
    at = datetime.fromisoformat(after).replace(tzinfo=UTC)
    tick = cron.next_tick(schedule=schedule, time_zone="Australia/Lord_Howe", after=at)
    assert tick == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize("day", [datetime(2026, 4, 4, 6, tzinfo=UTC), datetime(2026, 10, 3, 6, tzinfo=UTC)])
@pytest.mark.parametrize("zone", ["Australia/Lord_Howe", "Europe/Berlin", "America/New_York"])
def test_what_is_periodic_is_every_minute_whose_local_time_fits(day: datetime, zone: str) -> None:
    found, at = [], day
    while at < day + timedelta(days=1):
        at = cron.next_tick(schedule="*/20 1-3 * * *", time_zone=zone, after=at)
        found.append(at)
    minutes = [day + timedelta(minutes=n) for n in range(1, 3000)]
    here = [(at, at.astimezone(ZoneInfo(zone))) for at in minutes]
    fitting = [at for at, local in here if local.minute % 20 == 0 and 1 <= local.hour <= 3]
    assert found == fitting[: len(found)]


CHANGES = [
    datetime(2026, month, day, tzinfo=UTC)
    for month, day in ((3, 29), (10, 25), (3, 8), (11, 1), (7, 1), (4, 4), (10, 3))
]


@settings(max_examples=25, deadline=None)
@given(
    schedule=st.sampled_from(["30 1 * * *", "30 2 * * *", "*/30 * * * *", "0 */2 * * *", "5,50 1,2 * * *"]),
    zone=st.sampled_from(["Europe/Berlin", "America/New_York", "Etc/UTC", "Asia/Kolkata", "Australia/Lord_Howe"]),
    base=st.sampled_from(CHANGES),
    offset=st.integers(-100_000_000_000, 200_000_000_000),
)
def test_previous_and_next_enclose_any_moment(schedule: str, zone: str, base: datetime, offset: int) -> None:
    at = base + timedelta(microseconds=offset)
    before = cron.previous_tick(schedule=schedule, time_zone=zone, before=at)
    after = cron.next_tick(schedule=schedule, time_zone=zone, after=at)
    assert before <= at < after
    assert cron.next_tick(schedule=schedule, time_zone=zone, after=before) == after
    assert cron.previous_tick(schedule=schedule, time_zone=zone, before=after) == after


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Berlin", "Etc/UTC", "Pacific/Kiritimati"])
def test_of_the_year_1_no_zone_has_a_local_time(zone: str) -> None:
    """A date that nobody filled in is that in some tables."""
    first = datetime.min.replace(tzinfo=UTC)
    tick = cron.next_tick(schedule="0 6 * * *", time_zone=zone, after=first)
    assert first < tick < datetime(1901, 1, 1, tzinfo=UTC)
