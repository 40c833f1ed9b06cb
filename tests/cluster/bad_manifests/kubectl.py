"""kubectl as a person uses it: what it says, be it good or bad."""

import json
from typing import Any

from freshet.local.cluster_client import ClusterError
from freshet.local.controlplane import LocalCluster

__all__ = ["apply", "patch_status", "said"]


def said(cluster: LocalCluster, *arguments: str, input: str | None = None) -> str:
    """What kubectl prints, or what it complains of."""
    try:
        return cluster.kubectl(*arguments, input=input)
    except ClusterError as error:
        return str(error)


def apply(cluster: LocalCluster, namespace: str, manifest: dict[str, Any], *extra: str) -> str:
    """What kubectl says to a manifest under strict validation."""
    arguments = ("apply", "-n", namespace, "--validate=strict", *extra, "-f", "-")
    return said(cluster, *arguments, input=json.dumps(manifest))


def patch_status(cluster: LocalCluster, namespace: str, resource: str, status: dict[str, Any]) -> str:
    """A merge patch of the status, and what kubectl says to it."""
    patch = json.dumps({"status": status})
    return said(cluster, "patch", "-n", namespace, resource, "--subresource=status", "--type=merge", "-p", patch)
