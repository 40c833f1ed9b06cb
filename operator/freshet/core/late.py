"""Runs of dbt Cloud that are told of after later ones: artifacts come late, lists lag, and runs of ours are followed by
their id. Pure.

What such a run did is held against the newest *materialization*, not against the newest attempt:

- It goes into the history at its place, with an Event. ``lastRun`` stays with the run that ended last.
- A build that is newer than the newest version is the asset's version, with its relation, rows and what it consumed.
- What was considered is, per upstream, the newer of what it looked at and what later attempts looked at. Where it
  looked at no less than they did, the need is met: their failures do not count, and no retry follows. Else they stand.
- A failure of somebody else's is told, and nothing else.
- A run of ours that is recorded after somebody else's newer build is held against that in the same way: it takes back
  neither the version nor what was looked at, and is a failed attempt only where it looked at more.

Times are of dbt Cloud's clock, but that of a view's version that flowed through: it names what the view shows anyway.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from freshet.api.asset import Asset, AssetStatus, Check, LastRun
from freshet.core import nodes
from freshet.core.checks import merged
from freshet.core.ended import Ended, order
from freshet.core.history import put

__all__ = ["checks", "considered", "is_late", "is_older", "is_outrun", "is_told", "need"]


def is_late(status: AssetStatus, run: Ended) -> bool:
    """Did somebody else's run end before what is recorded, so that the order of recording is not that of the ends?"""
    last = status.last_run
    if run.executor != "DbtCloud" or not run.foreign or last is None:
        return False
    before = last.finished_at is not None and order(run) <= (last.finished_at, last.id)
    return before or is_older(status, run)


def is_older(status: AssetStatus, run: Ended) -> bool:
    """Is what it left older than the newest version, by the clock and by its id? A clock that was set back, or another
    clock, must not lose an update; a version too many costs a run below.
    """
    at = status.last_updated_at
    return at is not None and run.finished_at <= at and _number(run.id) <= _number(status.version)


def is_told(status: AssetStatus, run: Ended) -> bool:
    """Would a late run change nothing (any more)? Its id may stand nowhere: the history keeps ten."""
    if run.id == (status.last_run.id if status.last_run else None) or any(it.id == run.id for it in status.history):
        return True
    looked = run.outcome in ("Succeeded", "Unchanged") and not is_older(status, run)
    news = looked and (status.last_checked_at is None or run.finished_at > status.last_checked_at)
    return not news and put(status.history, run) == status.history and checks(status, run) == status.checks


def checks(status: AssetStatus, run: Ended) -> tuple[Check, ...]:
    """Its tests say nothing of those that ran since, nor does a result without a time."""
    timed = tuple(check for check in run.checks if check.at is not None)
    return merged(status.checks, replace(run, retested=False, checks=timed))


def is_outrun(status: AssetStatus, run: Ended) -> bool:
    """Has somebody else built the table since this run of ours, which is recorded only now?"""
    ours = run.executor == "DbtCloud" and not run.foreign and not run.adopted
    return ours and _number(status.version) > 0 and status.version != run.version and is_older(status, run)


def need(asset: Asset, status: AssetStatus, run: Ended, upstreams: Mapping[str, Asset]) -> dict[str, Any]:
    """What of the need is met by a run that looked, beside what newer ones have looked at."""
    seen, at = _seen(run), status.last_checked_at
    known = considered(asset, status, run, upstreams) if _looked_since(status, run) else seen
    changes: dict[str, Any] = {
        "considered": known,
        "last_checked_at": run.finished_at if at is None else max(at, run.finished_at),
        "dbt": nodes.looked(status.dbt),
        "definition": status.definition or run.definition,
    }
    if known == seen and (known or not _looked_since(status, run)) and not _asked(status):
        changes |= {"failures": 0, "retry_at": None, "definition": run.definition or status.definition}
    return changes


def considered(asset: Asset, status: AssetStatus, run: Ended, upstreams: Mapping[str, Asset]) -> dict[str, str]:
    """Per upstream what the newest look saw. Versions have no order: the one that the upstream has is the newest."""
    known, found = status.considered, {}
    for name in asset.spec.upstreams:
        seen = run.looked_at.get(name)
        newer = seen is not None and (name not in known or _is_newest(upstreams.get(name), seen.version, run))
        version = seen.version if seen is not None and newer else known.get(name)
        if version is not None:
            found[name] = version
    return found


def _looked_since(status: AssetStatus, run: Ended) -> bool:
    """Has an attempt that ended later come to look?"""
    last = status.last_run
    tried = last is not None and last.outcome not in ("Interrupted", "Skipped") and _since(last, run)
    return tried or any(item.outcome == "Failed" and _since(item, run) for item in status.history)


def _since(other: LastRun, run: Ended) -> bool:
    return other.finished_at is not None and other.finished_at >= run.finished_at


def _asked(status: AssetStatus) -> bool:
    """What a person asked for with options is a need of its own."""
    return status.last_run is not None and status.last_run.options is not None


def _seen(run: Ended) -> dict[str, str]:
    return {name: seen.version for name, seen in run.looked_at.items()}


def _is_newest(upstream: Asset | None, version: str, run: Ended) -> bool:
    """Does the upstream have it now, or is it about to take it in, from this very run?"""
    if upstream is None:
        return False
    return version == upstream.status.version or (version == run.id and not is_older(upstream.status, run))


def _number(version: str | None) -> int:
    """dbt Cloud's ids grow; a version that is none comes before them."""
    return int(version) if version is not None and version.isdecimal() else 0
