"""Figures are right also while two replicas tell: one that is cut off from the API server, and the one after it."""

from pathlib import Path

import pytest
from manifests.monitoring.grafana.queries import QUERIES
from tests.parts.monitoring.playing import play

PIPELINE = 'namespace="shop",pipeline="shop"'
GOOD = f'asset="good",kind="Source",{PIPELINE}'
BAD = f'asset="bad",kind="DbtCloud",{PIPELINE}'
TOLD = {
    f'freshet_asset_state{{{GOOD},state="Fresh"}}': 0,
    f'freshet_asset_state{{{GOOD},state="Aging"}}': 1,
    f'freshet_asset_state{{{BAD},state="Fresh"}}': 0,
    f'freshet_asset_state{{{BAD},state="Aging"}}': 0,
    f"freshet_asset_fresh{{{GOOD}}}": 1,
    f"freshet_asset_fresh{{{BAD}}}": 0,
    f"freshet_asset_ready{{{BAD}}}": 0,
    f"freshet_pipeline_ready{{{PIPELINE}}}": 0,
    f"freshet_asset_failing{{{BAD}}}": 1,
    f"freshet_asset_run_started_timestamp_seconds{{{GOOD}}}": 60,
    f"freshet_asset_failed_checks{{{BAD}}}": 3,
}
FIGURES = {
    "assets": 2, "fresh": 1, "stale": 1, "aging": 1, "not ready": 2, "failing": 1, "under way": 1, "failed checks": 3,
}  # fmt: skip


def series() -> dict[str, str]:
    """As both pods tell; the one that is cut off does not know the newest run."""
    pods = {pod: f'{{instance="{pod}",' for pod in ("old", "new")}
    told = {name.replace("{", pod): f"{value}x20" for name, value in TOLD.items() for pod in pods.values()}
    for pod, run, project in (("old", 77, ""), ("new", 78, "projects/7/")):
        page = f'runs="https://dbt/deploy/1/{project}runs/"'
        told[f'freshet_asset_dbt_cloud_run{{instance="{pod}",{BAD}}}'] = f"{run}x20"
        told[f'freshet_pipeline_dbt_cloud_info{{instance="{pod}",{PIPELINE},job="2",{page}}}'] = "1x20"
    return told


def asked(name: str, labels: str, value: float, *, inside: str = "{}") -> dict[str, object]:
    query = QUERIES[name]
    for variable in ("namespace", "pipeline", "asset"):
        query = query.replace(f"${variable}", ".*")
    samples = [{"labels": labels, "value": value}]
    return {"expr": inside.format(query), "eval_time": "10m", "exp_samples": samples}


@pytest.mark.parametrize("name", FIGURES)
def test_what_two_tell_is_counted_once(name: str, tmp_path: Path) -> None:
    inputs = [{"series": name, "values": values} for name, values in series().items()]
    play(tmp_path, [{"input_series": inputs, "promql_expr_test": [asked(name, "{}", FIGURES[name])], "interval": "1m"}])


def test_an_asset_has_one_newest_run(tmp_path: Path) -> None:
    inputs = [{"series": name, "values": values} for name, values in series().items()]
    test = asked("dbt run", f'{{{BAD},run="78"}}', 1, inside="count without (runs) ({})")
    play(tmp_path, [{"interval": "1m", "input_series": inputs, "promql_expr_test": [test]}])
