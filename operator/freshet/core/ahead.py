"""A data time that is to come would keep an asset, and all below it, fresh until then: it counts as of the look that
saw it, and that is said once. It is mostly a time zone that was left out, one mistyped row, or a node's clock that is
ahead. One that cannot be read is left aside, and said, too.
"""

from dataclasses import replace
from datetime import datetime

import msgspec

from freshet.api.asset import Asset, AssetStatus, Check
from freshet.api.names import ANNOTATION_DATA_TIME
from freshet.api.pipeline import Pipeline
from freshet.api.view import instant
from freshet.core.blame import clock
from freshet.core.clocks import APART
from freshet.core.ended import Ended
from freshet.core.layers import source_of

__all__ = ["CHECK", "UNREADABLE", "bounded", "corrected", "is_ahead", "readable"]

CHECK, UNREADABLE = "dataTime", "dataTimeReadable"
SHOWN = 64


def bounded(*, asset: Asset, pipeline: Pipeline | None, status: AssetStatus, run: Ended, now: datetime) -> Ended:
    """The run with a data time that is no later than the look at the data, and a check that warns where it was. That
    look was no later than now, whatever a node's clock says; dbt Cloud's times are of one clock, its own.
    """
    if run.executor != "DbtCloud":
        run = replace(run, finished_at=min(run.finished_at, now))
    claimed = run.data_time
    if claimed is None:
        return run
    column = _column(asset, pipeline)
    seen = _seen(asset, status, run, column)
    if claimed <= seen:
        return _mended(status, run)
    made = min(run.updated_at, seen) if run.updated_at is not None else None
    within = replace(run, data_time=seen, updated_at=made)
    if claimed - seen <= APART:
        return _mended(status, within)
    return replace(within, checks=(*run.checks, _check(run, column, claimed, seen)))


def corrected(status: AssetStatus, run: Ended, *, now: datetime) -> AssetStatus:
    """The status before the run: without a data time that a clock has told which was ahead, where the run has one."""
    known = status.data_time
    wrong = known is not None and known > now and run.data_time is not None
    return msgspec.structs.replace(status, data_time=None) if wrong else status


def is_ahead(status: AssetStatus) -> bool:
    """Was the newest data time that was told one that was to come?"""
    return _warns(status, CHECK)


def readable(status: AssetStatus, written: str | None, *, at: datetime) -> tuple[Check, ...]:
    """What is to be said of a data time that somebody has written: nothing where it can be read and always could."""
    if written and instant(written) is None:
        message = (
            f"{ANNOTATION_DATA_TIME}={written[:SHOWN]!r} is left aside, since it is no time with an offset: "
            f"write it like {at:%Y-%m-%dT%H:%M:%SZ}"
        )
        return (Check(name=UNREADABLE, passed=False, severity="warn", message=message, at=at),)
    return (Check(name=UNREADABLE, passed=True, severity="warn", at=at),) if _warns(status, UNREADABLE) else ()


def _warns(status: AssetStatus, name: str) -> bool:
    return any(check.name == name and check.pipeline is None and not check.passed for check in status.checks)


def _seen(asset: Asset, status: AssetStatus, run: Ended, column: str | None) -> datetime:
    """When the data was seen first: rows that are there since a version was made are no newer than that."""
    if column is not None and run.updated_at is not None:
        return min(run.finished_at, run.updated_at)
    same = asset.kind == "External" and run.version == status.version and is_ahead(status)
    return (status.data_time if same else None) or run.finished_at


def _column(asset: Asset, pipeline: Pipeline | None) -> str | None:
    source, count = source_of(asset, pipeline), asset.spec.materialize.count
    if asset.kind == "Source":
        return source.data_time_column if source is not None else None
    return count.data_time_column if count is not None else None


def _check(run: Ended, column: str | None, claimed: datetime, seen: datetime) -> Check:
    what = f"max({column})" if column else "its data time"
    message = (
        f"{what} is {clock(claimed)}, which was to come when it was seen: the data counts as of {clock(seen)}. "
        f"{_question(run, column)}"
    )
    return Check(name=CHECK, passed=False, severity="warn", message=message, at=run.finished_at)


def _question(run: Ended, column: str | None) -> str:
    """What may be wrong."""
    if column:
        return "Is its time zone right (a time without one is taken as UTC)?"
    return "Is the clock right where it ran?" if run.executor == "Job" else "Is its time zone right?"


def _mended(status: AssetStatus, run: Ended) -> Ended:
    """What was said of another time holds no more."""
    if not is_ahead(status):
        return run
    return replace(run, checks=(*run.checks, Check(name=CHECK, passed=True, severity="warn", at=run.finished_at)))
