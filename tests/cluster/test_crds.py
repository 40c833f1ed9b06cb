"""The two resources on a real API server: what applies, what kubectl shows of them, and who owns which block."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.cluster.bad_manifests.kubectl import apply, patch_status

from freshet.local.controlplane import LocalCluster

FULL = Path(__file__).parent / "bad_manifests" / "full.yaml"


def condition(kind: str, status: str, reason: str, message: str) -> dict[str, Any]:
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": "2026-11-23T23:55:00Z",
        "observedGeneration": 1,
    }


def external(name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "freshet.dev/v1alpha1",
        "kind": "Asset",
        "metadata": {"name": name},
        "spec": {"materialize": {"external": {}}, **spec},
    }


def cells(table: str) -> list[dict[str, str]]:
    """kubectl's table as one mapping per row; columns begin where their headers do."""
    head, *rows = table.splitlines()
    names = head.split()
    starts = [head.index(name) for name in names]
    ends = [*starts[1:], None]
    return [{n: row[a:b].strip() for n, a, b in zip(names, starts, ends, strict=True)} for row in rows]


@pytest.mark.parametrize("name", ["pipelines.freshet.dev", "assets.freshet.dev"])
def test_the_schema_is_structural_and_established(cluster: LocalCluster, name: str) -> None:
    found = json.loads(cluster.kubectl("get", "crd", name, "-o", "json"))["status"]["conditions"]
    assert {c["type"]: c["status"] for c in found} == {"NamesAccepted": "True", "Established": "True"}


@pytest.mark.parametrize("document", list(yaml.safe_load_all(FULL.read_text())), ids=lambda d: d["metadata"]["name"])
def test_every_field_at_once_is_accepted(cluster: LocalCluster, namespace: str, document: dict[str, Any]) -> None:
    assert "created" in apply(cluster, namespace, document)
    stored = json.loads(
        cluster.kubectl("get", "-n", namespace, document["kind"], document["metadata"]["name"], "-o", "json")
    )
    assert stored["spec"] == document["spec"]


def test_a_new_object_has_been_looked_at_by_nobody(cluster: LocalCluster, namespace: str) -> None:
    apply(cluster, namespace, external("new"))
    assert cluster.kubectl("get", "-n", namespace, "asset/new", "-o", "jsonpath={.status.observedGeneration}") == "-1"


def test_columns_of_assets(cluster: LocalCluster, namespace: str) -> None:
    apply(cluster, namespace, external("revenue", key="mart.revenue", pipeline="shop", upstreams=["orders", "refunds"]))
    status = {
        "state": "Stale",
        "lastUpdatedAt": "2026-11-01T00:00:00.123456Z",
        "policy": {"maximumLag": "15m", "limit": "15m"},
        "blame": "orders",
        "rows": 20000,
        "reason": "UpstreamStale (orders: last load 14m ago)",
        "kind": "External",
    }
    patch_status(cluster, namespace, "asset/revenue", status)
    (row,) = cells(cluster.kubectl("get", "-n", namespace, "assets", "-o", "wide"))
    assert list(row) == [
        "NAME",
        "STATE",
        "UPDATED",
        "LIMIT",
        "ROWS",
        "REASON",
        "AGE",
        "KEY",
        "KIND",
        "PIPELINE",
        "UPSTREAMS",
        "BLAME",
    ]
    assert {k: row[k] for k in ("NAME", "STATE", "LIMIT", "ROWS", "REASON")} == {
        "NAME": "revenue",
        "STATE": "Stale",
        "LIMIT": "15m",
        "ROWS": "20000",
        "REASON": "UpstreamStale (orders: last load 14m ago)",
    }
    assert {k: row[k] for k in ("KEY", "KIND", "PIPELINE", "UPSTREAMS", "BLAME")} == {
        "KEY": "mart.revenue",
        "KIND": "External",
        "PIPELINE": "shop",
        "UPSTREAMS": '["orders","refunds"]',
        "BLAME": "orders",
    }
    assert row["UPDATED"][-1] in "smhdy"
    narrow = cluster.kubectl("get", "-n", namespace, "ast").splitlines()[0].split()
    assert narrow == ["NAME", "STATE", "UPDATED", "LIMIT", "ROWS", "REASON", "AGE"]


def test_columns_of_pipelines(cluster: LocalCluster, namespace: str) -> None:
    spec = {"warehouse": {"duckdb": {"path": "/w/x.duckdb"}}}
    apply(cluster, namespace, {**external("shop"), "kind": "Pipeline", "spec": spec})
    conditions = [
        condition("Stalled", "False", "Reconciled", ""),
        condition("Ready", "True", "Reconciled", "all is in place"),
    ]
    counters = {"sources": 1, "models": 2, "fresh": 3, "stale": 0, "lastLoadAt": "2026-11-01T00:00:00Z"}
    counters |= {"schedule": "*/5 * * * *"}
    patch_status(cluster, namespace, "fpl/shop", {"conditions": conditions, **counters})
    (row,) = cells(cluster.kubectl("get", "-n", namespace, "fpl"))
    age, load = row.pop("AGE"), row.pop("LAST-LOAD")
    assert age[-1] in "smhdy"
    assert load[-1] in "smhdy"
    assert row == {
        "NAME": "shop",
        "READY": "True",
        "SCHEDULE": "*/5 * * * *",
        "SOURCES": "1",
        "MODELS": "2",
        "FRESH": "3",
        "STALE": "0",
    }
    (wide,) = cells(cluster.kubectl("get", "-n", namespace, "fpl", "-o", "wide"))
    assert wide["REASON"] == "all is in place"


