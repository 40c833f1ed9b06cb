"""``freshet doctor`` on a real API server: what is wrong is named with its remedy; once all is mended it says so."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cluster.conftest import OperatorFactory
from tests.support.dbt_place import SECRET, add_dbt_pipeline
from tests.support.dbtcloud import DbtCloudStandIn
from tests.support.freshet_objects import Place
from tests.support.kube import create
from tests.support.operator import OperatorProcess
from tests.support.waiting import wait_for

from freshet.local.controlplane import LocalCluster

FRESHET = Path(sys.executable).with_name("freshet")


def doctor(kubeconfig: Path, *arguments: str, **env: str) -> tuple[int, str]:
    """Its exit code and what it prints."""
    command = [FRESHET, "doctor", f"--kubeconfig={kubeconfig}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **env})
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def stand_in(tmp_path: Path) -> Iterator[DbtCloudStandIn]:
    with DbtCloudStandIn(folder=tmp_path / "dbt-cloud", executor="scripted") as running:
        yield running


def test_a_pipeline_is_mended_step_by_step(
    operator: OperatorProcess, operator_kubeconfig: Path, place: Place, stand_in: DbtCloudStandIn
) -> None:
    here = f"--namespace={place.namespace}"
    place.add_secret(SECRET, wrong_key="x")
    add_dbt_pipeline(place, stand_in)
    wait_for(lambda: place.condition("shop", "Ready", plural="pipelines"), what="the operator has seen the Pipeline")

    code, said = doctor(operator_kubeconfig, here)
    assert code == 1
    assert f"Secret {SECRET} (dbtCloud.tokenSecretRef) lacks token" in said
    assert "you may do all that the operator does" in said
    assert said.endswith("1 of 7 findings need somebody.\n"), said

    place.patch("secrets", SECRET, {"stringData": {"token": "not the right one"}})
    code, said = doctor(operator_kubeconfig, here)
    assert code == 1
    assert "→ freshet runbook dbt-cloud-unreachable" in said
    assert "not the right one" not in said

    place.patch("secrets", SECRET, {"stringData": {"token": stand_in.token}})
    code, said = doctor(operator_kubeconfig, here)
    assert code == 0, said
    assert f"dbt Cloud at {stand_in.url} answers and has job 1" in said
    assert "DuckDB: no load or count has opened it yet" in said
    assert said.splitlines()[-1].startswith("Nothing is wrong for sure; "), "that DuckDB opens is not known yet"


def test_rights_that_are_missing_are_named_for_oneself_and_for_another(
    cluster: LocalCluster, operator_kubeconfig: Path, namespace: str
) -> None:
    nobody = cluster.kubeconfig_for(namespace=namespace, service_account="default")
    code, said = doctor(nobody, f"--namespace={namespace}")
    assert code == 1
    assert f"you may not get, list, watch, create, delete jobs.batch in namespace {namespace}" in said
    assert "you may not read definitions" in said

    code, said = doctor(cluster.kubeconfig, "-n", namespace, "--account", f"{namespace}/default")
    assert code == 1
    assert f"ServiceAccount {namespace}/default may not get secrets in namespace {namespace}" in said

    code, said = doctor(cluster.kubeconfig, "-n", namespace, "--account", "freshet-system/freshet")
    assert code == 0, said
    assert "ServiceAccount freshet-system/freshet may do all that the operator does" in said


def test_the_rights_of_an_installation_for_all_namespaces_and_without_its_lease(
    cluster: LocalCluster, operator_kubeconfig: Path, namespace: str
) -> None:
    """Those of manifests/base; then those of its ClusterRole alone, in one namespace."""
    told = "ServiceAccount freshet-system/freshet may do all that the operator does in all namespaces, with its Lease"
    assert told in doctor(cluster.kubeconfig, "--account", "freshet-system/freshet")[1]

    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "freshet"}
    subjects = [{"kind": "ServiceAccount", "name": "default", "namespace": namespace}]
    binding = {"metadata": {"name": "freshet"}, "roleRef": role, "subjects": subjects}
    create(cluster, "rolebindings", namespace=namespace, body=binding)
    account = f"{namespace}/default"
    code, said = doctor(cluster.kubeconfig, "-n", namespace, "--account", account)
    assert code == 1
    missing = [line.partition(f"{account} may not ")[2] for line in said.splitlines() if " may not " in line]
    assert missing == [
        "get, list, watch customresourcedefinitions.apiextensions.k8s.io in the cluster",
        f"get, create, patch leases.coordination.k8s.io in namespace {namespace}",
    ]


def test_what_cannot_be_asked_is_one_sentence(tmp_path: Path, cluster: LocalCluster) -> None:
    code, said = doctor(tmp_path / "nothing")
    assert code == 1
    assert said.startswith("Error: No way to reach a Kubernetes cluster")
    code, said = doctor(cluster.kubeconfig, "--namespace=nowhere")
    assert code == 1
    assert "there is no namespace nowhere" in said
    code, said = doctor(cluster.kubeconfig, "--account=me")
    assert code == 2
    assert "write NAMESPACE/NAME" in said


def test_an_operator_that_has_died_is_said_and_what_was_changed_since(
    operator_factory: OperatorFactory, operator_kubeconfig: Path, place: Place
) -> None:
    name = f"freshet-system/{place.namespace}"
    operator = operator_factory(arguments=[f"--lease={name}"], env={"POD_NAME": "one"}).start()
    place.add_asset("table")
    wait_for(lambda: place.condition("table", "Ready"), what="the operator has seen the Asset")
    code, said = doctor(operator_kubeconfig, f"--namespace={place.namespace}", FRESHET_LEASE=name)
    assert f"one acts: it renews the Lease {name}" in said
    assert (code, "1 Asset, all reconciled\n" in said) == (0, True), said
    operator.kill()
    place.patch("assets", "table", {"spec": {"suspend": True}})

    def told() -> str:
        """What is said once the Lease has run out."""
        code, said = doctor(operator_kubeconfig, f"--namespace={place.namespace}", FRESHET_LEASE=name)
        assert code == 1
        return said if f"one has not renewed the Lease {name} for " in said else ""

    said = str(wait_for(told, timeout=90, what="the operator is said to be dead"))
    assert "such as asset " + place.namespace + "/table (generation 2, seen 1)" in said
    assert "all reconciled" not in said
