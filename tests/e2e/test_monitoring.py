"""A real Prometheus scrapes the demo and a namespace where all goes wrong: each query and rule has kubectl's answer."""

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
import yaml
from manifests.monitoring.grafana.looks import DBT_CLOUD
from manifests.monitoring.grafana.queries import QUERIES, VARIABLES
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from tests.e2e.alarms import ALERTS
from tests.e2e.answers import ANSWERS, AT_LEAST, COUNTERS, RECORDED
from tests.e2e.kubectl_says import ask
from tests.e2e.panels import unknown
from tests.e2e.watched import EXAMPLE, MONITORING, PATIENCE, Watched, agrees, filled, settled, watching
from tests.support.prometheus import PrometheusServer, promtool
from tests.support.waiting import wait_for

OPERATOR = {"FreshetOperatorDown", "FreshetNotLeader"}
OPENMETRICS = "application/openmetrics-text; version=1.0.0"
NOTHING = " or vector(0)"


def panels() -> list[dict[str, Any]]:
    """Those of the dashboard that ask something."""
    found = json.loads((MONITORING / "grafana" / "freshet.json").read_text())["panels"]
    return [panel for panel in found if panel["type"] != "row"]


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with watching(tmp_path_factory.mktemp("monitoring")) as found:
        yield found


def shipped() -> list[dict[str, Any]]:
    """The rules as they ship."""
    return [
        rule for group in yaml.safe_load((MONITORING / "rules.yaml").read_text())["groups"] for rule in group["rules"]
    ]


@pytest.mark.parametrize("name", [name for name in QUERIES if name != "alerts"])
def test_each_query_of_the_dashboard_says_what_kubectl_says(watched: Watched, name: str) -> None:
    """Without the 0 for nothing, which is no answer."""
    agrees(watched, QUERIES[name].removesuffix(NOTHING), ANSWERS[name], more=name in AT_LEAST)


@pytest.mark.parametrize("panel", panels(), ids=lambda panel: panel["title"])
def test_each_panel_names_fields_that_its_answers_have(watched: Watched, panel: dict[str, Any]) -> None:
    def differences() -> str:
        found = {it["refId"]: watched.server.query(filled(it["expr"])) for it in panel["targets"]}
        return ", ".join(unknown(panel, {ref: [s["metric"] for s in samples] for ref, samples in found.items()}))

    settled(differences)


def test_each_choice_of_the_dashboard_offers_what_there_is(watched: Watched) -> None:
    told = ask(watched.shown)
    offered = {name: set(values(watched.server, expression)) for name, expression in VARIABLES.items()}
    assert offered == {
        "namespace": {namespace for namespace, _ in told.assets},
        "pipeline": {asset["spec"]["pipeline"] for asset in told.assets.values() if "pipeline" in asset["spec"]},
        "asset": {name for _, name in told.assets},
    }


def values(server: PrometheusServer, expression: str) -> list[str]:
    """What Grafana's ``label_values(selector, label)`` offers."""
    selector, label = re.fullmatch(r"label_values\((.*), (\w+)\)", filled(expression)).groups()  # type: ignore[union-attr]
    found: list[str] = server.api(f"label/{label}/values", **{"match[]": selector})
    return found


def test_the_rules_are_those_that_ship_and_none_has_trouble(watched: Watched) -> None:
    loaded = {**watched.rules("alert"), **watched.rules("record")}
    assert loaded.keys() == {rule.get("alert") or rule["record"] for rule in shipped()}
    for rule in shipped():
        found = loaded[rule.get("alert") or rule["record"]]
        assert found["health"] == "ok", found
        assert found.get("annotations", {}) == rule.get("annotations", {})
        assert found.get("duration", 0) == seconds(rule.get("for", "0s")), found
        assert found.get("keepFiringFor", 0) == seconds(rule.get("keep_firing_for", "0s")), found


def seconds(text: str) -> float:
    return float(text.removesuffix("s").removesuffix("m")) * (60 if text.endswith("m") else 1)


@pytest.mark.parametrize("name", COUNTERS)
def test_counters_have_counted_what_kubectl_lists(watched: Watched, name: str) -> None:
    agrees(watched, name, COUNTERS[name], more=name in AT_LEAST)


@pytest.mark.parametrize("name", RECORDED)
def test_each_recorded_series_says_what_kubectl_says(watched: Watched, name: str) -> None:
    agrees(watched, name, RECORDED[name])


@pytest.mark.parametrize("name", ALERTS)
def test_each_alert_is_about_those_that_kubectl_shows(watched: Watched, name: str) -> None:
    labels, concerned = ALERTS[name]

    def differences() -> str:
        wanted = concerned(ask(watched.shown))
        found = {tuple(alert["labels"].get(label, "") for label in labels) for alert in watched.active(name)}
        assert wanted, "the bad day has one of each"
        return "" if found == wanted else f"{name}: Prometheus {found}, kubectl {wanted}"

    settled(differences)
    for alert in watched.active(name):
        assert "{{" not in str(alert["annotations"])
        assert "error" not in str(alert["annotations"]).lower()


def test_every_rule_is_looked_at() -> None:
    assert {rule["record"] for rule in shipped() if "record" in rule} == RECORDED.keys()
    assert {rule["alert"] for rule in shipped() if "alert" in rule} == ALERTS.keys() | OPERATOR
    assert QUERIES.keys() - {"alerts"} == ANSWERS.keys()


