"""Log lines that say what they are about, for people or for machines.

What a visit is about (namespace, asset or pipeline, run) is bound once, where the visit begins, and stands on every
line that is written meanwhile, by whatever library.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import msgspec

from freshet.api.view import Key

__all__ = ["JsonLines", "PlainLines", "about", "configure", "note"]

NOTHING = MappingProxyType[str, str]({})
_ABOUT: ContextVar[MappingProxyType[str, str]] = ContextVar("about", default=NOTHING)
QUIET = ("kopf", "aiohttp.access", "httpx", "httpcore")
"""They speak up only when something is wrong."""


@contextmanager
def about(key: Key) -> Iterator[None]:
    """Lines of this block are about the object that the key names."""
    field = "asset" if key.kind == "Asset" else "pipeline"
    named = {"namespace": key.namespace, field: key.name} if key.name else {}
    token = _ABOUT.set(MappingProxyType(named))
    try:
        yield
    finally:
        _ABOUT.reset(token)


def note(**more: str | None) -> None:
    """From here to the end of the visit, lines are also about this."""
    known = {name: value for name, value in more.items() if value}
    _ABOUT.set(MappingProxyType({**_ABOUT.get(), **known}))


class PlainLines(logging.Formatter):
    """``2026-11-24 12:00:00,123 INFO Materialized: 3 rows (asset=shop/orders run=…)``."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The line, before a traceback that may follow."""
        words = dict(_ABOUT.get())
        namespace = words.pop("namespace", "")
        named = (f"{k}={namespace}/{v}" if k in ("asset", "pipeline") else f"{k}={v}" for k, v in words.items())
        line = " ".join(super().formatMessage(record).splitlines())  # each line says what it is about
        return f"{line} ({' '.join(named)})" if words else line


class JsonLines(logging.Formatter):
    """One JSON object a line; ``asset``, ``pipeline``, ``run`` and ``namespace`` where they are known."""

    def format(self, record: logging.LogRecord) -> str:
        """The line; a traceback is one of its fields."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line: dict[str, Any] = {
            "time": at,
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_ABOUT.get(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line).decode()


def configure(*, log_format: str, verbose: bool) -> None:
    """All lines of this process go to stderr in that format."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if log_format == "json" else PlainLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.DEBUG if verbose else logging.INFO)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
