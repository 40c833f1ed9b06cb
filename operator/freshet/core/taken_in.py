"""The status of an asset with what has happened: runs that ended, versions announced, upstreams that moved on."""

from datetime import datetime

import msgspec

from freshet.api.asset import Asset, AssetStatus, Consumed
from freshet.api.names import ANNOTATION_DATA_TIME, ANNOTATION_MATERIALIZED
from freshet.api.view import instant
from freshet.core.ahead import bounded, corrected, readable
from freshet.core.blame import clock
from freshet.core.lineage import inherits
from freshet.core.observed import Observed
from freshet.core.outcome import Ended, is_recorded, order, record
from freshet.core.policy import Policy

__all__ = ["remembering", "take_in"]


def take_in(observed: Observed, policy: Policy) -> tuple[AssetStatus, tuple[Ended, ...]]:
    """Record, oldest first, each run that ended and is not in the status yet."""
    asset, status = observed.asset, observed.asset.status
    recorded = []
    for run in sorted(observed.ended, key=order):
        if not is_recorded(status, run):
            status = _recorded(observed, status, run, policy)
            recorded.append(run)
    external = _announced(asset, observed.now)
    if external is not None:
        status = _recorded(observed, status, external, policy)
        recorded.append(external)
    return status, tuple(recorded)


def _recorded(observed: Observed, before: AssetStatus, run: Ended, policy: Policy) -> AssetStatus:
    """The status after the run; in history, a derived version keeps the data time that it had in the end."""
    asset = observed.asset
    run = bounded(asset=asset, pipeline=observed.pipeline, status=before, run=run, now=observed.now)
    before = corrected(before, run, now=observed.now)
    after = record(asset=asset, status=before, run=run, policy=policy, upstreams=observed.upstreams)
    if after.version == before.version or not inherits(asset):
        return after
    times = {
        status.version: observed.told(msgspec.structs.replace(asset, status=status))
        for status in (before, after)
        if status.version is not None
    }
    history = tuple(
        msgspec.structs.replace(item, data_time=times.get(item.version or "") or item.data_time)
        for item in after.history
    )
    return msgspec.structs.replace(after, history=history)


def remembering(observed: Observed, status: AssetStatus) -> AssetStatus:
    """Where an upstream has moved on from what was consumed: how recent that was, before its history forgets."""
    consumed = {name: _confirmed(observed.upstreams.get(name), seen) for name, seen in status.consumed.items()}
    return msgspec.structs.replace(status, consumed=consumed) if consumed != status.consumed else status


def _confirmed(upstream: Asset | None, seen: Consumed) -> Consumed:
    if upstream is None or upstream.status.version == seen.version:
        return seen
    known = (item.data_time for item in upstream.status.history if item.version == seen.version)
    at = next((at for at in known if at is not None), None)
    return msgspec.structs.replace(seen, data_time=at) if at is not None else seen


def _announced(asset: Asset, now: datetime) -> Ended | None:
    """What an annotation on an external asset announces, if that is news."""
    notes = asset.metadata.annotations
    version = notes.get(ANNOTATION_MATERIALIZED)
    if asset.kind != "External" or not version:
        return None
    written = notes.get(ANNOTATION_DATA_TIME)
    data_time, level = instant(written), {"version": version, **({"dataTime": written} if written else {})}
    checks = readable(asset.status, written, at=now)
    if version not in (asset.status.version, asset.status.last_handled_trigger):
        return Ended(
            id=version, outcome="Succeeded", executor="External", finished_at=now, version=version,
            cause="announced by annotation", data_time=data_time or now, trigger=version,
            level=level, checks=checks,
        )  # fmt: skip
    if version != asset.status.version or not written or not _is_restated(asset.status, level, data_time):
        return None
    message = f"its data is of {clock(data_time)}, says the annotation" if data_time else checks[0].message
    return Ended(
        id=version, outcome="Unchanged", executor="External", finished_at=now, data_time=data_time, level=level,
        message=message, stated=True, checks=checks,
    )  # fmt: skip


def _is_restated(status: AssetStatus, level: dict[str, str], data_time: datetime | None) -> bool:
    """Was the annotation edited under the same version? Where what it said before is not known: is it later?"""
    known = status.level
    if known is not None and known.get("version") == level["version"]:
        return known != level
    return data_time is not None and (status.data_time is None or data_time > status.data_time)
