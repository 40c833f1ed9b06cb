"""A bad manifest is refused where it is written, with a sentence that names the field and says what to do.

The tables are in ``bad_manifests/``: what the API server refuses (asset.yaml, pipeline.yaml), and what only the operator can
judge (operator.yaml), which answers with a condition instead of a crash.
"""

import json
import time
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

TABLES = Path(__file__).parent / "bad_manifests"
PATIENCE = 60.0
"""Seconds until a condition that does not come counts as missing."""

BAD = {("Ready", "False"), ("Stalled", "True"), ("Fresh", "False"), ("Fresh", "Unknown"), ("DbtCloudReady", "False")}


def refused() -> list[Any]:
    """Every case of asset.yaml and pipeline.yaml, the good manifest beside it."""
    tables = [yaml.safe_load((TABLES / name).read_text()) for name in ("asset.yaml", "pipeline.yaml")]
    return [pytest.param(t["good"], c, id=f"{t['good']['kind']}: {c['case']}") for t in tables for c in t["cases"]]


def judged() -> list[Any]:
    """Every case of operator.yaml."""
    return [pytest.param(c, id=c["case"]) for c in yaml.safe_load((TABLES / "operator.yaml").read_text())["cases"]]


def spoil(good: dict[str, Any], case: dict[str, Any]) -> dict[str, Any]:
    """The good manifest with the case's one thing wrong."""
    manifest = deepcopy(good)
    for path, value in case.get("set", {}).items():
        parent, last = descend(manifest, path)
        if isinstance(parent, list) and last == len(parent):
            parent.append(value)
        else:
            parent[last] = value
    for path in case.get("remove", []):
        parent, last = descend(manifest, path)
        del parent[last]
    return manifest


def descend(manifest: dict[str, Any], path: str) -> tuple[Any, Any]:
    """The container that ``spec.sources.0.csv`` names the last step of; mappings on the way are made."""
    here: Any = manifest
    steps: list[Any] = [int(step) if step.isdigit() else step for step in path.split(".")]
    for step in steps[:-1]:
        here = here[step] if isinstance(here, list) else here.setdefault(step, {})
    return here, steps[-1]


def apply(cluster: Any, namespace: str, manifest: dict[str, Any], *extra: str) -> str:
    """What kubectl says to a manifest, be it good or bad."""
    said: str = cluster.kubectl(
        "apply", "-n", namespace, "--validate=strict", *extra, "-f", "-", input=json.dumps(manifest), check=False
    )
    return said


@pytest.mark.parametrize("table", ["asset.yaml", "pipeline.yaml"])
def test_the_good_manifest_of_each_table_is_accepted(cluster: Any, namespace: str, table: str) -> None:
    good = yaml.safe_load((TABLES / table).read_text())["good"]
    assert "created" in apply(cluster, namespace, good, "--dry-run=server")


@pytest.mark.parametrize(("good", "case"), refused())
def test_the_api_server_refuses(cluster: Any, namespace: str, good: dict[str, Any], case: dict[str, Any]) -> None:
    said = apply(cluster, namespace, spoil(good, case), "--dry-run=server")
    assert "created" not in said
    assert case["field"] in said
    assert case["says"] in said


@pytest.mark.parametrize("case", judged())
def test_the_operator_says_what_is_wrong(cluster: Any, namespace: str, operator: Any, case: dict[str, Any]) -> None:
    for manifest in case["objects"]:
        assert "created" in apply(cluster, namespace, manifest)
    condition = await_condition(cluster, namespace, case["about"], reason=case["reason"])
    assert case["says"] in condition["message"]


def await_condition(cluster: Any, namespace: str, about: str, *, reason: str) -> dict[str, Any]:
    """The bad condition with that reason; fails with what there is instead."""
    deadline = time.monotonic() + PATIENCE
    while True:
        conditions = json.loads(cluster.kubectl("get", "-n", namespace, about, "-o", "json"))["status"].get("conditions", [])
        for condition in conditions:
            if condition["reason"] == reason and (condition["type"], condition["status"]) in BAD:
                return dict(condition)
        if time.monotonic() > deadline:
            pytest.fail(f"{about} has no bad condition with reason {reason}: {json.dumps(conditions, indent=1)}")
        time.sleep(0.2)


def test_the_table_is_long_enough() -> None:
    assert len(refused()) + len(judged()) >= 40


def test_a_field_that_is_spoilt_is_spoilt_alone() -> None:
    good = {"spec": {"sources": [{"asset": "a"}]}}
    assert spoil(good, {"set": {"spec.sources.0.csv.path": "x"}, "remove": ["spec.sources.0.asset"]}) == {
        "spec": {"sources": [{"csv": {"path": "x"}}]}
    }
    assert good == {"spec": {"sources": [{"asset": "a"}]}}