def test_alerts_fire_once_they_have_held_for_as_long_as_they_say(watched: Watched) -> None:
    """At once, after one minute, or not yet: each by its own ``for``, and the dashboard shows those that do."""
    soon = {"FreshetLoadRejectsRows", "FreshetAssetStuck", "FreshetAssetFailing", "FreshetNoLoad"}
    for name in soon:
        wait_for(lambda name=name: firing(watched, name), timeout=PATIENCE, interval=1, what=f"{name} fires")
    for rule in watched.rules("alert").values():
        for alert in rule["alerts"]:
            held = time.time() - datetime.fromisoformat(alert["activeAt"][:19] + "+00:00").timestamp()
            assert alert["state"] == "pending" or held >= rule["duration"], alert
            assert alert["state"] == "firing" or held <= rule["duration"] + 10, alert
    told = watched.rules("alert")["FreshetAssetFailing"]["alerts"]
    assert [alert["annotations"]["summary"] for alert in told] == ["watched/broken fails"]
    listed = {s["metric"]["alertname"] for s in watched.server.query(filled(QUERIES["alerts"]))}
    assert soon <= listed


def firing(watched: Watched, name: str) -> bool:
    return any(alert["state"] == "firing" for alert in watched.active(name))


def test_promtool_finds_no_fault_and_both_formats_say_the_same(watched: Watched) -> None:
    """promtool knows the classic format; the other is read by its reference parser, and Prometheus has taken it."""
    classic = watched.shown.shell(f"curl -sf --noproxy '*' {watched.metrics}")
    other = watched.shown.shell(f"curl -sf --noproxy '*' -H 'Accept: {OPENMETRICS}' {watched.metrics}")
    assert promtool("check", "metrics", input=f"{classic}\n").strip() == ""
    assert other.endswith("# EOF")
    families = list(parse_openmetrics(f"{other}\n"))
    found = {sample.name for family in families for sample in family.samples}
    plain = {sample.name for family in parse_text(classic) for sample in family.samples}
    assert {name for name in found ^ plain if not name.endswith("_created")} == set()
    for wanted in ("freshet_asset_load_refused", "freshet_dbt_cloud_models_built_total", "freshet_asset_rows"):
        assert wanted in found
    (target,) = watched.server.api("targets")["activeTargets"]
    assert (target["health"], target["lastError"]) == ("up", "")


def test_each_alert_s_runbook_is_served_by_the_operator(watched: Watched) -> None:
    """Below the address that a port-forward gives it; here it has another port."""
    served = watched.metrics.removesuffix("/metrics")
    for rule in shipped():
        if "alert" in rule:
            url = rule["annotations"]["runbook_url"].replace("http://127.0.0.1:8080", served)
            assert url.startswith(served)
            assert rule["alert"] in watched.shown.shell(f"curl -sf --noproxy '*' {url}")


def test_the_dbt_cloud_run_is_found(watched: Watched) -> None:
    """The link of the table is the very address in the status."""
    asset = ("kaizen-wars", EXAMPLE[1])
    samples = [sample["metric"] for sample in watched.server.query(filled(QUERIES["dbt run"]))]
    (mine,) = [labels for labels in samples if (labels["namespace"], labels["asset"]) == asset]
    link = re.sub(r"\$\{__data\.fields\.(\w+)\}", lambda found: mine[found[1]], DBT_CLOUD)
    assert link in {run["url"].rstrip("/") for run in ask(watched.shown).assets[asset]["status"]["history"]}


def test_exemplars_name_runs(watched: Watched) -> None:
    found = watched.server.api("query_exemplars", query="freshet_run_duration_seconds_bucket", start=0, end=9999999999)
    named = {(e["labels"]["asset"], e["labels"]["run"]) for series in found for e in series["exemplars"]}
    told = ask(watched.shown)
    runs = {(name, run["id"]) for (_, name), it in told.assets.items() for run in it["status"].get("history", ())}
    assert named
    assert named <= runs


def test_pods_log_for_machines(watched: Watched) -> None:
    """A load's lines name asset, pipeline and run, the latter as its status does."""
    status = ask(watched.shown).assets["kaizen-wars", EXAMPLE[0]]["status"]
    text = watched.shown.shell(f"kubectl logs -n kaizen-wars -l freshet.dev/asset={EXAMPLE[0]} --tail=-1")
    read = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    about = {"asset": EXAMPLE[0], "pipeline": "kaizen-wars", "namespace": "kaizen-wars"}
    assert {line["run"] for line in read if about.items() <= line.items()} & {run["id"] for run in status["history"]}


def test_an_operator_that_may_not_act_and_one_that_is_gone_are_told(watched: Watched) -> None:
    """The last one: the demo ends with it."""
    stolen = '{"spec": {"holderIdentity": "somebody", "leaseDurationSeconds": 3600}}'
    watched.shown.shell(f"kubectl patch -n freshet-system lease/freshet --type=merge --patch='{stolen}'")
    wait_for(lambda: watched.active("FreshetNotLeader"), timeout=PATIENCE, what="nobody acts")
    assert ask(watched.shown).holder == "somebody"
    assert not watched.active("FreshetOperatorDown")
    (pid,) = [pid for pid, command in watched.shown.processes().items() if "operator --kubeconfig" in command]
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: watched.active("FreshetOperatorDown"), timeout=PATIENCE, what="it is gone")
    assert {a["state"] for a in watched.active("FreshetOperatorDown")} == {"pending"}
