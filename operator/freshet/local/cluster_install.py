"""Putting freshet's own manifests into a cluster, for tests and the demo, which run the operator as a process.

They use the base unchanged but for its Deployment: what acts is the process.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from freshet.local.cluster import LocalCluster
from freshet.local.paths import checkout

__all__ = ["NAMESPACE", "SERVICE_ACCOUNT", "apply_crds", "apply_rbac", "without_workloads"]

NAMESPACE = "freshet-system"
SERVICE_ACCOUNT = "freshet"


def apply_crds(cluster: LocalCluster) -> None:
    """Apply ``crds/`` and wait until the API serves them; nothing when the folder is empty. Raises ClusterError."""
    folder = checkout() / "crds"
    files = sorted(folder.glob("*.yaml"))
    if files:
        arguments = [f"--filename={path}" for path in files]
        cluster.kubectl("apply", "--server-side", *arguments)
        cluster.kubectl("wait", "--for=condition=Established", "--timeout=30s", *arguments)


def apply_rbac(cluster: LocalCluster, *, manifests: Path | None = None) -> Path:
    """Apply ``manifests/base`` but its Deployment. Returns a kubeconfig of the operator's ServiceAccount.

    Raises ClusterError.
    """
    rendered = cluster.kubectl("kustomize", str(manifests or checkout() / "manifests" / "base"))
    documents = list(without_workloads(yaml.safe_load_all(rendered)))
    cluster.kubectl("apply", "--server-side", "--filename=-", input=yaml.safe_dump_all(documents))
    return cluster.kubeconfig_for(namespace=NAMESPACE, service_account=SERVICE_ACCOUNT)


def without_workloads(documents: Iterator[Any]) -> Iterator[dict[str, Any]]:
    """Every manifest but Deployments."""
    return (document for document in documents if document and document.get("kind") != "Deployment")
