"""What we say of a CronJob's next load is what Kubernetes does: asked is the library of its controller."""

import random
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from freshet.core.cronjob import next_start
from freshet.local.build_go import Go, find_go
from freshet.local.paths import checkout

SOURCE = Path(__file__).with_name("starts.go")
ZONES = (
    "Europe/Berlin", "Europe/London", "America/New_York", "America/Havana", "America/Santiago", "Africa/Cairo",
    "Asia/Beirut", "Asia/Kolkata", "Atlantic/Azores", "Australia/Lord_Howe", "Pacific/Chatham", "Etc/UTC",
)  # fmt: skip
"""Clocks that are set at midnight, in the night or never, by an hour or by half of one, on either side of Greenwich."""
SCHEDULES = (
    "30 2 * * *", "0 2 * * *", "15 0 * * *", "0 0 * * *", "*/20 * * * *", "0 */2 * * *", "45 1,3 * * *", "0 5 * * FRI",
    "59 23 * * SUN", "0 1 1 * *", "0 0 29 2 *", "10 2-4 */9 3,4,10 *", "0 0 13 * 5", "@weekly", "@yearly",
    "5-50/15 0 * * 6/1",
)  # fmt: skip
YEARS = (2024, 2026)


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    command = tmp_path_factory.mktemp("starts") / "starts"
    build = [find_go(needed=(1, 26)).ensure(), "build", "-o", command, SOURCE]
    done = subprocess.run(
        build, cwd=checkout() / "controlplane", env=Go.environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return command


def changes(place: ZoneInfo) -> list[datetime]:
    """The hours in which its clocks are set."""
    began = datetime(YEARS[0], 1, 1, tzinfo=UTC)
    hours = [began + timedelta(hours=n) for n in range(24 * 366 * (YEARS[1] - YEARS[0] + 1))]
    offsets = [at.astimezone(place).utcoffset() for at in hours]
    return [at for at, before, after in zip(hours, offsets, offsets[1:], strict=False) if before != after]


def moments(name: str, rnd: random.Random) -> list[datetime]:
    """Some around each change of the clocks, and some anywhere."""
    near = [
        at + timedelta(seconds=rnd.randrange(-100_000, 100_000)) for at in changes(ZoneInfo(name)) for _ in range(6)
    ]
    return [*near, *(datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=rnd.randrange(900_000)) for _ in range(6))]


@pytest.mark.parametrize("zone", ZONES)
def test_loads_start_when_kubernetes_starts_them(oracle: Path, zone: str) -> None:
    asked = [(schedule, at) for at in moments(zone, random.Random(zone)) for schedule in SCHEDULES]
    lines = "\n".join(f"{zone}|{schedule}|{at.timestamp():.0f}" for schedule, at in asked)
    said = subprocess.run([oracle], input=lines, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(said) == len(asked) > 50
    for (schedule, at), told in zip(asked, said, strict=True):
        assert " ".join(starts(schedule, zone, at)) == told.strip(), f"{schedule} in {zone} after {at}"


def starts(schedule: str, zone: str, after: datetime | None) -> list[str]:
    found: list[str] = []
    while len(found) < 4 and after is not None:
        after = next_start(schedule=schedule, time_zone=zone, after=after)
        found += [f"{after.timestamp():.0f}"] if after is not None else []
    return found
