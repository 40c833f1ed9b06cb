"""A real Prometheus scrapes the demo: each rule and each query of the dashboard has an answer, and it is kubectl's."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from manifests.monitoring.grafana.looks import DBT_CLOUD, RANKS
from manifests.monitoring.grafana.queries import QUERIES, VARIABLES
from tests.e2e.conftest import DemoFactory
from tests.e2e.playing import Demo
from tests.support.prometheus import PrometheusServer
from tests.support.waiting import wait_for

from freshet.api.durations import parse_duration
from freshet.local.paths import checkout

MONITORING = checkout() / "manifests" / "monitoring"
EXAMPLE = ("dlt-kaizen-wars-fact-virtual", "stg-kaizen-wars--fact-virtual", "fact-virtual-count")
PATIENCE = 90
MORE = """
apiVersion: freshet.dev/v1alpha1
kind: Asset
metadata: {{name: {name}, namespace: watched}}
spec:
  freshness: {{maximumLag: 1h, warnLag: 45m, objective: 99.5%}}
  retries: {{limit: 0}}
  materialize:
    job:
      template:
        spec:
          template:
            spec:
              restartPolicy: Never
              containers: [{{name: work, image: none, command: {command}}}]
"""
BROKEN, ENDLESS = MORE.format(name="broken", command="['false']"), MORE.format(name="endless", command="[sleep, '900']")
SUBSTITUTES = {"$namespace": ".*", "$pipeline": ".*", "$asset": ".*", "$__rate_interval": "5m", "$__range": "6h"}


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[Callable[[str], PrometheusServer]]:
    """Starts Prometheus with the scrape configuration and the rules that ship, at a faster pace."""
    started: list[PrometheusServer] = []

    def start(target: str) -> PrometheusServer:
        started.append(PrometheusServer(folder=tmp_path / "prometheus", config=config(target, folder=tmp_path)))
        return started[-1]

    yield start
    for server in started:
        server.stop()


def config(target: str, *, folder: Path) -> dict[str, Any]:
    """scrape.yaml, with this target for the pods that it looks for; minutes of waiting are left out of the rules."""
    given = yaml.safe_load((MONITORING / "scrape.yaml").read_text())
    (job,) = given["scrape_configs"]
    kept = {key: job[key] for key in ("job_name", "honor_labels")}
    rules = yaml.safe_load((MONITORING / "rules.yaml").read_text())
    for group in rules["groups"]:
        group["interval"] = "1s"
        for rule in group["rules"]:
            rule.pop("for", None)
    (folder / "rules.yaml").write_text(yaml.safe_dump(rules))
    return {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(folder / "rules.yaml")],
        "scrape_configs": [{**kept, "static_configs": [{"targets": [target]}]}],
    }


def test_prometheus_and_kubectl_say_the_same(
    demo: DemoFactory, prometheus: Callable[[str], PrometheusServer], tmp_path: Path
) -> None:
    shown = demo()
    shown.said("In another terminal")
    server = prometheus(metrics_address(shown))
    trouble = tmp_path / "trouble.yaml"
    trouble.write_text(f"{BROKEN}---{ENDLESS}")
    shown.shell(f"kubectl create namespace watched; kubectl apply --validate=strict -f {trouble}")
    for asset in EXAMPLE:
        shown.shell(f"kubectl wait -n kaizen-wars --for=create asset/{asset} --timeout={PATIENCE}s")
        shown.shell(f"kubectl wait -n kaizen-wars --for=condition=Fresh asset/{asset} --timeout={PATIENCE}s")
    shown.shell(f"kubectl wait -n watched --for=condition=Failing asset/broken --timeout={PATIENCE}s")

    assets_agree(shown, server)
    counts_agree(shown, server)
    for expression in QUERIES.values():
        server.wait(filled(expression), timeout=PATIENCE)
    for name, expression in VARIABLES.items():
        assert variable(server, expression), name
    rules_work(server)
    alerts_are_told(server)
    lineage_is_drawn(shown, server)
    the_dbt_cloud_run_is_found(shown, server)
    exemplars_name_runs(shown, server)
    pods_log_for_machines(shown)


def metrics_address(shown: Demo) -> str:
    found = re.search(r"curl -s http://(\S+)/metrics", shown.output())
    assert found, shown.output()
    return found[1]


def filled(expression: str) -> str:
    """With all values of every variable, as Grafana would send it."""
    for name, value in SUBSTITUTES.items():
        expression = expression.replace(name, value)
    return expression


def objects(shown: Demo) -> dict[tuple[str, str], dict[str, Any]]:
    items = json.loads(shown.shell("kubectl get assets -A -o json"))["items"]
    return {(item["metadata"]["namespace"], item["metadata"]["name"]): item for item in items}


def by_asset(samples: list[dict[str, Any]]) -> dict[tuple[str, str], float]:
    return {(s["metric"]["namespace"], s["metric"]["asset"]): float(s["value"][1]) for s in samples}


def assets_agree(shown: Demo, server: PrometheusServer) -> None:
    """States, rows, limits and times; what moves between two looks is looked at again."""

    def differences() -> list[str]:
        known = objects(shown)
        status = {key: item["status"] for key, item in known.items()}
        expected = {
            QUERIES["state"]: {key: RANKS[it["state"]] for key, it in status.items()},
            QUERIES["rows"]: {key: it["rows"] for key, it in status.items() if "rows" in it},
            "freshet_asset_last_update_timestamp_seconds": {
                key: datetime.fromisoformat(it["lastUpdatedAt"]).timestamp()
                for key, it in status.items()
                if "lastUpdatedAt" in it
            },
            "freshet_asset_fresh": {key: fresh(it) for key, it in status.items()},
            QUERIES["limit"]: {
                key: parse_duration(it["policy"]["limit"]).total_seconds()
                for key, it in status.items()
                if "limit" in it["policy"]
            },
            "freshet_asset_failing": {key: float(key == ("watched", "broken")) for key in status},
        }
        expected |= policies(status)
        found = {name: by_asset(server.query(filled(name))) for name in expected}
        return [f"{name}: {found[name]} is not {wanted}" for name, wanted in expected.items() if found[name] != wanted]

    wait_for(lambda: not differences(), timeout=PATIENCE, interval=0.5, what=f"agreement: {differences()}")


def policies(status: dict[tuple[str, str], dict[str, Any]]) -> dict[str, dict[tuple[str, str], float]]:
    """What is in force besides the limit, what runs, and checks."""
    policy = {key: it["policy"] for key, it in status.items()}
    promised = {key: float(it.get("objective", "99%").removesuffix("%")) for key, it in policy.items() if "limit" in it}
    assert len(promised) >= len(EXAMPLE)
    found = {
        QUERIES["objective"]: {key: round(percent / 100, 6) for key, percent in promised.items()},
        "freshet_asset_warn_lag_seconds": {
            key: parse_duration(it["warnLag"]).total_seconds() for key, it in policy.items() if "warnLag" in it
        },
        "freshet_asset_timeout_seconds": {
            key: parse_duration(it["timeout"]).total_seconds() for key, it in policy.items()
        },
        "freshet_asset_failed_checks": {
            key: float(sum(not check["passed"] and check["severity"] == "error" for check in it.get("checks", ())))
            for key, it in status.items()
            if "version" in it
        },
        "freshet_asset_run_started_timestamp_seconds > bool 0": {
            key: 1.0 for key, it in status.items() if it["state"] == "Updating"
        },
    }
    assert all(found.values()), found
    return found


def counts_agree(shown: Demo, server: PrometheusServer) -> None:
    """The numbers at the top of the dashboard are what one counts in kubectl's answer."""

    def differences() -> list[str]:
        status = [it["status"] for it in objects(shown).values()]
        expected = {
            "assets": len(status),
            "fresh": sum(fresh(it) == 1.0 for it in status),
            "stale": sum(fresh(it) == 0.0 for it in status),
            "failing": sum(it["reason"].startswith("ProducerFailing: ") for it in status),
            "under way": sum("run" in it for it in status),
        }
        found = {name: float(server.query(filled(QUERIES[name]))[0]["value"][1]) for name in expected}
        return [f"{name}: {found[name]} is not {wanted}" for name, wanted in expected.items() if found[name] != wanted]

    wait_for(lambda: not differences(), timeout=PATIENCE, interval=0.5, what=f"agreement: {differences()}")


