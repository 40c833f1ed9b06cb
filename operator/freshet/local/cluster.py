"""A Kubernetes cluster on loopback: etcd, the API server and the controller manager, owned by this process.

Start: one after the other, since each finds the one before it at its first try or waits a second; ready when the API
server says so and the default ServiceAccount exists. Stop: in the opposite order, since an API server without its etcd
never ends. The lifeline (cluster_process.py) covers every other way to go.
"""

import datetime
import json
import shutil
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from freshet.local import cluster_parts
from freshet.local.build import build
from freshet.local.cluster_client import Client, ClusterError, Kubectl
from freshet.local.cluster_keys import Keys, make_keys, write_kubeconfig
from freshet.local.cluster_process import Lifeline, Part

__all__ = ["ClusterError", "LocalCluster"]

READY_SECONDS = 60
POLL_SECONDS = 0.02
GRACE_SECONDS = 5
PORT_ATTEMPTS = 3
PORT_TAKEN = "address already in use"
MARK = ".freshet-cluster"
MADE = (
    "etcd",
    cluster_parts.ETCD_SOCKET,
    cluster_parts.PEER_SOCKET,
    "pki",
    "logs",
    "kubeconfig",
    "kubeconfigs",
    "kubectl-cache",
)
"""What a cluster makes in its folder."""


class LocalCluster:
    """A running cluster. ``LocalCluster.start(folder=…)`` makes one; as a context manager it stops at the end.

    ``folder``: everything it writes. ``kubeconfig``: cluster admin. ``server``: the API's URL.
    """

    def __init__(self, *, folder: Path, keep: bool, binary: Path) -> None:
        self.folder = folder.absolute()
        self.kubeconfig = self.folder / "kubeconfig"
        self.server = ""
        self._keep = keep
        self._binary = binary
        self._lifeline = Lifeline()
        self._parts: list[Part] = []
        self._keys = Keys(folder=self.folder / "pki")
        self._client: Client

    @classmethod
    def start(cls, *, folder: Path, keep: bool = False, binary: Path | None = None) -> Self:
        """Start a cluster in ``folder`` and return when it can be used; the control plane is built if need be.

        Without ``keep`` what an older cluster left in the folder is removed and etcd does not wait for the disk.
        Raises ClusterError, BuildError.
        """
        cluster = cls(folder=folder, keep=keep, binary=binary or build())
        try:
            cluster._start()
        except BaseException:
            cluster.stop()
            raise
        return cluster

    def stop(self) -> None:
        """End every process, in order; at once when called again. The folder stays."""
        while self._parts:
            self._parts.pop().stop(grace_seconds=GRACE_SECONDS)
        self._lifeline.close()

    def remove(self) -> None:
        """Delete what clusters made in the folder, and the folder if nothing else is in it."""
        clean(self.folder)

    def check(self) -> None:
        """Raise ClusterError when a part has ended by itself."""
        for part in self._parts:
            if not part.running:
                raise ClusterError(f"{part.name} ended: {part.last_words()} (all of it: {part.log})")

    @property
    def pids(self) -> dict[str, int]:
        """The process of each part, by its name."""
        return {part.name: part.pid for part in self._parts}

    def kubectl(self, *args: str, input: str | None = None, check: bool = True) -> str:
        """What kubectl prints, as cluster admin. Raises ClusterError on failure if ``check``."""
        return self._kubectl.run(*args, input=input, check=check)

    def kubeconfig_for(self, *, namespace: str, service_account: str) -> Path:
        """A kubeconfig with a token of that ServiceAccount, good for 30 days. Raises ClusterError."""
        token = self._client.token(namespace=namespace, service_account=service_account)
        path = self.folder / "kubeconfigs" / f"{namespace}.{service_account}"
        return write_kubeconfig(
            path, server=self.server, authority=self._keys.authority, token=token, namespace=namespace
        )

    @property
    def _kubectl(self) -> Kubectl:
        return Kubectl(
            command=self._binary.with_name("kubectl"), kubeconfig=self.kubeconfig, cache=self.folder / "kubectl-cache"
        )

    @property
    def http(self) -> httpx.Client:
        """Requests to the API as cluster admin, by path: ``cluster.http.get("/version")``."""
        return self._client.http

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _start(self) -> None:
        claim(self.folder)
        if not self._keep:
            clean(self.folder)
            claim(self.folder)
        self._keys = make_keys(folder=self.folder / "pki", now=datetime.datetime.now(datetime.UTC))
        self._start_etcd()
        self._start_api_server()
        self._run(cluster_parts.controller_manager(kubeconfig=self.kubeconfig, keys=self._keys))
        self._wait_until(self._client.default_account_exists, "no ServiceAccount `default` in namespace default")

    def _start_etcd(self) -> None:
        """Until it listens: an API server that finds it silent tries again only after a second."""
        socket_file = self.folder / cluster_parts.ETCD_SOCKET
        socket_file.unlink(missing_ok=True)
        self._run(cluster_parts.etcd(keep=self._keep))
        self._wait_until(socket_file.exists, "etcd does not listen")

    def _start_api_server(self) -> None:
        """On a free port; another process may take it first, so there is more than one attempt."""
        for _ in range(PORT_ATTEMPTS):
            part = self._run_api_server(port=free_port(preferred=last_port(self.kubeconfig)))
            try:
                self._wait_until(self._client.ready, "the API server is not ready")
            except ClusterError:
                if PORT_TAKEN not in part.log.read_text(errors="replace"):
                    raise
                self._parts.remove(part)
            else:
                return
        raise ClusterError(f"{PORT_ATTEMPTS} free ports of 127.0.0.1 were taken by others at once: try again")

    def _run_api_server(self, *, port: int) -> Part:
        token, authority = self._keys.admin_token, self._keys.authority
        self.server = f"https://127.0.0.1:{port}"
        self._client = Client(server=self.server, authority=authority, token=token)
        write_kubeconfig(self.kubeconfig, server=self.server, authority=authority, token=token)
        return self._run(cluster_parts.api_server(port=port, keys=self._keys))

    def _run(self, arguments: cluster_parts.Arguments) -> Part:
        part = Part(binary=self._binary, arguments=arguments, folder=self.folder, lifeline=self._lifeline)
        self._parts.append(part)
        return part

    def _wait_until(self, condition: Callable[[], bool], otherwise: str) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not condition():
            self.check()
            if time.monotonic() > deadline:
                raise ClusterError(f"After {READY_SECONDS} s {otherwise}: see the logs in {self.folder / 'logs'}")
            time.sleep(POLL_SECONDS)


