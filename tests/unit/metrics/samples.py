"""Assets and Pipelines, and what a Prometheus server reads of them."""

from datetime import UTC, datetime
from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from tests.support.runtime import ManualClock, raw_asset

from freshet.api.view import Key
from freshet.metrics import AssetMetrics, PipelineMetrics
from freshet.runtime.cache import Cache

__all__ = ["AT", "CLOCK", "FULL", "LABELS", "LIMITED", "SOURCE", "Graph", "condition", "pipeline", "scrape", "value"]


def condition(type: str, status: str, reason: str) -> dict[str, Any]:
    moved = "2026-11-23T23:55:00Z"
    return {"type": type, "status": status, "reason": reason, "message": "", "lastTransitionTime": moved}


AT = datetime(2026, 11, 23, 23, 55, 0, 123456, tzinfo=UTC)
CLOCK = ManualClock()
CLOCK.wall = AT
LABELS = {"namespace": "demo", "pipeline": "kaizen-wars", "asset": "a", "kind": "External"}
FULL: dict[str, Any] = {
    "spec": {"pipeline": "kaizen-wars"},
    "status": {
        "state": "Fresh",
        "version": "v1",
        "conditions": [condition("Fresh", "True", "WithinLimit"), condition("Failing", "False", "RunsSucceed")],
        "lastUpdatedAt": "2026-11-23T23:55:00.123456Z",
        "policy": {"maximumLag": "1m30s"},
        "rows": 20_000_000_000,
        "durationSeconds": 0.1,
    },
}


class Graph:
    """The live data time of every asset."""

    def __init__(self, at: datetime | None) -> None:
        self.at = at

    def data_time(self, key: Key) -> datetime | None:
        return self.at


Samples = dict[tuple[str, str], tuple[float, dict[str, str]]]


def scrape(cache: Cache, *, live: datetime | None = AT) -> Samples:
    """(metric, state) → (value, labels) of one asset, as a Prometheus server reads them."""
    text = "".join(AssetMetrics(cache=cache, graph=Graph(live), clock=CLOCK).chunks())
    families = text_string_to_metric_families(text)
    samples = [sample for family in families for sample in family.samples]
    return {(s.name, s.labels.get("state", "")): (s.value, s.labels) for s in samples}


def value(name: str, kind: str = "Asset", **raw: Any) -> float | None:
    """A metric of one asset, or of the Pipeline that it belongs to."""
    cache = Cache(clock=ManualClock())
    for pipeline in raw.pop("pipelines", ()):
        cache.ingest(pipeline, kind="Pipeline")
    cache.ingest(raw_asset(**raw), kind="Asset")
    pieces = [*AssetMetrics(cache=cache, graph=Graph(AT), clock=CLOCK).chunks(), *PipelineMetrics(cache=cache).chunks()]
    samples = [s for family in text_string_to_metric_families("".join(pieces)) for s in family.samples]
    found = [s.value for s in samples if s.name == f"freshet_{name}"]
    assert len(found) <= 1
    return found[0] if found else None


def pipeline(**spec: Any) -> dict[str, Any]:
    status = spec.pop("status", {})
    metadata = {"name": "shop", "namespace": "demo", "uid": "p", "resourceVersion": "1"}
    return {"metadata": metadata, "spec": spec, "status": status}


SOURCE: dict[str, Any] = {"materialize": {"source": {}}, "pipeline": "shop"}
LIMITED: dict[str, Any] = {
    "spec": {},
    "status": {
        "state": "Fresh",
        "version": "v1",
        "policy": {"maximumLag": "10m", "warnLag": "6m"},
        "conditions": [condition("Fresh", "True", "WithinLimit")],
    },
}
