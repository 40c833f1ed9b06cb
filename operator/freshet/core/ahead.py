"""A data time that is to come would keep an asset, and all below it, fresh until then: it counts as of the look that
saw it, and that is said once. It is mostly a time zone that was left out, or one mistyped row.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from freshet.api.asset import Asset, AssetStatus, Check
from freshet.api.pipeline import Pipeline
from freshet.core.blame import clock
from freshet.core.ended import Ended
from freshet.core.layers import source_of

__all__ = ["CHECK", "bounded", "is_ahead"]

CHECK = "dataTime"
APART = timedelta(minutes=1)
"""So much clocks may differ without a word."""


def bounded(*, asset: Asset, pipeline: Pipeline | None, status: AssetStatus, run: Ended) -> Ended:
    """The run with a data time that is no later than the look at the data, and a check that warns where it was."""
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


def is_ahead(status: AssetStatus) -> bool:
    """Was the newest data time that was told one that was to come?"""
    return any(check.name == CHECK and check.pipeline is None and not check.passed for check in status.checks)


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
    what, hint = (f"max({column})", " (a time without one is taken as UTC)") if column else ("its data time", "")
    message = (
        f"{what} is {clock(claimed)}, which was to come when it was seen: the data counts as of {clock(seen)}. "
        f"Is its time zone right{hint}?"
    )
    return Check(name=CHECK, passed=False, severity="warn", message=message, at=run.finished_at)


def _mended(status: AssetStatus, run: Ended) -> Ended:
    """What was said of another time holds no more."""
    if not is_ahead(status):
        return run
    return replace(run, checks=(*run.checks, Check(name=CHECK, passed=True, severity="warn", at=run.finished_at)))
