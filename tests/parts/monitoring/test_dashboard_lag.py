"""The lag that is drawn beside the limit is the one that is judged by it."""

from pathlib import Path

from manifests.monitoring.grafana.queries import QUERIES
from tests.parts.monitoring.playing import play

WHO = 'asset="{}",kind="Count",namespace="shop",pipeline="shop"'


def test_what_is_judged_by_its_builds_has_the_lag_of_its_build(tmp_path: Path) -> None:
    """Two replicas tell the same; data of 0, builds of ten minutes later; asked after half an hour."""
    series = []
    for pod in "ab":
        for name in ("table", "view"):
            labels = f'{WHO.format(name)},instance="{pod}"'
            series += [
                {"series": f"freshet_asset_data_timestamp_seconds{{{labels}}}", "values": "0x40"},
                {"series": f"freshet_asset_last_update_timestamp_seconds{{{labels}}}", "values": "600x40"},
            ]
        view = f'{WHO.format("view")},instance="{pod}"'
        series.append({"series": f"freshet_asset_basis_update{{{view}}}", "values": "1x40"})
    query = QUERIES["lag"]
    for variable in ("namespace", "pipeline", "asset"):
        query = query.replace(f"${variable}", ".*")
    lags = [{"labels": f"{{{WHO.format(name)}}}", "value": lag} for name, lag in (("table", 1800), ("view", 1200))]
    asked = {"expr": query, "eval_time": "30m", "exp_samples": lags}
    play(tmp_path, [{"interval": "1m", "input_series": series, "promql_expr_test": [asked]}])
