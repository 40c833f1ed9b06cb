"""The local cluster is a real one: its versions, its controllers, its RBAC, its tokens."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.kube import condition, create, get_object, list_objects, merge_patch
from tests.support.waiting import wait_for

from freshet.local.build import kubernetes_version
from freshet.local.cluster_install import NAMESPACE, SERVICE_ACCOUNT
from freshet.local.controlplane import ClusterError, LocalCluster
from freshet.local.paths import checkout

JOB = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "sums"},
    "spec": {
        "backoffLimit": 0,
        "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "freshet", "image": "none"}]}},
    },
}


def test_server_and_kubectl_tell_the_release_of_go_mod(cluster: LocalCluster) -> None:
    release = kubernetes_version(sources=checkout() / "controlplane")
    versions = json.loads(cluster.kubectl("version", "-o", "json"))
    told = {versions[side]["gitVersion"] for side in ("clientVersion", "serverVersion")}
    assert told == {release}


def test_kubectl_failure_is_a_sentence(cluster: LocalCluster) -> None:
    with pytest.raises(ClusterError, match=r'namespaces "nowhere" not found'):
        cluster.kubectl("get", "namespace", "nowhere")
    assert cluster.kubectl("get", "namespace", "nowhere", check=False) == ""


def test_a_stranger_is_refused(cluster: LocalCluster) -> None:
    anonymous = cluster.http.get("/api/v1/namespaces", headers={"Authorization": ""})
    wrong = cluster.http.get("/api/v1/namespaces", headers={"Authorization": "Bearer guess"})
    assert (anonymous.status_code, wrong.status_code) == (403, 401)


def test_rbac_refuses_an_account_without_rights(cluster: LocalCluster, namespace: str) -> None:
    kubeconfig = cluster.kubeconfig_for(namespace=namespace, service_account="default")
    with pytest.raises(ClusterError, match=rf"{namespace}:default.* cannot list resource"):
        cluster.kubectl("get", "pods", "--kubeconfig", str(kubeconfig))


def test_a_binding_gives_an_account_its_rights(cluster: LocalCluster, namespace: str) -> None:
    kubeconfig = cluster.kubeconfig_for(namespace=namespace, service_account="default")
    cluster.kubectl(
        *("create", "rolebinding", "reader", "-n", namespace),
        *("--clusterrole=view", f"--serviceaccount={namespace}:default"),
    )

    def seen() -> str:
        return cluster.kubectl("get", "configmaps", "-o", "name", "--kubeconfig", str(kubeconfig), check=False)

    assert "configmap/kube-root-ca.crt" in wait_for(seen, what="RBAC has seen the binding")


def test_no_token_for_an_account_that_does_not_exist(cluster: LocalCluster, namespace: str) -> None:
    with pytest.raises(ClusterError, match=f'{namespace}/ghost: serviceaccounts "ghost" not found'):
        cluster.kubeconfig_for(namespace=namespace, service_account="ghost")


def test_a_job_completes_when_its_pod_is_said_to_have_succeeded(cluster: LocalCluster, namespace: str) -> None:
    create(cluster, "jobs", namespace=namespace, body=JOB)
    pods: list[Any] = wait_for(lambda: list_objects(cluster, "pods", namespace=namespace), what="the Job's pod")
    ended = {"exitCode": 0, "reason": "Completed", "message": '{"rows":1}'}
    container = {"name": "freshet", "image": "none", "imageID": "", "ready": False, "restartCount": 0}
    status = {"phase": "Succeeded", "containerStatuses": [{**container, "state": {"terminated": ended}}]}
    name = pods[0]["metadata"]["name"]
    merge_patch(cluster, "pods", namespace=namespace, name=name, body={"status": status}, subresource="status")

    def complete() -> bool:
        job = get_object(cluster, "jobs", namespace=namespace, name="sums") or {}
        return condition(job, "Complete").get("status") == "True"

    wait_for(complete, what="the Job is complete")


def test_what_an_owner_leaves_is_collected(cluster: LocalCluster, namespace: str) -> None:
    create(cluster, "jobs", namespace=namespace, body=JOB)
    wait_for(lambda: list_objects(cluster, "pods", namespace=namespace), what="the Job's pod")
    cluster.kubectl("delete", "job", "sums", "-n", namespace, "--cascade=background")
    wait_for(lambda: not list_objects(cluster, "pods", namespace=namespace), what="the pod is gone")


def test_a_quota_counts(cluster: LocalCluster, namespace: str) -> None:
    cluster.kubectl("create", "quota", "tight", "-n", namespace, "--hard=configmaps=1")

    def counted() -> Any:
        quota = get_object(cluster, "resourcequotas", namespace=namespace, name="tight") or {}
        return quota.get("status", {}).get("used", {}).get("configmaps") == "1"

    wait_for(counted, what="the quota is counted")
    with pytest.raises(ClusterError, match="exceeded quota: tight"):
        cluster.kubectl("create", "configmap", "second", "-n", namespace)


def test_a_deleted_namespace_goes(cluster: LocalCluster) -> None:
    cluster.kubectl("create", "namespace", "passing")
    cluster.kubectl("delete", "namespace", "passing", "--timeout=60s")
    assert cluster.kubectl("get", "namespace", "passing", "--ignore-not-found") == ""


def test_the_operators_account_has_the_rights_of_the_base_and_no_more(
    cluster: LocalCluster, operator_kubeconfig: Path
) -> None:
    account = f"system:serviceaccount:{NAMESPACE}:{SERVICE_ACCOUNT}"

    def may(verb: str, kind: str) -> str:
        return cluster.kubectl("auth", "can-i", verb, kind, "-A", f"--as={account}", check=False).strip()

    assert operator_kubeconfig.stat().st_mode & 0o077 == 0
    wait_for(lambda: may("list", "assets.freshet.dev") == "yes", what="RBAC has seen the base")
    assert {may(*what) for what in (("list", "secrets"), ("create", "pods"), ("delete", "namespaces"))} == {"no"}
    assert cluster.kubectl("get", "deployments", "-n", NAMESPACE, "-o", "name") == ""
