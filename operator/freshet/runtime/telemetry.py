"""Counters and histograms of the operator itself; freshet.metrics tells of assets, from the cache."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.process_collector import ProcessCollector

from freshet import __version__

__all__ = [
    "REGISTRY",
    "build_info",
    "dbt_cloud_models_built_total",
    "dbt_cloud_requests_total",
    "dbt_cloud_webhooks_total",
    "events_dropped_total",
    "leader",
    "queue_depth",
    "reconcile_duration",
    "reconcile_failures_total",
    "run_duration",
    "runs_total",
    "trigger_latency",
]

REGISTRY: Final = CollectorRegistry()
"""One registry, apart from the library's global one: tests and embedders see only ours."""

ProcessCollector(registry=REGISTRY)

LATENCY_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

RUN_BUCKETS: Final = (1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 21600.0)

build_info = Gauge("freshet_build_info", "The version that runs.", ["version"], registry=REGISTRY)
build_info.labels(version=__version__).set(1)
runs_total = Counter(
    "freshet_runs_total", "Runs that ended, by executor and outcome.", ["executor", "outcome"], registry=REGISTRY
)
run_duration = Histogram(
    "freshet_run_duration_seconds",
    "How long runs took that succeeded or failed, of dbt Cloud each model of them; exemplars name runs.",
    ["executor"],
    buckets=RUN_BUCKETS,
    registry=REGISTRY,
)
trigger_latency = Histogram(
    "freshet_trigger_latency_seconds",
    "From an upstream's new version seen to the run launched that it caused.",
    buckets=LATENCY_BUCKETS,
    registry=REGISTRY,
)
reconcile_duration = Histogram(
    "freshet_reconcile_duration_seconds",
    "One visit of a reconciler to one object.",
    ["kind"],
    buckets=LATENCY_BUCKETS,
    registry=REGISTRY,
)
reconcile_failures_total = Counter(
    "freshet_reconcile_failures_total", "Visits that failed and are tried again.", ["kind"], registry=REGISTRY
)
dbt_cloud_requests_total = Counter(
    "freshet_dbt_cloud_requests_total",
    "Requests to dbt Cloud, by HTTP status code.",
    ["code"],
    registry=REGISTRY,
)
dbt_cloud_models_built_total = Counter(
    "freshet_dbt_cloud_models_built_total", "Models built successfully by dbt Cloud runs of ours.", registry=REGISTRY
)
dbt_cloud_webhooks_total = Counter(
    "freshet_dbt_cloud_webhooks_total",
    "Webhooks received: Accepted, Duplicate, or why they were refused.",
    ["result"],
    registry=REGISTRY,
)
events_dropped_total = Counter(
    "freshet_events_dropped_total", "Kubernetes Events that were not written.", registry=REGISTRY
)
queue_depth = Gauge("freshet_queue_depth", "Objects waiting for a visit.", registry=REGISTRY)
leader = Gauge("freshet_leader", "1 while this replica acts, 0 while it stands by.", registry=REGISTRY)
