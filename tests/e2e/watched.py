"""The demo, its bad day, and a Prometheus that scrapes both with the rules that ship; and how answers are compared."""

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import yaml
from tests.e2e import bad_day
from tests.e2e.answers import Says
from tests.e2e.kubectl_says import ask
from tests.e2e.playing import Demo
from tests.support.prometheus import PrometheusServer
from tests.support.waiting import wait_for

from freshet.local.paths import checkout

__all__ = ["EXAMPLE", "MONITORING", "PATIENCE", "Watched", "agrees", "filled", "settled", "watching"]

MONITORING = checkout() / "manifests" / "monitoring"
EXAMPLE = ("dlt-kaizen-wars-fact-virtual", "stg-kaizen-wars--fact-virtual", "fact-virtual-count")
PATIENCE = 90
SUBSTITUTES = {"$namespace": ".*", "$pipeline": ".*", "$asset": ".*", "$__rate_interval": "5m", "$__range": "6h"}


@dataclass(frozen=True, kw_only=True)
class Watched:
    """The demo with its bad day, and the Prometheus that scrapes it."""

    shown: Demo
    server: PrometheusServer
    metrics: str

    def rules(self, type: str) -> dict[str, dict[str, Any]]:
        """As Prometheus has loaded and evaluated them."""
        groups = self.server.api("rules", type=type)["groups"]
        return {rule["name"]: rule for group in groups for rule in group["rules"]}

    def active(self, alert: str) -> list[dict[str, Any]]:
        """Those whose condition holds: pending, or firing."""
        found: list[dict[str, Any]] = self.rules("alert")[alert]["alerts"]
        return [alert for alert in found if "keepFiringSince" not in alert]


@contextmanager
def watching(folder: Path) -> Iterator[Watched]:
    """All of it, until the block ends."""
    shown, server = Demo(folder=folder / "demo"), None
    try:
        shown.said("In another terminal")
        found = re.search(r"curl -s (http://\S+/metrics)", shown.output())
        assert found, shown.output()
        server = PrometheusServer(
            folder=folder / "prometheus", config=config(found[1], folder), history=bad_day.history(datetime.now(UTC))
        )
        well(shown)
        bad_day.begin(shown, folder)
        again(shown)
        yield Watched(shown=shown, server=server, metrics=found[1])
    finally:
        if server is not None:
            server.stop()
        shown.kill()
        shown.assert_nothing_runs()
        shown.assert_nothing_shows()


def config(metrics: str, folder: Path) -> dict[str, Any]:
    """scrape.yaml, with this target for the pods that it looks for; rules.yaml, evaluated each second."""
    given = yaml.safe_load((MONITORING / "scrape.yaml").read_text())
    (job,) = given["scrape_configs"]
    kept = {key: job[key] for key in ("job_name", "honor_labels")}
    rules = yaml.safe_load((MONITORING / "rules.yaml").read_text())
    for group in rules["groups"]:
        group["interval"] = "1s"
    (folder / "rules.yaml").write_text(yaml.safe_dump(rules))
    target = metrics.removeprefix("http://").removesuffix("/metrics")
    return {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(folder / "rules.yaml")],
        "scrape_configs": [{**kept, "static_configs": [{"targets": [target]}]}],
    }


def well(shown: Demo) -> None:
    for asset in EXAMPLE:
        shown.shell(f"kubectl wait -n kaizen-wars --for=create asset/{asset} --timeout={PATIENCE}s")
        shown.shell(f"kubectl wait -n kaizen-wars --for=condition=Fresh asset/{asset} --timeout={PATIENCE}s")


def again(shown: Demo) -> None:
    """A second round of the example, without which no counter has moved since it was first seen; its load logs JSON."""
    env = json.dumps({"spec": {"jobs": {"env": [{"name": "LOG_FORMAT", "value": "json"}]}}})
    shown.shell(f"kubectl patch -n kaizen-wars fpl/kaizen-wars --type=merge --patch='{env}'")
    before = shown.shell(f"kubectl get -n kaizen-wars asset/{EXAMPLE[2]} -o jsonpath='{{.status.version}}'")
    moved = f"kubectl get -n kaizen-wars asset/{EXAMPLE[2]} -o jsonpath='{{.status.version}}'"
    request = f"kubectl annotate --overwrite -n kaizen-wars asset/{EXAMPLE[0]} freshet.dev/requestedAt="

    tries = count()

    def counted() -> bool:
        """The demo's file grows now and then: a load that found nothing new is asked for again."""
        shown.shell(f"{request}again-{next(tries)}")
        return shown.shell(moved) != before

    wait_for(counted, timeout=PATIENCE, interval=5, what="the count is made anew")


def filled(expression: str) -> str:
    """With all values of every variable, as Grafana would send it."""
    for name, value in SUBSTITUTES.items():
        expression = expression.replace(name, value)
    return expression


def agrees(watched: Watched, expression: str, says: Says, *, more: bool = False) -> None:
    """The samples are those that kubectl's answer leads to; ``more``: and others."""
    labels, expected = says

    def differences() -> str:
        told = ask(watched.shown)
        wanted, samples = expected(told), watched.server.query(filled(expression), at=told.at)
        found = {tuple(s["metric"].get(x, "") for x in labels): float(s["value"][1]) for s in samples}
        assert wanted, "a query that has nothing to show is not tested by this"
        same = all(key in found and within(wanted[key], found[key]) for key in wanted)
        counted = more or len(samples) == len(wanted)
        return "" if same and counted else f"{expression}\nPrometheus: {found}\nkubectl: {wanted}"

    settled(differences)


def settled(differences: Callable[[], str]) -> None:
    """What moves between two looks is looked at again."""
    end = time.monotonic() + PATIENCE
    while said := differences():
        assert time.monotonic() < end, said
        time.sleep(0.3)


def within(wanted: tuple[float, float], value: float) -> bool:
    """NaN, which is what quantiles of nothing are, is within nothing."""
    low, high = wanted
    return low - 1e-3 <= value <= high + 1e-3 and (low <= 0 or value > 0)
