"""The share of time that an asset was fresh, and the alerts that hold it against what was promised."""

from pathlib import Path

from tests.parts.monitoring.playing import ASSET, LABELS, OBJECTIVE, OTHER, fired, play


def test_the_example_s_first_asset_wakes_nobody_by_its_nature_but_does_when_loads_end(tmp_path: Path) -> None:
    """A limit of one minute, a load every five: fresh for a minute of each round, for a day; then no load any more."""
    rounds, load_due = "1 0 0 0 0 " * 288, " ".join(f"{300 * (1 + n // 5)}" for n in range(1440))
    series = {
        f"freshet_asset_fresh{{{ASSET}}}": f"{rounds}0x60",
        f"freshet_asset_next_load_timestamp_seconds{{{ASSET}}}": f"{load_due} 86700x60",
        OBJECTIVE: "0.1x1500",
        'freshet_build_info{version="0.1.0"}': "1x1500",
    }
    quiet = [fired("Freshet.*", at) for at in ("1h", "2h3m", "12h1m", "23h59m")]
    told = [fired("FreshetAssetStale|FreshetNoLoad", "24h40m", "orders"), fired("FreshetFreshnessBudget.*", "24h40m")]
    inputs = [{"series": name, "values": values} for name, values in series.items()]
    play(tmp_path, [{"interval": "1m", "input_series": inputs, "promql_expr_test": [*quiet, *told]}])


def test_an_asset_that_was_just_applied_wakes_nobody_until_it_has_been_built(tmp_path: Path) -> None:
    series = [{"series": f"freshet_asset_fresh{{{ASSET}}}", "values": "_x10 0x4 1x90"}]
    series += [{"series": OBJECTIVE, "values": "0.99x120"}, {"series": "freshet_build_info", "values": "1x120"}]
    quiet = [fired("Freshet.*", at) for at in ("12m", "14m", "16m", "20m", "1h", "1h20m")]
    play(tmp_path, [{"interval": "1m", "input_series": series, "promql_expr_test": quiet}])


def test_the_objective_is_told_in_words(tmp_path: Path) -> None:
    alert, summary = "FreshetFreshnessBudgetBurnsFast", "shop/orders is stale much of the time"
    words = "Stale for 100% of the last hour, which is more than fourteen times what its objective allows."
    runbook = "http://127.0.0.1:8080/docs/runbooks/freshness-budget.md"
    told = {"summary": summary, "description": words, "runbook_url": runbook}
    expected = [{"exp_labels": {**LABELS, "severity": "critical"}, "exp_annotations": told}]
    series = {f"freshet_asset_fresh{{{ASSET}}}": "1x60 0x180", OBJECTIVE: "0.99x240"}
    inputs = [{"series": name, "values": values} for name, values in series.items()]
    rules = [{"alertname": alert, "eval_time": "4h", "exp_alerts": expected}]
    play(tmp_path, [{"interval": "1m", "input_series": inputs, "alert_rule_test": rules}])


def test_each_asset_is_held_to_its_own_objective(tmp_path: Path) -> None:
    """Ten minutes of a day: too many for one that promises 99.9 %, few enough for one that promises 95 %."""
    series = {
        f"freshet_asset_fresh{{{ASSET}}}": "1x1400 0x10 1x90",
        f"freshet_asset_fresh{{{OTHER}}}": "1x1400 0x10 1x90",
        OBJECTIVE: "0.999x1500",
        f"freshet_asset_objective_ratio{{{OTHER}}}": "0.95x1500",
    }
    tests = [
        fired("FreshetFreshnessBudgetBurnsFast", "23h28m", "orders"),
        fired("FreshetFreshnessBudgetBurnsSlowly", "24h20m", "orders"),
    ]
    inputs = [{"series": name, "values": values} for name, values in series.items()]
    play(tmp_path, [{"interval": "1m", "input_series": inputs, "promql_expr_test": tests}])


def test_the_share_goes_on_when_another_pod_tells(tmp_path: Path) -> None:
    """The operator is rolled out in the middle of a day of which the first half was stale."""
    series = [
        {"series": f'freshet_asset_fresh{{{ASSET},instance="a"}}', "values": "0x719 stale"},
        {"series": f'freshet_asset_fresh{{{ASSET},instance="b"}}', "values": "_x720 1x720"},
    ]
    test = {"expr": "round(freshet:asset_fresh:avg1d, 0.1)", "eval_time": "24h"}
    expected = {**test, "exp_samples": [{"labels": f"{{{ASSET}}}", "value": 0.5}]}
    play(tmp_path, [{"interval": "1m", "input_series": series, "promql_expr_test": [expected]}])


def test_the_share_of_time_fresh(tmp_path: Path) -> None:
    """A day of which the first half was stale; the same day in a month of which it is all that is known."""
    labels = f"{{{ASSET}}}"
    expected = [("freshet:asset_fresh:avg1h", "12h", 0), ("freshet:asset_fresh:avg1h", "24h", 1)]
    tests = [
        {"expr": name, "eval_time": at, "exp_samples": [{"labels": f"{name}{labels}", "value": value}]}
        for name, at, value in expected
    ]
    half = {"expr": "round(freshet:asset_fresh:avg1d, 0.1)", "eval_time": "24h"}
    month = {"expr": "round(freshet:asset_fresh:avg30d, 0.1)", "eval_time": "24h"}
    tests += [{**test, "exp_samples": [{"labels": labels, "value": 0.5}]} for test in (half, month)]
    series = [{"series": f"freshet_asset_fresh{labels}", "values": "0x720 1x720"}]
    play(tmp_path, [{"interval": "1m", "input_series": series, "promql_expr_test": tests}])


def test_what_is_held_back_on_purpose_burns_no_budget_until_it_goes_on(tmp_path: Path) -> None:
    """Suspended after a day, for two; then it goes on, and stays stale."""
    state = f'freshet_asset_state{{{ASSET},state="Suspended"}}'
    series = {
        f"freshet_asset_fresh{{{ASSET}}}": "1x1440 0x3000",
        state: "0x1440 1x2880 0x120",
        OBJECTIVE: "0.99x4440",
    }
    inputs = [{"series": name, "values": values} for name, values in series.items()]
    tests = [fired("FreshetFreshnessBudget.*", at) for at in ("25h", "36h", "70h")]
    told = [fired("FreshetFreshnessBudgetBurnsFast", "72h10m", "orders")]
    play(tmp_path, [{"interval": "1m", "input_series": inputs, "promql_expr_test": [*tests, *told]}])
