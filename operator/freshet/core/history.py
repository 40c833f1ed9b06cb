"""The newest runs of an asset that made a version or failed."""

from typing import Any

import msgspec

from freshet.api.asset import AssetStatus, HistoryItem
from freshet.core.ended import Ended

__all__ = ["add", "put", "told"]

HISTORY = 10
MESSAGE = 1024


def told(run: Ended) -> dict[str, Any]:
    """What lastRun and history say alike."""
    return {
        "id": run.id,
        "url": run.url,
        "cause": run.cause,
        "attempt": run.attempt,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "outcome": run.outcome,
        "message": run.message[:MESSAGE],
        "options": run.options,
        "duration_seconds": run.duration,
        "reused": run.reused,
    }


def add(after: AssetStatus, run: Ended, *, moved: bool) -> tuple[HistoryItem, ...]:
    """Runs that made a version or failed, newest first; a confirmed version's data time moves along."""
    if run.outcome not in ("Succeeded", "Failed") or (run.outcome == "Succeeded" and not moved):
        return tuple(
            msgspec.structs.replace(item, data_time=after.data_time)
            if item.version and item.version == after.version and after.data_time
            else item
            for item in after.history
        )
    if run.executor == "DbtCloud" and after.history and after.history[0].id.isdecimal():
        return put(after.history, run)  # times are of one clock, dbt Cloud's
    return _newest((_item(run, version=after.version), *after.history))


def put(known: tuple[HistoryItem, ...], run: Ended) -> tuple[HistoryItem, ...]:
    """With a run that is told of late, at its place in the order of their ends, if that is among the newest ten."""
    if run.outcome not in ("Succeeded", "Failed") or any(item.id == run.id for item in known):
        return known
    newer = [item.finished_at is None or item.finished_at > run.finished_at for item in known]
    place = newer.index(False) if False in newer else len(known)
    return _newest((*known[:place], _item(run, version=run.version or run.id), *known[place:]))


def _item(run: Ended, *, version: str | None) -> HistoryItem:
    built = run.outcome == "Succeeded"
    return HistoryItem(**told(run), version=version if built else None, data_time=run.data_time, rows=run.rows)


def _newest(items: tuple[HistoryItem, ...]) -> tuple[HistoryItem, ...]:
    """Ten of them. However many runs have failed since, the newest version and the one before it stay: what was built
    from that is as fresh as its last check, which stands nowhere else.
    """
    if len(items) <= HISTORY:
        return items
    kept = [place for place, item in enumerate(items) if item.version][:2]
    others = [place for place in range(len(items)) if place not in kept][: HISTORY - len(kept)]
    return tuple(items[place] for place in sorted(kept + others))
