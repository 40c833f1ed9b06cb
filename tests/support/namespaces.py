"""A namespace of one's own, whose pods can start."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.kube import get_object
from tests.support.waiting import wait_for

from freshet.local.controlplane import LocalCluster

__all__ = ["own_namespace"]


@contextmanager
def own_namespace(cluster: LocalCluster, prefix: str) -> Iterator[str]:
    """Deleted in the background when the block ends."""
    name = f"{prefix}-{uuid.uuid4().hex[:10]}"
    cluster.http.post("/api/v1/namespaces", json={"metadata": {"name": name}}).raise_for_status()

    def account() -> Any:
        return get_object(cluster, "serviceaccounts", namespace=name, name="default")

    try:
        wait_for(account, what=f"ServiceAccount default in {name}")
        yield name
    finally:
        cluster.http.delete(f"/api/v1/namespaces/{name}")
