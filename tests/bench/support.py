"""A cluster with the operator in it, a quick client, and figures: what the benches of the operator share."""

import asyncio
import base64
import json
import math
import ssl
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from tests.support.operator import OperatorProcess
from tests.support.waiting import wait_for

from freshet.local.cluster_install import apply_crds, apply_rbac
from freshet.local.controlplane import LocalCluster, build, progress_bar

__all__ = ["Api", "Setup", "against", "api", "many", "memory_mb", "percentile", "prepared", "settled"]

ASSETS = "/apis/freshet.dev/v1alpha1"
JOBS = "/apis/batch/v1"
AT_ONCE = 24
SETTLED = "reconciled"
MERGE_PATCH = "application/merge-patch+json"


class Setup:
    """A running cluster with definitions and rights; ``folder`` is the bench's own."""

    def __init__(self, *, cluster: LocalCluster, operator_kubeconfig: Path, folder: Path) -> None:
        self.cluster = cluster
        self.operator_kubeconfig = operator_kubeconfig
        self.folder = folder


@contextmanager
def prepared() -> Iterator[Setup]:
    """Start a cluster of its own for this bench; nothing is left of it afterwards."""
    with progress_bar() as progress:
        binary = build(progress=progress)
    with tempfile.TemporaryDirectory(prefix="freshet-bench-") as name:
        folder = Path(name)
        with LocalCluster.start(folder=folder / "cluster", binary=binary) as cluster:
            apply_crds(cluster)
            yield Setup(cluster=cluster, operator_kubeconfig=apply_rbac(cluster), folder=folder)


class Api:
    """The API as cluster admin, in plain aiohttp: nothing of freshet's own client is in the floor."""

    def __init__(self, *, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def get(self, path: str, **query: str) -> dict[str, Any]:
        return await self._json("GET", path, params=query)

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return await self._json("POST", path, json=body)

    async def merge_patch(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return await self._json("PATCH", path, data=json.dumps(body), headers={"Content-Type": MERGE_PATCH})

    async def text(self, path: str) -> str:
        async with self._session.get(path) as answer:
            answer.raise_for_status()
            return await answer.text()

    async def watch(self, path: str, *, since: str) -> AsyncIterator[dict[str, Any]]:
        """Events from a resourceVersion on; ends when the server ends it."""
        query = {"watch": "true", "resourceVersion": since, "timeoutSeconds": "3600"}
        async with self._session.get(path, params=query, timeout=aiohttp.ClientTimeout(total=None)) as answer:
            answer.raise_for_status()
            while line := await answer.content.readline():
                yield json.loads(line)

    async def _json(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        async with self._session.request(method, path, **options) as answer:
            if answer.status >= 400:
                raise RuntimeError(f"{method} {path}: {answer.status} {await answer.text()}")
            found: dict[str, Any] = await answer.json()
            return found


@asynccontextmanager
async def api(kubeconfig: Path) -> AsyncIterator[Api]:
    """A client with the token of a kubeconfig."""
    document = _document(kubeconfig)
    cluster, user = document["clusters"][0]["cluster"], document["users"][0]["user"]
    context = ssl.create_default_context(cafile=_authority(cluster, kubeconfig.parent))
    connector = aiohttp.TCPConnector(ssl=context, limit=64)
    headers = {"Authorization": f"Bearer {user['token']}"}
    options: dict[str, Any] = {"connector": connector, "headers": headers, "read_bufsize": 2**21}
    async with aiohttp.ClientSession(cluster["server"], **options) as session:
        yield Api(session=session)


def _document(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text())
    return found


def _authority(cluster: dict[str, str], folder: Path) -> str:
    if "certificate-authority" in cluster:
        return str(folder / cluster["certificate-authority"])
    path = folder / f"ca-{id(cluster)}.crt"
    path.write_bytes(base64.b64decode(cluster["certificate-authority-data"]))
    return str(path)


async def many(items: Iterable[Any], work: Callable[[Any], Awaitable[Any]]) -> None:
    """Do the work for all items, two dozen at a time."""
    pending = iter(items)

    async def worker() -> None:
        for item in pending:
            await work(item)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(AT_ONCE):
            tasks.create_task(worker())


def settled(operator: OperatorProcess, *, timeout: float = 300) -> None:
    """Return when the operator says that it has looked at every asset."""
    wait_for(lambda: SETTLED in operator.log(), timeout=timeout, what="every asset is reconciled")


def memory_mb(pid: int, field: str) -> float:
    """A field of /proc/<pid>/status in MB (10⁶ bytes)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    kibibytes = next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))
    return round(kibibytes * 1024 / 1e6, 1)


def percentile(values: list[float], share: float) -> float:
    """The smallest value that ``share`` of all values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def against(figures: Mapping[str, float], bars: Mapping[str, float]) -> str:
    """A line for each bar, which is a most: the figure, the bar, and whether it is met."""
    lines = [
        f"{name:32}{figures[name]:>12,.1f}  bar {bar:>9,.1f}  {'met' if figures[name] <= bar else 'NOT MET'}"
        for name, bar in bars.items()
    ]
    return "\n".join(lines)
