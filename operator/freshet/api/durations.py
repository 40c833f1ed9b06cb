"""Durations as people write them in manifests: ``90s``, ``5m``, ``1h30m`` (Go's syntax, as Kubernetes uses it)."""

from datetime import timedelta
from functools import lru_cache

import durationpy

__all__ = ["exact_duration", "format_duration", "parse_duration"]


@lru_cache(maxsize=4096)
def parse_duration(text: str) -> timedelta:
    """Read a duration in Go's syntax.

    Raises ValueError with one sentence when the text is not a duration.
    """
    try:
        return timedelta(seconds=durationpy.from_str(text).total_seconds())
    except Exception as error:
        raise ValueError(f"{text!r} is not a duration: write it like 90s, 5m or 1h30m") from error


def exact_duration(span: timedelta) -> str:
    """Write a duration so that ``parse_duration`` reads the same again, down to a millisecond."""
    millis = max(0, round(span / timedelta(milliseconds=1)))
    parts: list[str] = []
    for unit, size in (("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, millis = divmod(millis, size)
        parts += [f"{count}{unit}"] if count else []
    return "".join(parts) or "0s"


def format_duration(span: timedelta) -> str:
    """Write a duration for people, to two units: ``45s``, ``14m``, ``1h30m``, ``2d3h``."""
    seconds = max(0, int(span.total_seconds()))
    units = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))
    parts: list[str] = []
    for unit, size in units:
        count, seconds = divmod(seconds, size)
        if count or parts:
            parts.append(f"{count}{unit}" if count else "")
    return "".join(parts[:2]) or "0s"