def claim(folder: Path) -> None:
    """Mark ``folder`` as a cluster's, for ``clean`` to believe. ClusterError when it has somebody's files."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    foreign = [name for name in MADE if (folder / name).exists()]
    if foreign and not (folder / MARK).exists():
        raise ClusterError(f"{folder} has a {foreign[0]} that no cluster made: give an empty folder")
    (folder / MARK).touch()


def clean(folder: Path) -> None:
    """Remove what a cluster made in ``folder``, and the folder if it is empty then; other files stay."""
    if not (folder / MARK).exists():
        return
    for name in MADE:
        if (folder / name).is_dir():
            shutil.rmtree(folder / name, ignore_errors=True)
        else:
            (folder / name).unlink(missing_ok=True)
    (folder / MARK).unlink()
    if not any(folder.iterdir()):
        folder.rmdir()


def last_port(kubeconfig: Path) -> int:
    """The port that a kept cluster had, 0 if there was none: its kubeconfigs stay good when it gets that again."""
    try:
        server: str = json.loads(kubeconfig.read_text())["clusters"][0]["cluster"]["server"]
    except (OSError, ValueError):
        return 0
    return int(server.rpartition(":")[2])


def free_port(*, preferred: int = 0) -> int:
    """A port of loopback that nobody listens on now: the preferred one if it is free."""
    for wanted in (preferred, 0):
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", wanted))
            port: int = probe.getsockname()[1]
            return port
    raise ClusterError("No port of 127.0.0.1 is free")
