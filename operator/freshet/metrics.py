"""Freshness as Prometheus metrics, read from the cache at scrape time: a deleted asset leaves no series behind.

Timestamps, not ages (https://prometheus.io/docs/practices/instrumentation/#timestamps-not-time-since): the age is the
query's to compute, and a scrape that fails does not freeze it.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import get_args

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from freshet.api.asset import Asset, State
from freshet.api.durations import parse_duration
from freshet.core.lineage import Graph, key_of
from freshet.runtime.cache import Cache

__all__ = ["AssetCollector"]

LABELS = ("namespace", "pipeline", "asset", "kind")
STATES: tuple[str, ...] = get_args(State)


class AssetCollector(Collector):
    """One family per fact; an asset without that fact has no sample in it."""

    def __init__(self, *, cache: Cache, graph: Graph) -> None:
        self._cache, self._graph = cache, graph

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering must not collect."""
        return []

    def collect(self) -> Iterable[Metric]:
        assets = list(self._cache.assets)
        labels = [[a.namespace, a.spec.pipeline or "", a.name, a.kind] for a in assets]
        facts: list[tuple[str, str, Callable[[Asset], float | None]]] = [
            ("last_update_timestamp_seconds", "When the asset's newest version was made.", _updated),
            ("data_timestamp_seconds", "How recent the data inside the asset is.", self._data_time),
            ("max_lag_seconds", "The limit on the asset's lag.", _limit),
            ("rows", "Rows in the asset.", lambda a: a.status.rows),
            (
                "run_duration_seconds",
                "How long the run of the newest version took.",
                lambda a: a.status.duration_seconds,
            ),
        ]
        for name, text, fact in facts:
            family = GaugeMetricFamily(f"freshet_asset_{name}", text, labels=LABELS)
            for asset, values in zip(assets, labels, strict=True):
                value = fact(asset)
                if value is not None:
                    family.add_metric(values, value)
            yield family
        yield _states(assets, labels)

    def _data_time(self, asset: Asset) -> float | None:
        return _seconds(self._graph.live(key_of(asset))) if asset.status.version is not None else None


def _states(assets: list[Asset], labels: list[list[str]]) -> Metric:
    family = GaugeMetricFamily(
        "freshet_asset_state", "1 for the state that the asset is in.", labels=(*LABELS, "state")
    )
    for asset, values in zip(assets, labels, strict=True):
        for state in STATES:
            family.add_metric([*values, state], 1 if asset.status.state == state else 0)
    return family


def _updated(asset: Asset) -> float | None:
    return _seconds(asset.status.last_updated_at)


def _limit(asset: Asset) -> float | None:
    policy = asset.status.policy
    return parse_duration(policy.maximum_lag).total_seconds() if policy and policy.maximum_lag else None


def _seconds(at: datetime | None) -> float | None:
    return at.timestamp() if at is not None else None
