"""Every question that the dashboard asks of Prometheus, by name: tests put each to a real one."""

__all__ = ["QUERIES", "VARIABLES"]

SELECTED = 'namespace=~"$namespace",pipeline=~"$pipeline",asset=~"$asset"'
PIPELINES = 'namespace=~"$namespace",pipeline=~"$pipeline"'
WHO = "namespace, pipeline, asset, kind"
WORST_FIRST = ("Failed", "Stale", "Missing", "Aging", "Updating", "Suspended", "Fresh")


def _ranked(condition: str = "") -> str:
    """0 for Fresh up to 6 for Failed."""
    ranks = [(state, len(WORST_FIRST) - 1 - place) for place, state in enumerate(WORST_FIRST)]
    terms = [f'(freshet_asset_state{{{SELECTED},state="{state}"}}{condition}) * {rank}' for state, rank in ranks]
    return " or ".join(terms)


def _each(expression: str) -> str:
    """One sample per asset, also where a second replica tells the same."""
    return f"max by ({WHO}) ({expression})"


def _asset(metric: str, also: str = "") -> str:
    """One of the assets' own metrics."""
    return _each(f"freshet_asset_{metric}{{{SELECTED}{also}}}")


def _count(expression: str) -> str:
    return f"count({expression}) or vector(0)"


def _quantile(share: str, metric: str, by: str = "") -> str:
    also = f", {by}" if by else ""
    return f"histogram_quantile({share}, sum by (le{also}) (rate({metric}_bucket[$__rate_interval])))"


STATE = _each(_ranked())
LEFT = _each(f"freshet_asset_deadline_timestamp_seconds{{{SELECTED}}} - time()")
LAG = _each(
    f"(time() - (freshet_asset_last_update_timestamp_seconds{{{SELECTED}}} "
    f"and on (namespace, asset) freshet_asset_basis_update{{{SELECTED}}})) "
    f"or on (namespace, asset) (time() - freshet_asset_data_timestamp_seconds{{{SELECTED}}})"
)
"""Of what is judged: the data, or with `basis: Update` the newest build."""
NODES = (
    "label_join(label_replace(label_replace(label_replace(label_join("
    f"max by ({WHO}, state) ({_ranked(' == 1')}), "
    '"id", "/", "namespace", "asset"), "title", "$1", "asset", "(.*)"), "mainstat", "$1", "state", "(.*)"), '
    '"subtitle", "$1", "pipeline", "(.*)"), "detail__kind", "", "kind")'
)
"""Grafana's node graph wants fields of these names; the value becomes the colour."""
EDGES = (
    "label_join(label_join(label_join("
    f"(max by (namespace, asset, upstream) (freshet_asset_upstream_info{{{SELECTED}}}) and on (namespace, upstream) "
    f'label_replace(freshet_asset_state{{{SELECTED},state="Fresh"}}, "upstream", "$1", "asset", "(.*)")), '
    '"id", "/", "namespace", "upstream", "asset"), "source", "/", "namespace", "upstream"), '
    '"target", "/", "namespace", "asset")'
)
DBT_RUN = (
    f'count_values by ({WHO}) ("run", {_asset("dbt_cloud_run")}) '
    "* on (namespace, pipeline) group_left (runs) "
    "topk by (namespace, pipeline) (1, max by (namespace, pipeline, runs) (freshet_pipeline_dbt_cloud_info))"
)
"""The run's id as a label, for a link, though no series has it as one."""

QUERIES: dict[str, str] = {
    # How are we?
    "assets": _count(_asset("state", ',state="Fresh"')),
    "fresh": _count(f"{_asset('fresh')} == 1"),
    "stale": _count(f"{_asset('fresh')} == 0"),
    "aging": _count(_asset("state", ',state="Aging"') + " == 1"),
    "not ready": _count(
        f"{_asset('ready')} == 0 or max by (namespace, pipeline) (freshet_pipeline_ready{{{PIPELINES}}}) == 0"
    ),
    "failing": _count(f"{_asset('failing')} == 1"),
    "under way": _count(_asset("run_started_timestamp_seconds")),
    "failed checks": f"sum({_asset('failed_checks')}) or vector(0)",
    # The table.
    "state": STATE,
    "lag": LAG,
    "limit": _asset("max_lag_seconds"),
    "stale in": LEFT,
    "since update": _each(f"time() - freshet_asset_last_update_timestamp_seconds{{{SELECTED}}}"),
    "rows": _asset("rows"),
    "dbt run": DBT_RUN,
    "fresh 30d": _each(f"freshet:asset_fresh:avg30d{{{SELECTED}}}"),
    "alerts": 'ALERTS{alertname=~"Freshet.*",alertstate="firing"}',
    # Lag against limit, as a share: 1 is the limit, whatever it is.
    "share of limit": f"1 - {LEFT} / {_asset('max_lag_seconds')}",
    # The objective.
    "fresh 1h": _each(f"freshet:asset_fresh:avg1h{{{SELECTED}}}"),
    "objective": _asset("objective_ratio"),
    "fresh 1d": _each(f"freshet:asset_fresh:avg1d{{{SELECTED}}}"),
    # Runs.
    "outcomes": "sum by (executor, outcome) (increase(freshet_runs_total[$__rate_interval]))",
    "run p50": _quantile("0.5", "freshet_run_duration_seconds", "executor"),
    "run p95": _quantile("0.95", "freshet_run_duration_seconds", "executor"),
    "newest run": _asset("run_duration_seconds"),
    "rejected rows": _asset("rejected_rows"),
    # From upstream to downstream, and the operator itself.
    "trigger p50": _quantile("0.5", "freshet_trigger_latency_seconds"),
    "trigger p99": _quantile("0.99", "freshet_trigger_latency_seconds"),
    "reconcile p99": _quantile("0.99", "freshet_reconcile_duration_seconds", "kind"),
    "queue": "sum(freshet_queue_depth)",
    "leader": "max(freshet_leader)",
    "memory": "process_resident_memory_bytes and on (instance, job) freshet_build_info",
    # Outside.
    "dbt Cloud ready": f"max by (namespace, pipeline) (freshet_pipeline_dbt_cloud_ready{{{PIPELINES}}})",
    "dbt Cloud requests": "sum by (code) (rate(freshet_dbt_cloud_requests_total[$__rate_interval]))",
    "models built": "sum(increase(freshet_dbt_cloud_models_built_total[$__range]))",
    "warehouse": f"min by (namespace, pipeline) (freshet_pipeline_warehouse_reachable{{{PIPELINES}}})",
    # Lineage.
    "nodes": NODES,
    "edges": EDGES,
}

VARIABLES: dict[str, str] = {
    "namespace": "label_values(freshet_asset_state, namespace)",
    "pipeline": 'label_values(freshet_asset_state{namespace=~"$namespace"}, pipeline)',
    "asset": f"label_values(freshet_asset_state{{{PIPELINES}}}, asset)",
}
"""Templates: each is offered what fits those before it."""
