"""What manifests/ holds, applied to a real API server as a person would."""

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
import yaml
from tests.cluster.bad_manifests.kubectl import apply, said

from freshet.local.controlplane import LocalCluster

MANIFESTS = Path(__file__).parents[2] / "manifests"
EXAMPLE = MANIFESTS / "examples" / "kaizen-wars"


def rendered(cluster: LocalCluster, folder: Path) -> list[dict[str, Any]]:
    """What kustomize makes of a folder."""
    return [d for d in yaml.safe_load_all(cluster.kubectl("kustomize", str(folder))) if d]


@pytest.fixture(scope="module")
def home(cluster: LocalCluster) -> Iterator[str]:
    """The operator's namespace and the example's. Deployments are left out, since they would run."""
    assert "kaizen-wars" in cluster.kubectl("create", "namespace", "kaizen-wars")
    first = [d for d in rendered(cluster, MANIFESTS / "base") if d["kind"] in {"Namespace", "ServiceAccount"}]
    cluster.kubectl("apply", "--server-side", "-f", "-", input=yaml.safe_dump_all(first))
    yield "freshet-system"
    cluster.kubectl("delete", "namespace", "kaizen-wars", "--wait=false")


@pytest.mark.parametrize("folder", ["base", "namespaced"])
def test_the_installation_is_valid(cluster: LocalCluster, home: str, folder: str) -> None:
    documents = rendered(cluster, MANIFESTS / folder)
    for document in documents:
        namespace = document["metadata"].get("namespace", home)
        answer = apply(cluster, namespace, document, "--dry-run=server", "--server-side", "--force-conflicts")
        assert "serverside-applied" in answer, answer
    assert {d["kind"] for d in documents} >= {"CustomResourceDefinition", "Deployment", "Service", "ClusterRole"}


def test_the_operators_pod_fits_restricted_pod_security(cluster: LocalCluster, home: str) -> None:
    (deployment,) = [d for d in rendered(cluster, MANIFESTS / "base") if d["kind"] == "Deployment"]
    template = deployment["spec"]["template"]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "operator", **template["metadata"]}}
    assert "created" in apply(cluster, home, {**pod, "spec": template["spec"]}, "--dry-run=server")
    loose = deepcopy(template["spec"])
    del loose["containers"][0]["securityContext"]
    assert "violates PodSecurity" in apply(cluster, home, {**pod, "spec": loose}, "--dry-run=server")


def test_the_example_applies_and_applies_again_unchanged(cluster: LocalCluster, namespace: str) -> None:
    command = ("apply", "-n", namespace, "--validate=strict", "-k", str(EXAMPLE))
    created = said(cluster, *command).splitlines()
    assert sorted(created) == [
        "asset.freshet.dev/fact-virtual-count created",
        "pipeline.freshet.dev/kaizen-wars created",
    ]
    assert all(line.endswith(" unchanged") for line in said(cluster, *command).splitlines())


@pytest.mark.parametrize("sample", ["secrets.sample.yaml", "volume.sample.yaml"])
def test_the_samples_apply(cluster: LocalCluster, namespace: str, sample: str) -> None:
    answer = said(cluster, "apply", "-n", namespace, "--validate=strict", "-f", str(EXAMPLE / sample))
    assert all(line.endswith(" created") for line in answer.splitlines()), answer


def test_the_local_overlay_takes_what_differs_from_its_files(
    cluster: LocalCluster, namespace: str, tmp_path: Path
) -> None:
    copy = copytree(MANIFESTS, tmp_path / "manifests") / "overlays" / "local"
    copy.joinpath("local.env").write_text(
        "DBT_CLOUD_HOST=http://127.0.0.1:4711\nDATA_FOLDER=/in\nWAREHOUSE_FOLDER=/wh\n"
    )
    copy.joinpath("secrets.env").write_text("token=abc\n")
    answer = said(cluster, "apply", "-n", namespace, "--validate=strict", "-k", str(copy))
    assert [line.split()[-1] for line in answer.splitlines()] == ["created"] * 3, answer
    pipeline = yaml.safe_load(cluster.kubectl("get", "-n", namespace, "fpl/kaizen-wars", "-o", "yaml"))["spec"]
    assert pipeline["warehouse"] == {"duckdb": {"path": "/warehouse/kaizen.duckdb", "schema": "kaizen_wars"}}
    assert pipeline["dbtCloud"]["host"] == "http://127.0.0.1:4711"
    assert {v["name"]: v["hostPath"]["path"] for v in pipeline["jobs"]["volumes"]} == {
        "data": "/in",
        "warehouse": "/wh",
    }
    secret = yaml.safe_load(cluster.kubectl("get", "-n", namespace, "secret/dbt-cloud", "-o", "yaml"))
    assert secret["data"] == {"token": "YWJj"}


def test_the_overlay_changes_the_warehouse_and_what_follows_only(cluster: LocalCluster) -> None:
    plain = {(d["kind"], d["metadata"]["name"]): d for d in rendered(cluster, EXAMPLE)}
    local = {(d["kind"], d["metadata"]["name"]): d for d in rendered(cluster, MANIFESTS / "overlays" / "local")}
    differ = {key for key in plain if plain[key] != local[key]}
    assert differ == {("Pipeline", "kaizen-wars")}
    before, after = plain["Pipeline", "kaizen-wars"]["spec"], local["Pipeline", "kaizen-wars"]["spec"]
    assert {field for field in before if before[field] != after[field]} == {"warehouse", "dbtCloud", "jobs"}
    assert local.keys() - plain.keys() == {("Secret", "dbt-cloud")}


def can(cluster: LocalCluster, verb: str, resource: str, namespace: str) -> bool:
    account = "--as=system:serviceaccount:freshet-system:freshet"
    name, _, subresource = resource.partition("/")
    question = ("auth", "can-i", verb, name, f"--subresource={subresource}", "-n", namespace, account)
    answer = said(cluster, *question).split()[-1]
    assert answer in {"yes", "no"}
    return answer == "yes"


def test_the_operator_may_do_what_it_does_and_no_more(
    cluster: LocalCluster, operator_kubeconfig: Path, namespace: str
) -> None:
    may = [
        ("create", "assets"),
        ("patch", "assets/status"),
        ("patch", "pipelines/status"),
        ("delete", "jobs"),
        ("get", "secrets"),
    ]
    must_not = [
        ("list", "secrets"),
        ("watch", "secrets"),
        ("update", "pipelines"),
        ("delete", "pipelines"),
        ("create", "pods"),
        ("delete", "pods"),
        ("create", "secrets"),
        ("get", "configmaps"),
        ("create", "pods/exec"),
        ("create", "leases"),
        ("create", "rolebindings"),
    ]
    assert [what for what in may if not can(cluster, *what, namespace)] == []
    assert [what for what in must_not if can(cluster, *what, namespace)] == []
    assert can(cluster, "create", "leases", "freshet-system")
    assert not can(cluster, "delete", "leases", "freshet-system")
