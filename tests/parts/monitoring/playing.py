"""promtool plays series against the rules that ship: what each alert is played, and how."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from tests.support.prometheus import promtool

__all__ = [
    "ASSET",
    "CASES",
    "LABELS",
    "OBJECTIVE",
    "OTHER",
    "PIPELINE",
    "ROOT",
    "RULES",
    "Case",
    "fired",
    "play",
    "played",
    "rules",
]

ROOT = Path(__file__).parents[3]
RULES = ROOT / "manifests" / "monitoring" / "rules.yaml"
ASSET = 'asset="orders",kind="Source",namespace="shop",pipeline="shop"'
OTHER = 'asset="other",kind="Source",namespace="shop",pipeline="shop"'
PIPELINE = 'namespace="shop",pipeline="shop"'
OBJECTIVE = f"freshet_asset_objective_ratio{{{ASSET}}}"
OF_PIPELINE = {"namespace": "shop", "pipeline": "shop"}
LABELS = {"asset": "orders", "kind": "Source", **OF_PIPELINE}


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
        alert="FreshetNotReady",
        series={f"freshet_asset_ready{{{ASSET}}}": "1x4 0x15 1x10", f"freshet_asset_ready{{{OTHER}}}": "1x40"},
        quiet="14m",
        firing="15m",
        resolved="26m",
    ),
    Case(
        alert="FreshetNotReady",
        series={f"freshet_pipeline_ready{{{PIPELINE}}}": "1x4 0x15 1x10"},
        quiet="14m",
        firing="15m",
        resolved="26m",
        labels=OF_PIPELINE,
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
        labels=OF_PIPELINE,
    ),
    Case(
        alert="FreshetWarehouseUnreachable",
        series={f"freshet_pipeline_warehouse_reachable{{{PIPELINE}}}": "1x4 0x20 1x10"},
        quiet="14m",
        firing="15m",
        resolved="31m",
        labels=OF_PIPELINE,
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


def play(folder: Path, tests: list[dict[str, Any]], *, every: str = "1m") -> None:
    path = folder / "test.yaml"
    path.write_text(yaml.safe_dump({"rule_files": [str(RULES)], "evaluation_interval": every, "tests": tests}))
    promtool("test", "rules", path)


def fired(alerts: str, at: str, *assets: str) -> dict[str, Any]:
    """Which assets alerts of that pattern fire for."""
    samples = [{"labels": f'{{asset="{asset}"}}', "value": 1} for asset in assets]
    expression = f'max by (asset) (ALERTS{{alertname=~"{alerts}",alertstate="firing"}} * 0 + 1)'
    return {"expr": expression, "eval_time": at, "exp_samples": samples}
