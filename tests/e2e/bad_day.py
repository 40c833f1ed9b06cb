"""A namespace in which everything is wrong that an alert tells of, beside the example that is well.

What would take hours is made to have begun hours ago: a status is the operator's only memory, so that a load long ago
and a dbt Cloud run that nobody hears of any more are what it says there.
"""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from tests.e2e.playing import Demo

__all__ = ["BROKEN_FOR", "NAMESPACE", "begin", "history"]

NAMESPACE = "watched"
LONG = timedelta(hours=3)
BROKEN_FOR = timedelta(hours=26)
"""So long Prometheus has known the asset that fails: long enough for both alerts on the objective."""
PATIENCE = 90


def begin(shown: Demo, folder: Path) -> None:
    """Apply it all, and wait until it has gone wrong."""
    (folder / "data").mkdir(parents=True)
    (folder / "warehouse").mkdir()
    (folder / "data" / "orders.csv").write_text("id,amount\n1,12.5\n2,many\n3,4\n")
    manifests = folder / "bad-day.yaml"
    manifests.write_text(yaml.safe_dump_all([*_pipelines(folder), *_secrets(), *_assets()]))
    shown.shell(f"kubectl create namespace {NAMESPACE}; kubectl apply --validate=strict -f {manifests}")
    _wait(shown, "condition=Failing", "broken")
    _wait(shown, "condition=ChecksPassed=False", "too-few")
    _wait(shown, "jsonpath={.status.lastRun.outcome}=Interrupted", "cut-off")
    shown.shell(f"kubectl wait -n {NAMESPACE} --for=condition=DbtCloudReady=False fpl/cut-off --timeout={PATIENCE}s")
    long_ago = (datetime.now(UTC) - LONG).strftime("%Y-%m-%dT%H:%M:%SZ")
    run = {"token": "lost", "id": "77", "at": long_ago, "assets": ["stuck"], "versions": {"stuck": {"aging": "v1"}}}
    _remember(shown, "fpl/cut-off", {"dbtCloud": {"run": run}})
    _remember(shown, "asset/rejected", {"lastCheckedAt": long_ago})
    _wait(shown, "jsonpath={.status.state}=Updating", "stuck")


def history(now: datetime) -> str:
    """What Prometheus has recorded of the asset that fails before this test began, in OpenMetrics."""
    minutes = range(int(BROKEN_FOR.total_seconds() // 60), 0, -5)
    times = [(now - timedelta(minutes=ago)).timestamp() for ago in minutes]
    labels = f'{{asset="broken",kind="Job",namespace="{NAMESPACE}"}}'
    names = ("freshet:asset_fresh:avg1h", "freshet:asset_fresh:avg1d")
    return "".join(f"# TYPE {name} gauge\n" + "".join(f"{name}{labels} 0 {at:.0f}\n" for at in times) for name in names)


def _wait(shown: Demo, what: str, name: str) -> None:
    shown.shell(f"kubectl wait -n {NAMESPACE} --for='{what}' asset/{name} --timeout={PATIENCE}s")


def _remember(shown: Demo, name: str, status: dict[str, Any]) -> None:
    patch = json.dumps({"status": status})
    shown.shell(f"kubectl patch -n {NAMESPACE} {name} --subresource=status --type=merge --patch '{patch}'")


def _pipelines(folder: Path) -> list[dict[str, Any]]:
    """One whose input has a bad row, one whose warehouse and dbt Cloud do not answer, one with a mistake."""
    due = (datetime.now(UTC) + timedelta(minutes=30)).minute  # no CronJob starts a load while the test runs
    names = ("data", "warehouse")
    jobs = {
        "volumes": [{"name": name, "hostPath": {"path": str(folder / name)}} for name in names],
        "volumeMounts": [{"name": name, "mountPath": f"/{name}"} for name in names],
    }
    csv = {"path": "/data/orders.csv", "schema": {"amount": "double"}}
    source = {"csv": csv, "table": "orders", "onBadRows": "quarantine", "freshness": {"maximumLag": "2h"}}
    common = {"schedule": f"{due} * * * *", "jobs": jobs}
    postgres = {"destination": "postgres", "schema": "shop", "secretRef": {"name": "postgres"}}
    token = {"name": "dbt-cloud", "key": "token"}
    dbt = {"host": "http://127.0.0.1:9", "accountId": 1, "jobId": 1, "tokenSecretRef": token}
    return [
        _object("Pipeline", "troubled", {
            **common, "sources": [{"asset": "rejected", **source}],
            "warehouse": {"duckdb": {"path": "/warehouse/troubled.duckdb"}},
        }),
        _object("Pipeline", "cut-off", {
            **common, "sources": [{"asset": "cut-off", **source}], "warehouse": {"dlt": postgres}, "dbtCloud": dbt,
        }),
        _object("Pipeline", "mistaken", {
            **common, "timeZone": "Mars/Phobos", "sources": [{"asset": "unloaded", **source}],
            "warehouse": {"duckdb": {"path": "/warehouse/mistaken.duckdb"}},
        }),
    ]  # fmt: skip


def _secrets() -> list[dict[str, Any]]:
    values = {
        "dbt-cloud": {"token": "nobody-reads-this"},
        "postgres": {"DESTINATION__POSTGRES__CREDENTIALS": "postgresql://loader:nobody@127.0.0.1:9/shop"},
    }
    return [
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": n, "namespace": NAMESPACE}, "stringData": v}
        for n, v in values.items()
    ]


def _assets() -> list[dict[str, Any]]:
    external = {"materialize": {"external": {}}}
    announced = {"freshet.dev/materialized": "v1"}
    hour = {"freshness": {"maximumLag": "1h"}, "retries": {"limit": 0}}
    count = {"pipeline": "troubled", "upstreams": ["rejected"], "materialize": {"count": {}}}
    model = {"pipeline": "cut-off", "upstreams": ["aging"], "materialize": {"dbtCloud": {"uniqueId": "model.a.stuck"}}}
    strict = {"freshness": {"maximumLag": "1h", "warnLag": "45m", "objective": "99.5%"}}
    return [
        _object("Asset", "broken", {**hour, **strict, "materialize": _job("false")}),
        _object("Asset", "endless", {**hour, "materialize": _job("sleep", "900")}),
        _object("Asset", "too-few", {**hour, **count, "checks": {"rows": {"minimum": 1000}}}),
        _object("Asset", "stuck", {**hour, **model}),
        _object("Asset", "orphan", {"upstreams": ["nowhere"], "materialize": _job("true")}),
        _object("Asset", "aging", {**external, "freshness": {"maximumLag": "24h", "warnLag": "1s"}}, announced),
        _object("Asset", "daily", {**external, "freshness": {"schedule": "0 6 * * *", "within": "1h"}}, announced),
    ]


def _job(*command: str) -> dict[str, Any]:
    container = {"name": "work", "image": "none", "command": [*command]}
    pod = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    return {"job": {"template": {"spec": {"template": pod}}}}


def _object(kind: str, name: str, spec: dict[str, Any], annotations: dict[str, str] | None = None) -> dict[str, Any]:
    metadata = {"name": name, "namespace": NAMESPACE, "annotations": annotations or {}}
    return {"apiVersion": "freshet.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}
