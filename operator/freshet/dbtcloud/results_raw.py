"""run_results.json as dbt writes it: what is read of it, and in which form. Any key may be absent. Pure."""

from datetime import datetime
from typing import Any

import msgspec

from freshet.dbtcloud.model import utc

__all__ = ["RawEntry", "RawResults", "entry_of", "line", "span", "time"]

MESSAGE_LIMIT = 500


class RawResults(msgspec.Struct):
    """The whole file; entries stay undecoded until their turn."""

    metadata: dict[str, Any] = {}
    args: dict[str, Any] = {}
    results: list[msgspec.Raw] = []


class RawEntry(msgspec.Struct):
    """What became of one node."""

    unique_id: str
    status: str | None = None
    timing: list[dict[str, Any]] | None = None
    execution_time: float | None = None
    adapter_response: dict[str, Any] | None = None
    message: str | None = None
    failures: int | None = None
    relation_name: str | None = None


def entry_of(raw: msgspec.Raw) -> RawEntry | None:
    """An entry with what is as it should be; None where not even its id is."""
    try:
        return msgspec.json.decode(raw, type=RawEntry)
    except msgspec.ValidationError:
        pass
    try:
        loose = msgspec.json.decode(raw, type=dict[str, Any])
        return RawEntry(unique_id=msgspec.convert(loose["unique_id"], str), status=str(loose.get("status") or ""))
    except (msgspec.ValidationError, KeyError):
        return None


def span(entry: RawEntry) -> tuple[datetime | None, datetime | None]:
    """When it began and ended, as far as its timing says."""
    timing = [part for part in entry.timing or [] if isinstance(part, dict)]
    starts = [at for part in timing if (at := time(part.get("started_at"))) is not None]
    ends = [at for part in timing if (at := time(part.get("completed_at"))) is not None]
    return min(starts, default=None), max(ends, default=None)


def time(text: Any) -> datetime | None:
    """A time as dbt writes it; None where it is none."""
    try:
        return utc(datetime.fromisoformat(text)) if isinstance(text, str) else None
    except ValueError:
        return None


def line(text: str | None) -> str:
    """A message in one line."""
    return " ".join((text or "").split())[:MESSAGE_LIMIT]
