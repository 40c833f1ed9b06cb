"""A bad manifest is refused where it is written, with a sentence that names the field and says what to do.

The tables are in ``bad_manifests/``: what the API server refuses (asset.yaml, pipeline.yaml), and what only the
operator can everywhere (operator.yaml), which answers with a condition instead of a crash.
"""

import json
from typing import Any

import pytest
import yaml
from tests.cluster.bad_manifests.kubectl import apply
from tests.cluster.bad_manifests.table import TABLES, judged, refused, spoil
from tests.support.operator import OperatorProcess
from tests.support.waiting import wait_for

from freshet.local.controlplane import LocalCluster

BAD = {("Ready", "False"), ("Stalled", "True"), ("Fresh", "False"), ("Fresh", "Unknown"), ("DbtCloudReady", "False")}


@pytest.mark.parametrize("table", ["asset.yaml", "pipeline.yaml"])
def test_the_good_manifest_of_each_table_is_accepted(cluster: LocalCluster, table: str) -> None:
    good = yaml.safe_load((TABLES / table).read_text())["good"]
    assert "created" in apply(cluster, "default", good, "--dry-run=server")


@pytest.mark.parametrize(("good", "case"), refused())
def test_the_api_server_refuses(cluster: LocalCluster, good: dict[str, Any], case: dict[str, Any]) -> None:
    answer = apply(cluster, "default", spoil(good, case), "--dry-run=server")
    assert "created" not in answer
    assert case["field"] in answer
    assert case["says"] in answer


@pytest.mark.parametrize("case", judged())
def test_the_operator_says_what_is_wrong(
    cluster: LocalCluster, everywhere: OperatorProcess, namespace: str, case: dict[str, Any]
) -> None:
    for manifest in case["objects"]:
        assert "created" in apply(cluster, namespace, manifest)
    condition = wait_for(
        lambda: bad_condition(cluster, namespace, case["about"], reason=case["reason"]),
        what=f"{case['about']} says {case['reason']}",
    )
    assert case["says"] in condition["message"]
    assert everywhere.ready()


def bad_condition(cluster: LocalCluster, namespace: str, about: str, *, reason: str) -> dict[str, Any]:
    """The condition that says something is wrong for that reason; empty while there is none."""
    found = json.loads(cluster.kubectl("get", "-n", namespace, about, "-o", "jsonpath={.status.conditions}") or "[]")
    return next((c for c in found if c["reason"] == reason and (c["type"], c["status"]) in BAD), {})


def test_the_table_is_long_enough() -> None:
    assert len(refused()) + len(judged()) >= 40


def test_a_field_that_is_spoilt_is_spoilt_alone() -> None:
    good = {"spec": {"sources": [{"asset": "a"}]}}
    assert spoil(good, {"set": {"spec.sources.0.csv.path": "x"}, "remove": ["spec.sources.0.asset"]}) == {
        "spec": {"sources": [{"csv": {"path": "x"}}]}
    }
    assert good == {"spec": {"sources": [{"asset": "a"}]}}
