"""Alerts of assets and pipelines go on while the operator is rolled out: they do not hang on one pod's series."""

from pathlib import Path

import pytest
from tests.parts.monitoring.playing import ASSET, CASES, LABELS, OBJECTIVE, PIPELINE, play, rules

STUCK = {
    f"freshet_asset_run_started_timestamp_seconds{{{ASSET}}}": "1",
    f"freshet_asset_timeout_seconds{{{ASSET}}}": "600",
}
LATE = {f"freshet_asset_fresh{{{ASSET}}}": "0", OBJECTIVE: "0.99"}
HELD: list[tuple[str, dict[str, str], int]] = [
    ("FreshetAssetStale", {f"freshet_asset_fresh{{{ASSET}}}": "0"}, 30),
    ("FreshetAssetAging", {f'freshet_asset_state{{{ASSET},state="Aging"}}': "1"}, 30),
    ("FreshetNotReady", {f"freshet_asset_ready{{{ASSET}}}": "0"}, 30),
    ("FreshetNotReady", {f"freshet_pipeline_ready{{{PIPELINE}}}": "0"}, 30),
    ("FreshetAssetFailing", {f"freshet_asset_failing{{{ASSET}}}": "1"}, 30),
    ("FreshetAssetStuck", STUCK, 30),
    ("FreshetNoLoad", {f"freshet_asset_next_load_timestamp_seconds{{{ASSET}}}": "1"}, 30),
    ("FreshetLoadRejectsRows", {f"freshet_asset_rejected_rows{{{ASSET}}}": "3"}, 30),
    ("FreshetLoadRejectsRows", {f"freshet_asset_load_refused{{{ASSET}}}": "1"}, 30),
    ("FreshetDbtCloudUnreachable", {f"freshet_pipeline_dbt_cloud_ready{{{PIPELINE}}}": "0"}, 30),
    ("FreshetWarehouseUnreachable", {f"freshet_pipeline_warehouse_reachable{{{PIPELINE}}}": "0"}, 30),
    ("FreshetFreshnessBudgetBurnsFast", LATE, 120),
    ("FreshetFreshnessBudgetBurnsSlowly", LATE, 1560),
]
"""What keeps an alert firing, and the minute in which the operator's pod is replaced."""


def by(pod: str, series: str) -> str:
    """As a ServiceMonitor labels what it scrapes."""
    return series.replace("{", f'{{instance="{pod}:8080",pod="{pod}",')


@pytest.mark.parametrize(("alert", "held", "at"), HELD, ids=lambda it: it if isinstance(it, str) else "")
def test_it_goes_on_while_the_operator_is_rolled_out(alert: str, held: dict[str, str], at: int, tmp_path: Path) -> None:
    """One pod's series end, another's begin; between them is a minute in which nobody is scraped."""
    series = {by("freshet-1", name): f"{value}x{at - 1} stale" for name, value in held.items()}
    series |= {by("freshet-2", name): "_ " * (at + 1) + f"{value}x30" for name, value in held.items()}
    of = {"pipeline": "shop", "namespace": "shop"} if "pipeline_" in next(iter(held)) else LABELS
    text = ",".join(f'{key}="{value}"' for key, value in {**of, "alertname": alert, "alertstate": "firing"}.items())
    expression = f'count without (severity) (ALERTS{{alertname="{alert}",alertstate="firing"}})'
    samples = [{"labels": f"{{{text}}}", "value": 1}]
    tests = [{"expr": expression, "eval_time": f"{at + n}m", "exp_samples": samples} for n in range(-2, 30)]
    inputs = [{"series": name, "values": values} for name, values in series.items()]
    play(tmp_path, [{"interval": "1m", "input_series": inputs, "promql_expr_test": tests}])


PENDING = [(alert, held) for alert, held, _ in HELD if alert not in ("FreshetAssetStuck", "FreshetLoadRejectsRows")]
"""All but those that fire at once."""
SCRAPE, NOBODY = 15, 6
"""Seconds between two scrapes, and how many find nobody: a pod that is started again, and its Lease."""
DAY_PLUS = 1470 * 60 // SCRAPE
FOR = {rule["alert"]: int(rule["for"].removesuffix("m")) for rule in rules() if "for" in rule}


def silent(scrapes: int) -> str:
    return f"_x{scrapes} " if scrapes else ""


@pytest.mark.parametrize(("alert", "held"), PENDING, ids=lambda it: it if isinstance(it, str) else "")
def test_what_is_pending_does_not_begin_again_when_the_operator_is_rolled_out(
    alert: str, held: dict[str, str], tmp_path: Path
) -> None:
    """Half of its ``for`` has passed when nobody is scraped for a minute and a half: it fires when it would have."""
    since = {"FreshetFreshnessBudgetBurnsFast": 60, "FreshetFreshnessBudgetBurnsSlowly": 1440}.get(alert, 20) * 60
    began = 0 if "Budget" in alert else since // SCRAPE
    gone = since // SCRAPE + FOR[alert] * 60 // SCRAPE // 2
    series = {by("freshet-1", n): f"{silent(began)}{value}x{gone - began} stale" for n, value in held.items()}
    series |= {by("freshet-2", n): f"{silent(gone + NOBODY)}{value}x{DAY_PLUS}" for n, value in held.items()}
    fires = f'count(ALERTS{{alertname="{alert}",alertstate="firing"}})'
    at = since + FOR[alert] * 60
    slack = 300 if "Slowly" in alert else 60  # what is recorded is so each minute, or each fifth one
    tests = [
        {"expr": fires, "eval_time": f"{at - slack}s", "exp_samples": []},
        {"expr": fires, "eval_time": f"{at + slack}s", "exp_samples": [{"labels": "{}", "value": 1}]},
    ]
    inputs = [{"series": name, "values": values} for name, values in series.items()]
    play(tmp_path, [{"interval": f"{SCRAPE}s", "input_series": inputs, "promql_expr_test": tests}], every=f"{SCRAPE}s")


def test_no_leader_is_told_though_each_pod_soon_ends(tmp_path: Path) -> None:
    """Pods that crash before they act: each is scraped once a minute, none leads."""
    series = {f'freshet_leader{{pod="freshet-{n}"}}': f"{silent(4 * n)}0 stale" for n in range(20)}
    inputs = [{"series": name, "values": values} for name, values in series.items()]
    fires = {"expr": 'count(ALERTS{alertname="FreshetNotLeader",alertstate="firing"})', "eval_time": "4m"}
    tests = [{**fires, "exp_samples": [{"labels": "{}", "value": 1}]}]
    play(tmp_path, [{"interval": f"{SCRAPE}s", "input_series": inputs, "promql_expr_test": tests}], every=f"{SCRAPE}s")


def test_what_is_of_assets_and_pipelines_is_all_rolled_out() -> None:
    operator = {"FreshetOperatorDown", "FreshetNotLeader"}
    assert {alert for alert, _, _ in HELD} == {case.alert for case in CASES} - operator
