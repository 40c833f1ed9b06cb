"""What the page shows of an asset and of a pipeline: pure functions from the cache's views to JSON.

Ages are not here, only times: the page counts them itself, so that nothing is sent while nothing happens.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal, Protocol

from freshet.api.asset import (
    Asset,
    AssetStatus,
    Check,
    Consumed,
    HistoryItem,
    LastRun,
    PolicyInForce,
    Rejected,
    RunInFlight,
)
from freshet.api.conditions import Condition
from freshet.api.pipeline import Pipeline
from freshet.api.view import Key, View
from freshet.core import seen
from freshet.core.freshness import Bounds, Facts, bounds
from freshet.core.in_force import in_force
from freshet.core.lineage import NEVER_OLD, key_of
from freshet.core.policy import Policy, effective

__all__ = [
    "AssetDetail",
    "AssetNode",
    "Edge",
    "EdgeState",
    "LiveDataTime",
    "PipelineNode",
    "detail",
    "node",
    "pipeline",
]

EdgeState = Literal["UpToDate", "Moving", "Considered", "Waiting", "NotBuilt", "NotFound", "Declared"]
"""How an asset stands to an upstream: its table is built from the newest version · a run in flight takes that in · a
run looked at it and left the table as it was · it waits to be looked at · there is no version yet · there is no such
asset · freshet does not build the asset, so that nothing is known of what it has taken in."""

Find = Callable[[Key], Asset | None]


class LiveDataTime(Protocol):
    """The part of the graph of assets that the page reads."""

    def data_time(self, key: Key) -> datetime | None:
        """How recent the data inside is, as of the newest checks; NEVER_OLD as it is."""
        ...


class Edge(View, frozen=True, kw_only=True):
    """One upstream of an asset."""

    name: str
    state: EdgeState


class AssetNode(View, frozen=True, kw_only=True):
    """An asset in the graph. ``measured_from`` is the time whose age is judged against the limits; ``limit`` says the
    limit as its column does, ``deadline_at`` by when a cron deadline wants newer data than that.
    """

    namespace: str
    name: str
    key: str
    kind: str
    pipeline: str | None = None
    state: str | None = None
    reason: str | None = None
    rows: int | None = None
    updated_at: datetime | None = None
    checked_at: datetime | None = None
    data_time: datetime | None = None
    measured_from: datetime | None = None
    limit_seconds: float | None = None
    warn_seconds: float | None = None
    limit: str | None = None
    deadline_at: datetime | None = None
    unchanged_limit_seconds: float | None = None
    checks: int = 0
    failed_checks: int = 0
    run_started_at: datetime | None = None
    upstreams: tuple[Edge, ...] = ()


class PipelineNode(View, frozen=True, kw_only=True):
    """A pipeline, for the filter."""

    namespace: str
    name: str
    suspended: bool = False
    ready: bool | None = None
    message: str | None = None


class Upstream(View, frozen=True, kw_only=True):
    """What is known of an asset and one of its upstreams."""

    name: str
    state: EdgeState
    newest: str | None = None
    considered: str | None = None
    consumed: Consumed | None = None


class AssetDetail(View, frozen=True, kw_only=True):
    """All that the panel beside the graph shows, but for the manifest."""

    node: AssetNode
    relation: str | None = None
    version: str | None = None
    duration_seconds: float | None = None
    created_at: datetime | None = None
    policy: PolicyInForce | None = None
    conditions: tuple[Condition, ...] = ()
    checks: tuple[Check, ...] = ()
    run: RunInFlight | None = None
    last_run: LastRun | None = None
    rejected: Rejected | None = None
    history: tuple[HistoryItem, ...] = ()
    upstreams: tuple[Upstream, ...] = ()


def node(asset: Asset, *, find: Find, graph: LiveDataTime, pipeline: Pipeline | None, now: datetime) -> AssetNode:
    """The asset as it stands in the graph, by the clock; ``find`` knows the others."""
    status, policy, limits = asset.status, _policy(asset, pipeline), seen.limits_in_force(asset)
    data_time = graph.data_time(key_of(asset))
    live = None if data_time == NEVER_OLD else data_time
    return AssetNode(
        namespace=asset.namespace,
        name=asset.name,
        key=asset.key,
        kind=asset.kind,
        pipeline=asset.spec.pipeline,
        state=seen.state(asset, seen.turns_of(asset, limits, data_time=data_time), now=now),
        reason=seen.reason(asset, limits, data_time=data_time, now=now),
        rows=status.rows,
        updated_at=status.last_updated_at,
        checked_at=status.last_checked_at,
        data_time=live,
        measured_from=status.last_updated_at if policy is not None and policy.by_update else live,
        limit_seconds=_seconds(policy.maximum_lag) if policy is not None else None,
        warn_seconds=_seconds(policy.warn_lag) if policy is not None else None,
        limit=in_force(policy).limit if policy is not None else None,
        deadline_at=_bounds(status, policy, live).deadline,
        unchanged_limit_seconds=_seconds(policy.maximum_unchanged) if policy is not None else None,
        checks=len(status.checks),
        failed_checks=sum(check.broken for check in status.checks),
        run_started_at=status.run.started_at if status.run is not None else None,
        upstreams=tuple(Edge(name=name, state=_edge(asset, name, find)) for name in asset.spec.upstreams),
    )


def pipeline(found: Pipeline) -> PipelineNode:
    """The pipeline as it stands in the filter."""
    ready = next((c for c in found.status.conditions if c.type == "Ready"), None)
    troubled = ready is not None and ready.status != "True"
    return PipelineNode(
        namespace=found.namespace,
        name=found.name,
        suspended=found.spec.suspend,
        ready=None if ready is None else not troubled,
        message=ready.message if ready is not None and troubled else None,
    )


def detail(asset: Asset, *, find: Find, graph: LiveDataTime, pipeline: Pipeline | None, now: datetime) -> AssetDetail:
    """The asset as it stands in the panel."""
    status = asset.status
    return AssetDetail(
        node=node(asset, find=find, graph=graph, pipeline=pipeline, now=now),
        relation=status.relation,
        version=status.version,
        duration_seconds=status.duration_seconds,
        created_at=asset.metadata.creation_timestamp,
        policy=status.policy,
        conditions=status.conditions,
        checks=status.checks,
        run=status.run,
        last_run=status.last_run,
        rejected=status.rejected,
        history=status.history,
        upstreams=tuple(_upstream(asset, name, find) for name in asset.spec.upstreams),
    )


def _upstream(asset: Asset, name: str, find: Find) -> Upstream:
    found = find(Key("Asset", asset.namespace, name))
    return Upstream(
        name=name,
        state=_edge(asset, name, find),
        newest=found.status.version if found is not None else None,
        considered=asset.status.considered.get(name),
        consumed=asset.status.consumed.get(name),
    )


def _edge(asset: Asset, name: str, find: Find) -> EdgeState:
    found, status = find(Key("Asset", asset.namespace, name)), asset.status
    if found is None:
        return "NotFound"
    newest = found.status.version
    if newest is None:
        return "NotBuilt"
    return _taken_in(status, name, newest) or ("Declared" if asset.kind in ("External", "Source") else "Waiting")


def _taken_in(status: AssetStatus, name: str, newest: str) -> EdgeState | None:
    consumed = status.consumed.get(name)
    if consumed is not None and consumed.version == newest:
        return "UpToDate"
    if status.run is not None and status.run.versions.get(name) == newest:
        return "Moving"
    return "Considered" if status.considered.get(name) == newest else None


def _policy(asset: Asset, pipeline: Pipeline | None) -> Policy | None:
    """None where a setting cannot be read: the asset's own reason says which."""
    try:
        return effective(asset=asset, pipeline=pipeline)
    except ValueError:
        return None


def _bounds(status: AssetStatus, policy: Policy | None, live: datetime | None) -> Bounds:
    facts = Facts(version=status.version, data_time=live, last_updated_at=status.last_updated_at)
    return bounds(limits=policy, facts=facts) if policy is not None else Bounds()


def _seconds(span: timedelta | None) -> float | None:
    return span.total_seconds() if span is not None else None
