"""What each part of the control plane is started with: pure functions from places and ports to arguments.

The parts run in the cluster's folder, so that etcd's sockets have short relative names however deep the folder is
(a socket's path may have about 100 characters), and no port is taken for them.
"""

from collections.abc import Sequence
from pathlib import Path

from freshet.local.cluster_keys import Keys

__all__ = ["CONTROLLERS", "ETCD_SOCKET", "PEER_SOCKET", "Arguments", "api_server", "controller_manager", "etcd"]

Arguments = Sequence[str]
"""The name of a part and its flags."""

ETCD_SOCKET = "etcd.sock"
PEER_SOCKET = "etcd-peer.sock"

CONTROLLERS = (
    "clusterrole-aggregation-controller",
    "cronjob-controller",
    "deployment-controller",
    "garbage-collector-controller",
    "job-controller",
    "namespace-controller",
    "pod-garbage-collector-controller",
    "replicaset-controller",
    "resourcequota-controller",
    "root-ca-certificate-publisher-controller",
    "serviceaccount-controller",
    "ttl-after-finished-controller",
)
"""No scheduler and no node lifecycle: the node agent binds the pods of its one node itself."""


def etcd(*, keep: bool) -> Arguments:
    """``keep`` waits for the disk on each write, as data that must survive a crash of the machine needs."""
    arguments = [
        "etcd",
        "--data-dir",
        "etcd",
        "--listen",
        f"unix://{ETCD_SOCKET}",
        "--listen-peer",
        f"unix://{PEER_SOCKET}",
    ]
    return arguments if keep else [*arguments, "--unsafe-no-fsync"]


def api_server(*, port: int, keys: Keys) -> Arguments:
    """On loopback with TLS; Node and RBAC decide. `kubectl logs` asks nodes by their IP address, not by name."""
    return [
        "kube-apiserver",
        f"--etcd-servers=unix://{ETCD_SOCKET}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--secure-port={port}",
        f"--tls-cert-file={keys.server_certificate}",
        f"--tls-private-key-file={keys.server_key}",
        f"--token-auth-file={keys.tokens}",
        "--authorization-mode=Node,RBAC",
        f"--service-account-key-file={keys.service_accounts}",
        f"--service-account-signing-key-file={keys.service_accounts}",
        "--service-account-issuer=https://kubernetes.default.svc",
        "--service-cluster-ip-range=10.0.0.0/24",
        "--endpoint-reconciler-type=none",
        "--kubelet-preferred-address-types=InternalIP",
        "--profiling=false",
    ]


def controller_manager(*, kubeconfig: Path, keys: Keys) -> Arguments:
    """One replica; each controller acts as its own ServiceAccount, with the rights that a real cluster gives it.

    It may ask more often than the twenty times a second that spare a real API server: it would spend a second of each
    start, and of many Jobs at once, waiting for its turn.
    """
    return [
        "kube-controller-manager",
        f"--kubeconfig={kubeconfig}",
        f"--controllers={','.join(CONTROLLERS)}",
        f"--root-ca-file={keys.authority}",
        "--use-service-account-credentials",
        "--leader-elect=false",
        "--kube-api-qps=200",
        "--kube-api-burst=400",
        "--secure-port=0",
        "--profiling=false",
    ]
