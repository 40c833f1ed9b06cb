"""Where the API server is and who we are: a kubeconfig, or the pod's ServiceAccount."""

import asyncio
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubernetes.aio.client import Configuration
from kubernetes.aio.config import ConfigException, load_incluster_config, load_kube_config, refresh_token

from freshet.runtime.errors import CannotStart

__all__ = ["Access", "load_access"]

logger = logging.getLogger(__name__)

POOL_SIZE = 64


@dataclass(frozen=True, kw_only=True)
class Access:
    """``configuration`` of the client. ``refresher``: renews a token that a command of the kubeconfig prints."""

    configuration: Any
    refresher: asyncio.Task[None] | None = None

    async def authorization(self) -> str | None:
        """The Authorization header as it must be now; None with client certificates."""
        value: str | None = await self.configuration.get_api_key_with_prefix("BearerToken", alias="authorization")
        return value

    def close(self) -> None:
        """Stop renewing."""
        if self.refresher is not None:
            self.refresher.cancel()


async def load_access(*, kubeconfig: Path | None = None) -> Access:
    """The kubeconfig named, else KUBECONFIG, else the pod's own account, else ~/.kube/config. Raises CannotStart."""
    configuration = Configuration()
    configuration.connection_pool_maxsize = POOL_SIZE
    configuration.client_session_kwargs = {"trust_env": False}
    try:
        if _in_cluster(kubeconfig):
            load_incluster_config(client_configuration=configuration)
            return Access(configuration=configuration)
        path = _kubeconfig(kubeconfig)
        loader = await load_kube_config(config_file=path, client_configuration=configuration, persist_config=False)
    except (ConfigException, OSError, ValueError) as error:
        raise CannotStart(
            f"No way to reach a Kubernetes cluster: {_words(error)}; name one with --kubeconfig."
        ) from error
    task = asyncio.get_running_loop().create_task(refresh_token(loader, configuration), name="token refresh")
    return Access(configuration=configuration, refresher=task)


def _in_cluster(kubeconfig: Path | None) -> bool:
    named = kubeconfig is not None or "KUBECONFIG" in os.environ
    return not named and "KUBERNETES_SERVICE_HOST" in os.environ


def _kubeconfig(named: Path | None) -> str:
    """One path, or several as KUBECONFIG may hold. Raises FileNotFoundError when none of them exists."""
    text = str(named or os.environ.get("KUBECONFIG") or Path.home() / ".kube" / "config")
    if not any(Path(path).is_file() for path in text.split(os.pathsep)):
        raise FileNotFoundError(f"the file {text} does not exist")
    return text


def _words(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
