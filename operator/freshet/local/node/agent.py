"""The agent as a whole: one Node, its pods, the log endpoint, and an orderly end."""

import asyncio
import contextlib
import logging
import shutil
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp

from freshet.local.node.binder import Binder
from freshet.local.node.certificate import server_context
from freshet.local.node.events import Events
from freshet.local.node.fields import HOST_IP
from freshet.local.node.host import Host
from freshet.local.node.isolate import probe
from freshet.local.node.kube import Json, Kube, KubeError
from freshet.local.node.launchers import Launchers
from freshet.local.node.logs import LogWriter
from freshet.local.node.node import NodeIdentity, capacity, heartbeat, node_labels, register, write_status
from freshet.local.node.restarts import FIRST_DELAY
from freshet.local.node.server import serve
from freshet.local.node.watching import follow
from freshet.local.node.worker import PodWorker

__all__ = ["Options", "run_agent"]

log = logging.getLogger(__name__)

PODS = "/api/v1/pods"
SHUTDOWN_PATIENCE = 3.0


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to run the agent; ``root`` keeps the pods' volumes, logs and messages."""

    kubeconfig: Path
    name: str
    root: Path
    max_pods: int = 110
    restart_delay: float = FIRST_DELAY
    ready_file: Path | None = None


class Pods:
    """The workers of this node's pods: a receiver of their watch."""

    def __init__(self, *, host: Host, binder: Binder) -> None:
        self._host = host
        self._binder = binder
        self._tasks: set[asyncio.Task[None]] = set()
        self._workers: dict[str, PodWorker] = {}
        self._names: dict[tuple[str, str], str] = {}

    def replace(self, pods: list[Json]) -> None:
        present = {pod["metadata"]["uid"] for pod in pods}
        for uid in set(self._workers) - present:
            self._workers[uid].vanish()
        for pod in pods:
            self.apply("ADDED", pod)
        forget(self._host.root / "pods", keep=set(self._workers))

    def apply(self, kind: str, pod: Json) -> None:
        metadata = pod["metadata"]
        uid = metadata["uid"]
        worker = self._workers.get(uid)
        if kind == "DELETED":
            if worker is not None:
                worker.vanish()
        elif worker is not None:
            worker.update(pod)
        else:
            self._workers[uid] = PodWorker(host=self._host, pod=pod)
            self._names[metadata["namespace"], metadata["name"]] = uid
            task = asyncio.create_task(self._run(uid))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self._count()

    async def _run(self, uid: str) -> None:
        try:
            await self._workers[uid].run()
        except Exception:
            log.exception("pod %s", uid)
        finally:
            self._workers.pop(uid, None)
            self._names = {key: value for key, value in self._names.items() if value != uid}
            self._count()

    def _count(self) -> None:
        self._binder.occupied({uid for uid, worker in self._workers.items() if not worker.is_done})

    def log_of(self, *, namespace: str, pod: str, container: str, previous: bool) -> tuple[Path, LogWriter | None]:
        """Where a container's output is. Raises ``LookupError``."""
        worker = self._workers.get(self._names.get((namespace, pod), ""))
        if worker is None:
            raise LookupError(f"pod {pod!r} is not known to this node")
        return worker.log_of(container=container, previous=previous)

    async def stop(self) -> None:
        """End all processes: SIGTERM, a moment, SIGKILL. The pods stay, for the next agent to judge."""
        workers = list(self._workers.values())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SHUTDOWN_PATIENCE):
                await asyncio.gather(*(worker.wind_down() for worker in workers))
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def forget(folder: Path, *, keep: set[str]) -> None:
    """Remove what pods of a former agent or cluster left."""
    for path in folder.glob("*"):
        if path.name not in keep:
            shutil.rmtree(path, ignore_errors=True)


def _now() -> datetime:
    return datetime.now(UTC)


@contextlib.asynccontextmanager
async def _host(options: Options, *, kube: Kube) -> AsyncIterator[Host]:
    options.root.mkdir(parents=True, exist_ok=True)
    isolation = await probe(options.root)
    if not isolation.namespaces:
        log.warning("pods get no private mounts here: %s", isolation.why_not)
    launchers = Launchers()
    launchers.fill()
    async with contextlib.aclosing(launchers), aiohttp.ClientSession(trust_env=False) as session:
        yield Host(
            kube=kube,
            events=Events(kube=kube, node=options.name, clock=_now),
            clock=_now,
            isolation=isolation,
            launchers=launchers,
            root=options.root,
            allocatable=capacity(max_pods=options.max_pods),
            session=session,
            restart_delay=options.restart_delay,
        )


async def run_agent(options: Options, *, stop: asyncio.Event) -> None:
    """Run until ``stop``. Raises ``KubeError`` if the API server refuses the Node."""
    kube = await Kube.connect(kubeconfig=options.kubeconfig)
    try:
        async with _host(options, kube=kube) as host:
            await _run(options, kube=kube, host=host, stop=stop)
    finally:
        await kube.close()


async def _run(options: Options, *, kube: Kube, host: Host, stop: asyncio.Event) -> None:
    binder = Binder(
        kube=kube,
        events=host.events,
        node=options.name,
        labels=node_labels(options.name),
        max_pods=options.max_pods,
    )
    pods = Pods(host=host, binder=binder)
    tls = server_context(folder=options.root, name=options.name)
    runner, port = await serve(logs=pods, tls=tls, host=HOST_IP)
    identity = NodeIdentity(name=options.name, port=port, max_pods=options.max_pods)
    try:
        await register(kube, identity=identity, now=_now())
        async with asyncio.TaskGroup() as group:
            work = _services(options, kube=kube, host=host, pods=pods, binder=binder, identity=identity)
            tasks = [group.create_task(each) for each in work]
            if options.ready_file:
                options.ready_file.write_text(f"{port}\n")
            await stop.wait()
            for task in tasks:
                task.cancel()
    finally:
        await pods.stop()
        await _say_stopped(kube, identity=identity)
        await runner.cleanup()


def _services(
    options: Options, *, kube: Kube, host: Host, pods: Pods, binder: Binder, identity: NodeIdentity
) -> list[Coroutine[Any, Any, None]]:
    own, unbound = f"spec.nodeName={options.name}", "spec.nodeName=,status.phase=Pending"
    return [
        host.events.run(),
        heartbeat(kube, identity=identity, clock=_now),
        binder.run(),
        follow(kube, path=PODS, field_selector=own, receiver=pods),
        follow(kube, path=PODS, field_selector=unbound, receiver=binder),
    ]


async def _say_stopped(kube: Kube, *, identity: NodeIdentity) -> None:
    now = _now()
    with contextlib.suppress(KubeError, TimeoutError):
        async with asyncio.timeout(SHUTDOWN_PATIENCE):
            await write_status(kube, identity=identity, now=now, since=now, stopped=True)