def test_a_whole_status_is_kept(cluster: LocalCluster, namespace: str) -> None:
    document = yaml.safe_load((FULL.parent / "status.yaml").read_text())
    for kind, status in document.items():
        spec = {"warehouse": {"duckdb": {"path": "/w/x.duckdb"}}} if kind == "Pipeline" else external("x")["spec"]
        apply(cluster, namespace, {**external("x"), "kind": kind, "spec": spec})
        patch_status(cluster, namespace, f"{kind}/x", status)
        stored = json.loads(cluster.kubectl("get", "-n", namespace, kind, "x", "-o", "json"))["status"]
        assert stored == {"observedGeneration": -1, **status}


def test_a_state_that_does_not_exist_is_refused(cluster: LocalCluster, namespace: str) -> None:
    apply(cluster, namespace, external("x"))
    told = patch_status(cluster, namespace, "asset/x", {"state": "Fine"})
    assert 'supported values: "Suspended", "Updating", "Failed", "Missing", "Stale", "Aging", "Fresh"' in told


def test_assets_are_found_by_pipeline_and_state(cluster: LocalCluster, namespace: str) -> None:
    apply(cluster, namespace, external("a", pipeline="shop"))
    apply(cluster, namespace, external("b", pipeline="game"))
    patch_status(cluster, namespace, "asset/b", {"state": "Stale"})
    by_pipeline = cluster.kubectl("get", "-n", namespace, "assets", "--field-selector=spec.pipeline=shop", "-o", "name")
    by_state = cluster.kubectl("get", "-n", namespace, "assets", "--field-selector=status.state=Stale", "-o", "name")
    assert (by_pipeline.split(), by_state.split()) == (["asset.freshet.dev/a"], ["asset.freshet.dev/b"])


def test_short_names_and_category(cluster: LocalCluster, namespace: str) -> None:
    listed = cluster.kubectl("api-resources", "--api-group=freshet.dev", "--categories=freshet", "--no-headers").split(
        "\n"
    )
    assert sorted(line.split()[:2] for line in listed if line) == [["assets", "ast"], ["pipelines", "fpl"]]


@pytest.mark.parametrize("block", ["automation", "freshness", "retries", "checks", "materialize"])
def test_a_person_who_edits_a_block_owns_it_whole(cluster: LocalCluster, namespace: str, block: str) -> None:
    """The 409 names the block itself, so that the operator can leave it out and apply the rest."""
    ours = {
        "automation": {"when": "Manual"},
        "freshness": {"maximumLag": "1h"},
        "retries": {"limit": 1},
        "checks": {"rows": {"minimum": 1}},
        "materialize": {"external": {}},
    }
    theirs = {
        "automation": {"minInterval": "1h"},
        "freshness": {"maximumLag": "2h"},
        "retries": {"backoff": "1m"},
        "checks": {"rows": {"minimum": 2}},
        "materialize": {"dbtCloud": {"uniqueId": "model.a.b"}},
    }
    apply(cluster, namespace, external("x", pipeline="shop", **ours), "--server-side", "--field-manager=freshet")
    edited = external("x", **{block: theirs[block]})
    apply(cluster, namespace, edited, "--server-side", "--field-manager=person", "--force-conflicts")
    again = external("x", pipeline="shop", **ours)
    told = apply(cluster, namespace, again, "--server-side", "--field-manager=freshet")
    assert f".spec.{block}\n" in f"{told}\n"
    del again["spec"][block]
    assert "serverside-applied" in apply(cluster, namespace, again, "--server-side", "--field-manager=freshet")
    stored = json.loads(cluster.kubectl("get", "-n", namespace, "asset/x", "-o", "json"))["spec"]
    assert stored[block] == theirs[block]


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("asset", "how fresh it is"),
        ("asset.spec.freshness.maximumLag", "stale when it is older than this"),
        ("asset.spec.materialize", "Exactly one of count, dbtCloud, job, external and source"),
        ("asset.spec.automation.when", "The operator's default is AnyUpstreamUpdated"),
        ("asset.status.state", "Suspended, Updating, Failed, Missing, Stale, Aging"),
        ("pipeline.spec.sources.csv.path", "a URL that begins with s3://"),
        ("pipeline.spec.schedule", "every five minutes"),
        ("pipeline.spec.dbtCloud.host", "without a path"),
    ],
)
def test_explain_reads_well(cluster: LocalCluster, path: str, says: str) -> None:
    told = " ".join(cluster.kubectl("explain", path).split())
    assert says in told
    assert "<no description>" not in told