def fresh(status: dict[str, Any]) -> float:
    return float(any(c["type"] == "Fresh" and c["status"] == "True" for c in status["conditions"]))


def variable(server: PrometheusServer, expression: str) -> list[str]:
    """The values that Grafana's ``label_values(selector, label)`` offers."""
    selector, label = re.fullmatch(r"label_values\((.*), (\w+)\)", filled(expression)).groups()  # type: ignore[union-attr]
    found: list[str] = server.api(f"label/{label}/values", **{"match[]": selector})
    return found


def rules_work(server: PrometheusServer) -> None:
    """Each is evaluated without an error, each recorded series is there, and each alert looks at series that exist."""
    rules = [rule for group in server.api("rules")["groups"] for rule in group["rules"]]
    assert len(rules) == len(
        [r for g in yaml.safe_load((MONITORING / "rules.yaml").read_text())["groups"] for r in g["rules"]]
    )
    for rule in rules:
        assert rule["health"] == "ok", rule
        for name in set(re.findall(r"freshet[a-z0-9_:]+", rule["query"])):
            server.wait(name, timeout=PATIENCE)
        if rule["type"] == "recording":
            server.wait(rule["name"], timeout=PATIENCE)


def alerts_are_told(server: PrometheusServer) -> None:
    """What fails is told in words, the objective too; what is well is not."""
    wanted = {("FreshetAssetFailing", "broken"), ("FreshetAssetStale", "broken"), ("FreshetAssetStale", "endless")}

    def firing() -> dict[tuple[str, str], dict[str, Any]]:
        alerts = server.api("alerts")["alerts"]
        named = {(a["labels"]["alertname"], a["labels"].get("asset", "")): a for a in alerts if a["state"] == "firing"}
        return named if wanted <= set(named) else {}

    found = wait_for(firing, timeout=PATIENCE, what=f"the alerts {wanted}")
    assert found["FreshetAssetFailing", "broken"]["annotations"]["summary"] == "watched/broken fails"
    assert not {"FreshetOperatorDown", "FreshetNotLeader", "FreshetDbtCloudUnreachable"} & {name for name, _ in found}
    assert not [key for key in found if key[0].startswith("FreshetFreshnessBudget") and key[1] in EXAMPLE]
    for alert in found.values():
        assert "{{" not in str(alert["annotations"])
        assert "error" not in str(alert["annotations"]).lower()


