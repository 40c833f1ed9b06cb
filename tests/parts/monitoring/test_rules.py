"""Each alert fires, keeps quiet, and ends: promtool plays series against the rules that ship."""

import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from manifests.monitoring import generate
from tests.support.prometheus import promtool

ROOT = Path(__file__).parents[3]
RULES = ROOT / "manifests" / "monitoring" / "rules.yaml"
ASSET = 'asset="orders",kind="Source",namespace="shop",pipeline="shop"'
OTHER = 'asset="other",kind="Source",namespace="shop",pipeline="shop"'
PIPELINE = 'namespace="shop",pipeline="shop"'
OBJECTIVE = f"freshet_asset_objective_ratio{{{ASSET}}}"
LABELS = {"asset": "orders", "kind": "Source", "namespace": "shop", "pipeline": "shop"}


@dataclass(frozen=True, kw_only=True)
class Case:
    """Series at one value a minute, and when the alert does not fire yet, fires, and has ended."""

    alert: str
    series: dict[str, str]
    quiet: str
    firing: str
    resolved: str
    labels: dict[str, str] = field(default_factory=lambda: LABELS)


CASES = [
    Case(
        alert="FreshetAssetStale",
        series={f"freshet_asset_fresh{{{ASSET}}}": "1x4 0x10 1x10", f"freshet_asset_fresh{{{OTHER}}}": "1x40"},
        quiet="9m",
        firing="10m",
        resolved="21m",
    ),
    Case(
        alert="FreshetAssetAging",
        series={f'freshet_asset_state{{{ASSET},state="Aging"}}': "0x4 1x10 0x10"},
        quiet="9m",
        firing="10m",
        resolved="21m",
    ),
    Case(
        alert="FreshetAssetFailing",
        series={f"freshet_asset_failing{{{ASSET}}}": "0x4 1x10 0x10"},
        quiet="5m",
        firing="6m",
        resolved="21m",
    ),
    Case(
        alert="FreshetAssetStuck",
        series={
            f"freshet_asset_run_started_timestamp_seconds{{{ASSET}}}": "60x30 stale",
            f"freshet_asset_timeout_seconds{{{ASSET}}}": "600x60",
        },
        quiet="21m",
        firing="22m",
        resolved="37m",
    ),
    Case(
        alert="FreshetNoLoad",
        series={f"freshet_asset_next_load_timestamp_seconds{{{ASSET}}}": "300x30 3600x30"},
        quiet="20m",
        firing="22m",
        resolved="41m",
    ),
    Case(
        alert="FreshetLoadRejectsRows",
        series={f"freshet_asset_rejected_rows{{{ASSET}}}": "0x4 3x10 0x10"},
        quiet="4m",
        firing="5m",
        resolved="21m",
    ),
    Case(
        alert="FreshetLoadRejectsRows",
        series={f"freshet_asset_load_refused{{{ASSET}}}": "0x4 1x10 0x10"},
        quiet="4m",
        firing="5m",
        resolved="21m",
    ),
    Case(
        alert="FreshetDbtCloudUnreachable",
        series={f"freshet_pipeline_dbt_cloud_ready{{{PIPELINE}}}": "1x4 0x20 1x10"},
        quiet="14m",
        firing="15m",
        resolved="31m",
        labels={"namespace": "shop", "pipeline": "shop"},
    ),
    Case(
        alert="FreshetWarehouseUnreachable",
        series={f"freshet_pipeline_warehouse_reachable{{{PIPELINE}}}": "1x4 0x20 1x10"},
        quiet="14m",
        firing="15m",
        resolved="31m",
        labels={"namespace": "shop", "pipeline": "shop"},
    ),
    Case(
        alert="FreshetOperatorDown",
        series={'freshet_build_info{version="0.1.0"}': "1x3 stale _x10 1x10"},
        quiet="8m",
        firing="9m",
        resolved="16m",
        labels={},
    ),
    Case(
        alert="FreshetNotLeader",
        series={'freshet_leader{instance="a"}': "1x4 0x10 1x10", 'freshet_leader{instance="b"}': "0x40"},
        quiet="6m",
        firing="7m",
        resolved="16m",
        labels={},
    ),
    Case(
        alert="FreshetFreshnessBudgetBurnsFast",
        series={f"freshet_asset_fresh{{{ASSET}}}": "1x120 0x20 1x60", OBJECTIVE: "0.99x200"},
        quiet="129m",
        firing="140m",
        resolved="155m",
    ),
    Case(
        alert="FreshetFreshnessBudgetBurnsSlowly",
        series={f"freshet_asset_fresh{{{ASSET}}}": "1x1440 0x90 1x120", OBJECTIVE: "0.99x1650"},
        quiet="1440m",
        firing="1550m",
        resolved="1650m",
    ),
]


def rules() -> Iterator[dict[str, Any]]:
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        yield from group["rules"]


def severity(alert: str) -> str:
    found: str = next(rule["labels"]["severity"] for rule in rules() if rule.get("alert") == alert)
    return found


def played(case: Case) -> dict[str, Any]:
    """One test of promtool's: ALERTS holds what fires."""
    expression = f'count without (severity) (ALERTS{{alertname="{case.alert}",alertstate="firing"}})'
    labels = {"alertname": case.alert, "alertstate": "firing", **case.labels}
    text = "{" + ",".join(f'{key}="{value}"' for key, value in sorted(labels.items())) + "}"
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in case.series.items()],
        "promql_expr_test": [
            {"expr": expression, "eval_time": case.quiet, "exp_samples": []},
            {"expr": expression, "eval_time": case.firing, "exp_samples": [{"labels": text, "value": 1}]},
            {"expr": expression, "eval_time": case.resolved, "exp_samples": []},
        ],
    }


