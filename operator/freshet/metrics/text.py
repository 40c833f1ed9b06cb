"""The text that Prometheus reads, written here rather than by prometheus_client, which makes an object per sample.

Ten thousand assets have 200,000 samples, for which it takes more than a second and this a fifth. The lines are the
same in the classic text format and in OpenMetrics (https://prometheus.io/docs/instrumenting/exposition_formats/).
"""

from collections.abc import Iterator
from datetime import datetime
from typing import TypeVar

__all__ = ["CHUNK", "escape", "head", "parts", "unix"]

T = TypeVar("T")
CHUNK = 250


def head(name: str, help: str) -> str:
    """The two lines above a family; all of ours are gauges."""
    return f"# HELP {name} {help}\n# TYPE {name} gauge\n"


def parts(rows: list[T]) -> Iterator[list[T]]:
    """The rows in portions whose lines take a few milliseconds to write."""
    for start in range(0, len(rows), CHUNK):
        yield rows[start : start + CHUNK]


def escape(text: str) -> str:
    """A label's value as it stands between quotes."""
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def unix(at: datetime | None) -> float | None:
    """Seconds since 1970."""
    return at.timestamp() if at is not None else None
