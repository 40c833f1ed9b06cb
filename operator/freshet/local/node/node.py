"""The Node object, its Lease, and the heartbeat of both."""

import asyncio
import logging
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from freshet import __version__
from freshet.local.node.fields import HOST_IP
from freshet.local.node.kube import ApiError, Json, Kube, KubeError
from freshet.local.node.records import stamp

__all__ = [
    "NodeIdentity",
    "capacity",
    "heartbeat",
    "lease_object",
    "node_labels",
    "node_object",
    "node_status",
    "register",
    "write_status",
]

log = logging.getLogger(__name__)

LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
LEASE_SECONDS = 40
RENEW_SECONDS = 10.0
STATUS_SECONDS = 300.0
UNTAINTED: Json = {"spec": {"taints": None}}
"""The API server taints a new Node as not ready, for a node controller to clear, which runs in no cluster of ours."""
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


@dataclass(frozen=True, kw_only=True)
class NodeIdentity:
    """``port``: of the log endpoint."""

    name: str
    port: int
    max_pods: int


def capacity(*, max_pods: int) -> dict[str, str]:
    """What the machine has; nothing is reserved or limited."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1024
    return {"cpu": str(os.cpu_count() or 1), "memory": f"{memory}Ki", "pods": str(max_pods)}


def node_labels(name: str) -> dict[str, str]:
    """What a pod's ``nodeSelector`` may ask for."""
    return {
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": platform.system().lower(),
        "kubernetes.io/arch": ARCHITECTURES.get(platform.machine(), platform.machine()),
        "freshet.dev/node-agent": "local",
    }


def node_object(*, name: str) -> Json:
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": node_labels(name)}}


def node_status(*, identity: NodeIdentity, now: datetime, since: datetime, stopped: bool = False) -> Json:
    """The Node's status; ``stopped`` when the agent ends on purpose."""
    ready = {
        "type": "Ready",
        "status": "False" if stopped else "True",
        "reason": "NodeAgentStopped" if stopped else "NodeAgentReady",
        "message": "freshet's node agent has ended" if stopped else "freshet's node agent runs pods as local processes",
        "lastHeartbeatTime": stamp(now),
        "lastTransitionTime": stamp(now if stopped else since),
    }
    amounts = capacity(max_pods=identity.max_pods)
    return {
        "addresses": [{"type": "InternalIP", "address": HOST_IP}, {"type": "Hostname", "address": identity.name}],
        "capacity": amounts,
        "allocatable": amounts,
        "conditions": [ready],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": identity.port}},
        "nodeInfo": _info(),
    }


def _info() -> Json:
    return {
        "architecture": ARCHITECTURES.get(platform.machine(), platform.machine()),
        "operatingSystem": platform.system().lower(),
        "kernelVersion": platform.release(),
        "osImage": f"this machine ({platform.system()})",
        "containerRuntimeVersion": f"local://{__version__}",
        "kubeletVersion": f"freshet-{__version__}",
        "kubeProxyVersion": "",
        "bootID": "",
        "machineID": "",
        "systemUUID": "",
    }


def lease_object(*, name: str, now: datetime) -> Json:
    moment = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    spec = {"holderIdentity": name, "leaseDurationSeconds": LEASE_SECONDS, "renewTime": moment}
    return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": name}, "spec": spec}


async def register(kube: Kube, *, identity: NodeIdentity, now: datetime) -> None:
    """Create the Node or take over the one of that name, and say that it is ready. Raises ``KubeError``."""
    try:
        await kube.post("/api/v1/nodes", node_object(name=identity.name))
        await kube.patch(f"/api/v1/nodes/{identity.name}", UNTAINTED)
    except ApiError as error:
        if error.status != 409:
            raise
    await write_status(kube, identity=identity, now=now, since=now)


async def write_status(
    kube: Kube, *, identity: NodeIdentity, now: datetime, since: datetime, stopped: bool = False
) -> None:
    """Write the Node's status. Raises ``KubeError``."""
    status = node_status(identity=identity, now=now, since=since, stopped=stopped)
    await kube.patch(f"/api/v1/nodes/{identity.name}/status", {"status": status})


async def heartbeat(kube: Kube, *, identity: NodeIdentity, clock: Callable[[], datetime]) -> None:
    """Renew the Lease, and the status now and then, until cancelled; a Node that was deleted is made again."""
    since = last = clock()
    while True:
        try:
            await _renew(kube, name=identity.name, now=clock())
            if (clock() - last).total_seconds() >= STATUS_SECONDS:
                last = clock()
                await write_status(kube, identity=identity, now=last, since=since)
        except ApiError as error:
            if error.status == 404:
                await _again(kube, identity=identity, now=clock())
        except KubeError as error:
            log.info("heartbeat: %s", error)
        await asyncio.sleep(RENEW_SECONDS)


async def _again(kube: Kube, *, identity: NodeIdentity, now: datetime) -> None:
    try:
        await register(kube, identity=identity, now=now)
    except KubeError as error:
        log.info("registering the node: %s", error)


async def _renew(kube: Kube, *, name: str, now: datetime) -> None:
    lease = lease_object(name=name, now=now)
    try:
        await kube.patch(f"{LEASES}/{name}", lease)
    except ApiError as error:
        if error.status != 404:
            raise
        await kube.post(LEASES, lease)