def play(folder: Path, tests: list[dict[str, Any]]) -> None:
    path = folder / "test.yaml"
    path.write_text(yaml.safe_dump({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": tests}))
    promtool("test", "rules", path)


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


STUCK = {
    f"freshet_asset_run_started_timestamp_seconds{{{ASSET}}}": "1",
    f"freshet_asset_timeout_seconds{{{ASSET}}}": "600",
}
LATE = {f"freshet_asset_fresh{{{ASSET}}}": "0", OBJECTIVE: "0.99"}
HELD: list[tuple[str, dict[str, str], int]] = [
    ("FreshetAssetStale", {f"freshet_asset_fresh{{{ASSET}}}": "0"}, 30),
    ("FreshetAssetAging", {f'freshet_asset_state{{{ASSET},state="Aging"}}': "1"}, 30),
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


def test_what_is_of_assets_and_pipelines_is_all_rolled_out() -> None:
    operator = {"FreshetOperatorDown", "FreshetNotLeader"}
    assert {alert for alert, _, _ in HELD} == {case.alert for case in CASES} - operator


def test_what_is_held_back_on_purpose_is_not_called_stale_nor_a_load_under_way_missing(tmp_path: Path) -> None:
    suspended = {
        f"freshet_asset_fresh{{{ASSET}}}": "0x40",
        f'freshet_asset_state{{{ASSET},state="Suspended"}}': "1x40",
        f"freshet_asset_next_load_timestamp_seconds{{{ASSET}}}": "0x40",
        f"freshet_asset_run_started_timestamp_seconds{{{ASSET}}}": "1200x40",
    }
    quiet = {"expr": 'ALERTS{alertname=~"FreshetAssetStale|FreshetNoLoad"}', "eval_time": "30m", "exp_samples": []}
    series = [{"series": name, "values": values} for name, values in suspended.items()]
    play(tmp_path, [{"interval": "1m", "input_series": series, "promql_expr_test": [quiet]}])


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


def test_loads_that_are_tried_and_fail_are_one_alert_which_ends_when_one_succeeds(tmp_path: Path) -> None:
    """Every five minutes one runs for two and fails, for an hour; the one at 1h30m succeeds."""
    series = {
        f"freshet_asset_next_load_timestamp_seconds{{{ASSET}}}": "0x89 5700x60",
        f"freshet_asset_run_started_timestamp_seconds{{{ASSET}}}": "stale stale stale 1 1 " * 18,
    }
    inputs = [{"series": name, "values": values} for name, values in series.items()]
    firing = [fired("FreshetNoLoad", f"{minute}m", "orders") for minute in range(18, 97)]
    ended = [fired("FreshetNoLoad", at) for at in ("15m", "101m", "110m")]
    play(tmp_path, [{"interval": "1m", "input_series": inputs, "promql_expr_test": [*firing, *ended]}])


def fired(alerts: str, at: str, *assets: str) -> dict[str, Any]:
    """Which assets alerts of that pattern fire for."""
    samples = [{"labels": f'{{asset="{asset}"}}', "value": 1} for asset in assets]
    expression = f'max by (asset) (ALERTS{{alertname=~"{alerts}",alertstate="firing"}} * 0 + 1)'
    return {"expr": expression, "eval_time": at, "exp_samples": samples}


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


@pytest.mark.parametrize("rule", [rule for rule in rules() if "alert" in rule], ids=lambda rule: rule["alert"])
def test_an_alert_helps_whom_it_wakes(rule: dict[str, Any]) -> None:
    notes = rule["annotations"]
    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    assert notes["summary"]
    assert notes["description"].endswith(".")
    page = ROOT / "docs" / "runbooks" / notes["runbook_url"].rpartition("/")[2]
    assert notes["runbook_url"] == f"http://127.0.0.1:8080/docs/runbooks/{page.name}"
    text = page.read_text()
    assert f"`{rule['alert']}`" in text
    for heading in ("## What it means", "## What to look at", "## What to do"):
        assert heading in text


WIKI = "https://wiki.example/freshet/-/blob/main/docs/runbooks"


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of what ships, for generate.py to write to."""
    folder = tmp_path / "monitoring"
    shutil.copytree(RULES.parent, folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(generate, "FOLDER", folder)
    return folder


def test_runbooks_are_read_where_one_says(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = [rule["annotations"]["runbook_url"].rpartition("/")[2] for rule in rules() if "alert" in rule]
    for base in (WIKI, "http://other.example/runbooks/"):
        monkeypatch.setattr(sys, "argv", ["generate.py", "--runbooks", base])
        generate.main()
        for name, inside in (("rules.yaml", ()), ("prometheusrule.yaml", ("spec",))):
            text = (copied / name).read_text()
            found = yaml.safe_load(text)
            for key in inside:
                found = found[key]
            told = [r["annotations"]["runbook_url"] for g in found["groups"] for r in g["rules"] if "alert" in r]
            assert told == [f"{base.rstrip('/')}/{page}" for page in pages]
    monkeypatch.setattr(sys, "argv", ["generate.py", "--check"])
    generate.main()
    assert "SUCCESS" in promtool("check", "rules", copied / "rules.yaml")


@pytest.mark.parametrize(
    "base", ["docs/runbooks", "https://", "https://wiki.example/a b", "https://wiki.example/{{x}}"]
)
def test_an_address_that_no_browser_opens_is_refused(
    copied: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], base: str
) -> None:
    before = (copied / "rules.yaml").read_text()
    monkeypatch.setattr(sys, "argv", ["generate.py", "--runbooks", base])
    with pytest.raises(SystemExit):
        generate.main()
    assert "is no address of a folder" in capsys.readouterr().err
    assert (copied / "rules.yaml").read_text() == before
