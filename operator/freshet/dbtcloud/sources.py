"""sources.json of ``dbt source freshness``: when a source's data was last loaded. Pure.

It gives unmapped sources their versions: the newest load time names the state of the data.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from freshet.dbtcloud.model import utc
from freshet.dbtcloud.results import Missing

__all__ = ["SourceState", "parse_sources"]


@dataclass(frozen=True, kw_only=True)
class SourceState:
    """`version` is equal as long as nothing was loaded; `data_time` when it was; `checked_at` when dbt looked."""

    unique_id: str
    version: str
    data_time: datetime
    checked_at: datetime | None = None
    status: str = ""


def parse_sources(raw: bytes | None) -> dict[str, SourceState] | Missing:
    """The sources whose load time is known, by unique id; those that dbt could not read are left out."""
    if not raw:
        return Missing(why="sources.json is not there yet")
    try:
        document = msgspec.json.decode(raw, type=_Document)
    except (msgspec.DecodeError, UnicodeError) as error:
        return Missing(why=f"sources.json cannot be read ({error})")
    states = (_state(entry) for entry in document.results)
    return {state.unique_id: state for state in states if state is not None}


class _Document(msgspec.Struct):
    results: list[dict[str, Any]] = []


def _state(entry: dict[str, Any]) -> SourceState | None:
    unique_id, loaded = entry.get("unique_id"), _time(entry.get("max_loaded_at"))
    if not isinstance(unique_id, str) or loaded is None:
        return None
    return SourceState(
        unique_id=unique_id,
        version=loaded.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        data_time=loaded,
        checked_at=_time(entry.get("snapshotted_at")),
        status=str(entry.get("status") or ""),
    )


def _time(text: Any) -> datetime | None:
    try:
        return utc(datetime.fromisoformat(text)) if isinstance(text, str) else None
    except ValueError:
        return None
