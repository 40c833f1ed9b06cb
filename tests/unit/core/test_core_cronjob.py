"""When Kubernetes starts a CronJob's Jobs while clocks are set (tests/parts/local asks Kubernetes' own library)."""

from datetime import UTC, datetime

import pytest
from tests.unit.core.making import SECOND, pipeline, source

from freshet.api.asset import AssetStatus, LastRun
from freshet.core.blame import next_time
from freshet.core.cronjob import next_start
from freshet.core.in_force import in_force
from freshet.core.manifests.loads import hint
from freshet.core.policy import effective
from freshet.metrics.values import next_load


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "zone", "after", "expected"),
    [
        ("30 2 * * *", "Europe/Berlin", "2026-03-28 12:00", "2026-03-30 00:30"),  # 02:30 does not exist on the 29th
        ("30 2 * * *", "Europe/Berlin", "2026-10-24 12:00", "2026-10-25 00:30"),
        ("30 2 * * *", "Europe/Berlin", "2026-10-25 00:30", "2026-10-25 01:30"),  # … and twice on that day
        ("30 2 * * *", "Europe/Berlin", "2026-10-25 01:30", "2026-10-26 01:30"),
        ("*/30 * * * *", "Europe/Berlin", "2026-03-29 00:30", "2026-03-29 01:00"),
        ("0 2 * * *", "Australia/Lord_Howe", "2026-04-04 13:30", "2026-04-05 15:30"),  # by hours from 01:30 on
        ("0 5 * * FRI", "Africa/Cairo", "2026-04-23 12:00", "2026-05-01 02:00"),  # a Friday without midnight
        ("0 0 29 2 *", "Etc/UTC", "2025-01-01 00:00", "2028-02-29 00:00"),
        ("*/5 * * * *", "Etc/UTC", "2026-11-24 12:04:59.9", "2026-11-24 12:05"),
        ("*/5 * * * *", "Etc/UTC", "2026-11-24 12:05", "2026-11-24 12:10"),
    ],
)
def test_the_next_start(schedule: str, zone: str, after: str, expected: str) -> None:
    assert next_start(schedule=schedule, time_zone=zone, after=utc(after)) == utc(expected)


def test_what_does_not_come_in_five_years_never_does() -> None:
    assert next_start(schedule="0 0 29 2 *", time_zone="Etc/UTC", after=utc("2096-03-01")) is None


def test_what_is_said_of_loads_is_what_kubernetes_does() -> None:
    """The night in which half past two is skipped: no load is due on that day."""
    daily = pipeline(
        timeZone="Europe/Berlin", sources=[{"asset": "src", "csv": {"path": "/x"}, "schedule": "30 2 * * *"}]
    )
    loaded, due, later = utc("2026-03-28 01:30:20"), utc("2026-03-30 00:30"), "2026-03-31T00:30:00Z"
    run = LastRun(id="r", outcome="Unchanged", started_at=loaded - 9 * SECOND, finished_at=loaded)
    force = in_force(effective(asset=source(), pipeline=daily))
    status = AssetStatus(policy=force, last_run=run, last_checked_at=loaded, level={"version": "v1"})
    asset = source(status=status)
    assert next_time(asset) == due
    assert next_load(asset, daily) == due.timestamp()
    assert hint(asset=asset, pipeline=daily, source=daily.spec.sources[0]) == {"version": "v1", "trustedUntil": later}