def lineage_is_drawn(shown: Demo, server: PrometheusServer) -> None:
    known = objects(shown)
    edges = {
        (f"{namespace}/{upstream}", f"{namespace}/{name}")
        for (namespace, name), item in known.items()
        for upstream in item["spec"].get("upstreams", ())
    }
    drawn = [sample["metric"] for sample in server.query(filled(QUERIES["edges"]))]
    assert {(edge["source"], edge["target"]) for edge in drawn} == edges != set()
    nodes = [sample["metric"] for sample in server.query(filled(QUERIES["nodes"]))]
    assert {node["id"] for node in nodes} == {"/".join(key) for key in known}
    assert {node["title"] for node in nodes} == {name for _, name in known}
    assert {node["mainstat"] for node in nodes} <= set(RANKS)


def the_dbt_cloud_run_is_found(shown: Demo, server: PrometheusServer) -> None:
    """The link of the table is the very address in the status."""
    (sample,) = server.query(filled(QUERIES["dbt run"]))
    link = re.sub(r"\$\{__data\.fields\.(\w+)\}", lambda field: sample["metric"][field[1]], DBT_CLOUD)
    status = objects(shown)["kaizen-wars", "stg-kaizen-wars--fact-virtual"]["status"]
    assert link in {run["url"] for run in status["history"]}


def exemplars_name_runs(shown: Demo, server: PrometheusServer) -> None:
    found = server.api("query_exemplars", query="freshet_run_duration_seconds_bucket", start="0", end="9999999999")
    named = {(e["labels"]["asset"], e["labels"]["run"]) for series in found for e in series["exemplars"]}
    runs = {
        (name, run["id"]) for (_, name), item in objects(shown).items() for run in item["status"].get("history", ())
    }
    assert named
    assert named <= runs


def pods_log_for_machines(shown: Demo) -> None:
    """A load's lines name asset, pipeline and run, the latter as its status does."""
    env = json.dumps({"spec": {"jobs": {"env": [{"name": "LOG_FORMAT", "value": "json"}]}}})
    shown.shell(f"kubectl patch -n kaizen-wars fpl/kaizen-wars --type=merge --patch='{env}'")
    shown.shell(f"kubectl annotate -n kaizen-wars asset/{EXAMPLE[0]} freshet.dev/requestedAt=for-its-log")

    def lines() -> list[dict[str, Any]]:
        run = objects(shown)["kaizen-wars", EXAMPLE[0]]["status"]["lastRun"]["id"]
        text = shown.shell(f"kubectl logs -n kaizen-wars -l freshet.dev/asset={EXAMPLE[0]} --tail=-1")
        read = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
        about = {"asset": EXAMPLE[0], "pipeline": "kaizen-wars", "namespace": "kaizen-wars", "run": run}
        return [line for line in read if about.items() <= line.items()]

    wait_for(lines, timeout=PATIENCE, interval=0.5, what="lines of the load about its run")
