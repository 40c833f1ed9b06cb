"""Lines on stderr, for ``kubectl logs``; with ``LOG_FORMAT=json`` for machines, each naming asset, pipeline and
run, as the operator's do (docs/monitoring.md).
"""

import json
import logging
import os
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from freshet.workloads.hidden import hidden

__all__ = ["LOG", "JsonLines", "Progress", "set_up"]

LOG = logging.getLogger("freshet.workloads")
EVERY = 5.0


def set_up(*, debug: bool) -> None:
    handler = logging.StreamHandler(sys.stderr)
    machines = os.environ.get("LOG_FORMAT") == "json"
    plain = _Discreet("%(asctime)s %(levelname)s %(message)s")
    handler.setFormatter(JsonLines(about=_about(os.environ)) if machines else plain)
    LOG.handlers[:] = [handler]
    LOG.setLevel(logging.DEBUG if debug else logging.INFO)
    LOG.propagate = False
    # Libraries' warnings, which else go to stderr as they are; what is behind them is told in a sentence of ours.
    logging.lastResort = handler if debug else logging.NullHandler()


class _Discreet(logging.Formatter):
    """What the libraries say is shown without credentials."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        return _of(record, super().formatMessage(record))

    def formatException(self, ei: Any) -> str:
        return hidden(super().formatException(ei))


class JsonLines(_Discreet):
    """One JSON object a line."""

    def __init__(self, *, about: Mapping[str, str]) -> None:
        super().__init__()
        self._about = about

    def format(self, record: logging.LogRecord) -> str:
        """The line; a traceback is one of its fields."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        level, message = record.levelname.lower(), _of(record, record.getMessage())
        line = {"time": at, "level": level, "logger": record.name, "message": message, **self._about}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def _of(record: logging.LogRecord, text: str) -> str:
    """Our own sentences hold no credentials, and words that may be part of one."""
    return text if record.name == LOG.name else hidden(text)


def _about(env: Mapping[str, str]) -> dict[str, str]:
    """What the spec and the pod say that this is about; a spec that cannot be read is told of by who needs it."""
    try:
        spec = json.loads(env.get("FRESHET_SPEC") or "{}")
    except ValueError:
        spec = {}
    known = spec if isinstance(spec, dict) else {}
    found = {**{name: known.get(name) for name in ("namespace", "asset", "pipeline")}, "run": env.get("FRESHET_RUN")}
    return {name: value for name, value in found.items() if isinstance(value, str) and value}


class Progress:
    """Says something at most every few seconds, and nothing on a short load."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, every: float = EVERY) -> None:
        self._clock = clock
        self._every = every
        self._next = clock() + every

    def say(self, message: str, *values: object) -> None:
        now = self._clock()
        if now >= self._next:
            self._next = now + self._every
            LOG.info(message, *values)
