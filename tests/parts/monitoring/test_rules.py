"""Each alert fires, keeps quiet, and ends; none wakes anybody for what is meant to be so."""

from pathlib import Path

import pytest
import yaml
from tests.parts.monitoring.playing import ASSET, CASES, PIPELINE, RULES, Case, fired, play, played, rules
from tests.support.prometheus import promtool


def test_promtool_finds_no_fault(tmp_path: Path) -> None:
    """Debian builds Prometheus without the discovery of pods: a fixed target stands in for it."""
    assert "SUCCESS" in promtool("check", "rules", RULES)
    config = yaml.safe_load(RULES.with_name("scrape.yaml").read_text())
    config["rule_files"] = [str(RULES)]
    (job,) = config["scrape_configs"]
    (discovery,) = job.pop("kubernetes_sd_configs")
    assert discovery["namespaces"] == {"names": ["freshet-system"]}
    path = tmp_path / "prometheus.yaml"
    path.write_text(yaml.safe_dump({**config, "scrape_configs": [{**job, "static_configs": [{"targets": ["a:1"]}]}]}))
    assert "SUCCESS" in promtool("check", "config", path)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.alert)
def test_it_fires_keeps_quiet_and_ends(case: Case, tmp_path: Path) -> None:
    play(tmp_path, [played(case)])


def test_every_alert_is_played() -> None:
    assert {case.alert for case in CASES} == {rule["alert"] for rule in rules() if "alert" in rule}


def test_what_is_held_back_on_purpose_wakes_nobody_nor_is_a_load_under_way_missing(tmp_path: Path) -> None:
    suspended = {
        f"freshet_asset_fresh{{{ASSET}}}": "0x40",
        f'freshet_asset_state{{{ASSET},state="Suspended"}}': "1x40",
        f"freshet_asset_next_load_timestamp_seconds{{{ASSET}}}": "0x40",
        f"freshet_asset_run_started_timestamp_seconds{{{ASSET}}}": "600x40",
        f"freshet_asset_ready{{{ASSET}}}": "0x40",
        f"freshet_asset_failing{{{ASSET}}}": "1x40",
        f"freshet_asset_rejected_rows{{{ASSET}}}": "3x40",
        f"freshet_asset_load_refused{{{ASSET}}}": "1x40",
        f"freshet_pipeline_ready{{{PIPELINE}}}": "0x40",
        f"freshet_pipeline_dbt_cloud_ready{{{PIPELINE}}}": "0x40",
        f"freshet_pipeline_warehouse_reachable{{{PIPELINE}}}": "0x40",
        f"freshet_pipeline_suspended{{{PIPELINE}}}": "1x40",
    }
    alerts = "FreshetAsset(Stale|Failing)|FreshetNo(Load|tReady)|Freshet(DbtCloud|Warehouse)Unreachable|FreshetLoad.*"
    quiet = {"expr": f'ALERTS{{alertname=~"{alerts}"}}', "eval_time": "30m", "exp_samples": []}
    series = [{"series": name, "values": values} for name, values in suspended.items()]
    play(tmp_path, [{"interval": "1m", "input_series": series, "promql_expr_test": [quiet]}])


def test_loads_that_are_tried_and_fail_are_one_alert_which_ends_when_one_succeeds(tmp_path: Path) -> None:
    """Every five minutes one runs for two and fails, for an hour; the one at 1h30m succeeds."""
    series = {
        f"freshet_asset_next_load_timestamp_seconds{{{ASSET}}}": "0x89 5700x60",
        f"freshet_asset_run_started_timestamp_seconds{{{ASSET}}}": "stale stale stale 1 1 " * 18,
        f'freshet_asset_state{{{ASSET},state="Stale"}}': "1x160",  # the operator tells of it all the while
    }
    inputs = [{"series": name, "values": values} for name, values in series.items()]
    firing = [fired("FreshetNoLoad", f"{minute}m", "orders") for minute in range(18, 97)]
    ended = [fired("FreshetNoLoad", at) for at in ("15m", "101m", "110m")]
    play(tmp_path, [{"interval": "1m", "input_series": inputs, "promql_expr_test": [*firing, *ended]}])


def test_loads_that_are_tried_and_hang_are_one_alert(tmp_path: Path) -> None:
    """Every thirty-five minutes one begins and is stopped after thirty; the first began in time, and is waited for."""
    began = " ".join(f"{'stale ' * 5}{f'{60 * (5 + 35 * n)} ' * 30}" for n in range(6))
    series = {
        f"freshet_asset_next_load_timestamp_seconds{{{ASSET}}}": "0x220",
        f"freshet_asset_run_started_timestamp_seconds{{{ASSET}}}": began,
        f'freshet_asset_state{{{ASSET},state="Stale"}}': "1x220",
    }
    inputs = [{"series": name, "values": values} for name, values in series.items()]
    tests = [fired("FreshetNoLoad", "34m")]
    tests += [fired("FreshetNoLoad", f"{minute}m", "orders") for minute in range(37, 200)]
    play(tmp_path, [{"interval": "1m", "input_series": inputs, "promql_expr_test": tests}])


def test_models_of_one_run_may_take_as_long_as_the_longest_of_them(tmp_path: Path) -> None:
    """Another Pipeline's run is ended by its own timeout, and a model that is not being built counts for nothing."""
    began, limits = {"quick": "shop", "slow": "shop", "alone": "side"}, {"quick": 600, "slow": 7200, "alone": 600}
    of = 'asset="{}",kind="DbtCloud",namespace="shop",pipeline="{}"'
    series = {f"freshet_asset_run_started_timestamp_seconds{{{of.format(*it)}}}": "0x200" for it in began.items()}
    for name, limit in {**limits, "idle": 86_400}.items():
        labels = of.format(name, began.get(name, "shop"))
        series[f"freshet_asset_timeout_seconds{{{labels}}}"] = f"{limit}x200"
    inputs = [{"series": name, "values": values} for name, values in series.items()]
    tests = [
        fired("FreshetAssetStuck", "19m"),
        fired("FreshetAssetStuck", "129m", "alone"),
        fired("FreshetAssetStuck", "132m", "alone", "quick", "slow"),
    ]
    play(tmp_path, [{"interval": "1m", "input_series": inputs, "promql_expr_test": tests}])
