"""The service's clock, which a test may set wrong, and the two ways in which the API writes times."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

__all__ = ["Clock", "clock_text", "iso_text", "parse_time", "span_text"]

Clock = Callable[[], float]
"""Epoch seconds."""


def clock_text(at: float | None) -> str | None:
    """As runs have it: ``2026-11-23 18:07:54.000000+00:00``."""
    return None if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S.%f+00:00")


def iso_text(at: float) -> str:
    """As jobs, accounts and environments have it: ``2026-11-23T18:07:54.000000+00:00``."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f+00:00")


def span_text(seconds: float) -> str:
    """A duration: ``00:00:07``."""
    whole = max(0, int(seconds))
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def parse_time(text: str) -> float:
    """Epoch seconds of an ISO 8601 time, UTC where it names no zone. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def system_clock() -> float:
    """The machine's time."""
    return time.time()
