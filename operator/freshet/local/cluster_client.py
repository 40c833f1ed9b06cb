"""The few questions that a cluster's owner asks its API, and kubectl for everything else."""

import os
import ssl
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import httpx

__all__ = ["Client", "ClusterError", "Kubectl"]

TOKEN_SECONDS = 30 * 24 * 3600
KUBECTL_SECONDS = 120


class ClusterError(Exception):
    """The cluster could not do it; the message says what, where and what to do."""


@dataclass(frozen=True, kw_only=True)
class Kubectl:
    """kubectl (a link to the control plane's binary) with a kubeconfig; its caches lie in ``cache``, not at home."""

    command: Path
    kubeconfig: Path | str
    cache: Path

    def run(self, *args: str, input: str | None = None, check: bool = True) -> str:
        """What it prints on standard output. Raises ClusterError with what it says on standard error, if ``check``."""
        environment = {**os.environ, "KUBECONFIG": str(self.kubeconfig), "KUBECACHEDIR": str(self.cache)}
        try:
            result = subprocess.run(
                [self.command, *args],
                input=input if input is not None else "",
                env=environment,
                capture_output=True,
                text=True,
                timeout=KUBECTL_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise ClusterError(f"kubectl {' '.join(args)} took longer than {KUBECTL_SECONDS} s") from error
        if check and result.returncode:
            raise ClusterError(f"kubectl {' '.join(args)}: {result.stderr.strip() or result.stdout.strip()}")
        return result.stdout


class Client:
    """A small client with the admin's token."""

    def __init__(self, *, server: str, authority: Path, token: str) -> None:
        self._server, self._authority, self._token = server, authority, token

    @cached_property
    def http(self) -> httpx.Client:
        """Requests to the API as cluster admin; thread-safe."""
        return httpx.Client(
            base_url=self._server,
            headers={"Authorization": f"Bearer {self._token}"},
            verify=ssl.create_default_context(cafile=str(self._authority)),
            trust_env=False,
            timeout=10,
        )

    def ready(self) -> bool:
        """Whether the API server says that it is."""
        return self._status("/readyz") == 200

    def default_account_exists(self) -> bool:
        """Whether pods can be made in namespace default: they need its ServiceAccount."""
        return self._status("/api/v1/namespaces/default/serviceaccounts/default") == 200

    def token(self, *, namespace: str, service_account: str) -> str:
        """A token from TokenRequest. Raises ClusterError."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{service_account}/token"
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": TOKEN_SECONDS},
        }
        response = self.http.post(path, json=body)
        if response.status_code != 201:
            message = response.json().get("message", response.text)
            raise ClusterError(f"No token for ServiceAccount {namespace}/{service_account}: {message}")
        return str(response.json()["status"]["token"])

    def _status(self, path: str) -> int:
        try:
            return self.http.get(path).status_code
        except httpx.TransportError:
            return 0
