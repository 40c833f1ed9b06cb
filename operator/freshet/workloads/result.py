"""The result that a workload leaves: one JSON object of at most 4,096 bytes (docs/contract.md).

Kubernetes cuts a longer termination message in the middle of the JSON, so what is long is shortened here: texts
first, then samples and
checks. Times are RFC 3339 in UTC with microseconds.
"""

import json
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

__all__ = ["LIMIT", "last_result", "parse_time", "render", "rfc3339", "write_result"]

LIMIT = 4096
DEFAULT_LOG = "/dev/termination-log"
_TEXT_LIMITS = (1000, 400, 150, 60)


def rfc3339(moment: datetime) -> str:
    """With four digits of the year, which ``strftime`` does not write before 1000."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def parse_time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def render(result: Mapping[str, Any]) -> bytes:
    """``result`` without nulls as JSON, shortened until it fits into ``LIMIT`` bytes."""
    found = {key: value for key, value in result.items() if value is not None}
    for limit in _TEXT_LIMITS:
        encoded = _encode(found)
        if len(encoded) <= LIMIT:
            return encoded
        found = _shorten(found, limit)
    for key in ("samples", "checks", "message", "relation"):
        if len(_encode(found)) > LIMIT:
            found.pop(key, None)
    return _encode(found)


def _encode(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _shorten(value: Any, limit: int) -> Any:
    if isinstance(value, dict):
        return {key: _shorten(item, limit) for key, item in value.items()}
    if isinstance(value, list):
        return [_shorten(item, limit) for item in value[:20]]
    if isinstance(value, str) and len(value) > limit:
        return value[: limit - 1] + "…"
    return value


def write_result(result: Mapping[str, Any]) -> None:
    """Leave the result in the termination message file, and on stdout for logs and terminals.

    Outside a pod the default file does not exist and is not made.
    """
    encoded = render(result)
    named = os.environ.get("FRESHET_TERMINATION_LOG")
    path = Path(named or DEFAULT_LOG)
    if named or path.exists():
        try:
            path.write_bytes(encoded)
        except OSError as error:
            print(f"The result cannot be written to {path}: {error.strerror}.", file=sys.stderr)
    print(encoded.decode(), flush=True)


def last_result() -> dict[str, Any]:
    """What the operator recorded last, or {} where there is none that can be read: then the warehouse is asked."""
    try:
        found = json.loads(os.environ.get("FRESHET_LAST_RESULT") or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
