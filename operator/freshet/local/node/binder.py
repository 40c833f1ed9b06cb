"""Bind pods that have no node yet: the scheduler of a cluster with one node."""

import asyncio
import logging
from datetime import UTC, datetime

from freshet.local.node.events import Events
from freshet.local.node.fitting import NONE_FREE, fits, unschedulable
from freshet.local.node.kube import ApiError, Json, Kube, KubeError
from freshet.local.node.records import stamp
from freshet.local.node.writer import pod_path

__all__ = ["Binder"]

log = logging.getLogger(__name__)

SCHEDULER = "default-scheduler"
PAUSE = 1.0
LIMIT_AT_ONCE = 32


class Binder:
    """A receiver of unscheduled pods; ``run`` binds them until cancelled, as long as there is ``room``."""

    def __init__(self, *, kube: Kube, events: Events, node: str, labels: dict[str, str], max_pods: int) -> None:
        self._kube = kube
        self._events = events
        self._node = node
        self._labels = labels
        self._max_pods = max_pods
        self._pending: dict[str, Json] = {}
        self._active: set[str] = set()
        self._busy: set[str] = set()
        self._refused: set[str] = set()
        self._changed = asyncio.Event()

    def replace(self, pods: list[Json]) -> None:
        self._pending = {}
        for pod in pods:
            self.apply("ADDED", pod)

    def apply(self, kind: str, pod: Json) -> None:
        uid = pod["metadata"]["uid"]
        if kind == "DELETED" or not self._is_ours(pod):
            self._pending.pop(uid, None)
            self._refused.discard(uid)
        else:
            self._pending[uid] = pod
        self._changed.set()

    def occupied(self, uids: set[str]) -> None:
        """The pods that run on the node now."""
        self._active = uids
        self._changed.set()

    def _is_ours(self, pod: Json) -> bool:
        spec = pod["spec"]
        return not (
            spec.get("nodeName")
            or spec.get("schedulingGates")
            or "deletionTimestamp" in pod["metadata"]
            or spec.get("schedulerName", SCHEDULER) != SCHEDULER
        )

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            while True:
                await self._changed.wait()
                self._changed.clear()
                chosen, left = self._sorted()
                for pod in chosen:
                    self._busy.add(pod["metadata"]["uid"])
                    group.create_task(self._bind(pod))
                for pod, why in left:
                    self._refused.add(pod["metadata"]["uid"])
                    group.create_task(self._say_why(pod, why))

    def _sorted(self) -> tuple[list[Json], list[tuple[Json, str]]]:
        """The oldest pods that fit, as many as there is room for; and those left out that do not know it yet."""
        reasons = [(pod, fits(pod, labels=self._labels)) for pod in self._waiting()]
        fitting = [pod for pod, why in reasons if why is None]
        room = max(self._max_pods - len(self._active | self._busy), 0)
        full = f"{NONE_FREE}: the node has the {self._max_pods} pods that it may have"
        left = [(pod, why) for pod, why in reasons if why] + [(pod, full) for pod in fitting[room:]]
        news = [(pod, why) for pod, why in left if pod["metadata"]["uid"] not in self._refused]
        return fitting[: min(room, LIMIT_AT_ONCE)], news

    def _waiting(self) -> list[Json]:
        """The oldest first."""
        free = [pod for uid, pod in self._pending.items() if uid not in self._busy]
        return sorted(free, key=lambda pod: str(pod["metadata"]["creationTimestamp"]))

    async def _say_why(self, pod: Json, why: str) -> None:
        """In an Event and in the pod's status, unless another node's agent has bound it meanwhile."""
        self._events.warning(pod, "FailedScheduling", why)
        metadata = {key: pod["metadata"][key] for key in ("uid", "resourceVersion")}
        body = {"metadata": metadata, "status": unschedulable(why, now=stamp(datetime.now(UTC)))}
        try:
            await self._kube.patch(f"{pod_path(pod)}/status", body)
        except KubeError as error:
            log.info("status of %s: %s", pod["metadata"]["name"], error)

    async def _bind(self, pod: Json) -> None:
        metadata = pod["metadata"]
        body = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": metadata["name"], "namespace": metadata["namespace"], "uid": metadata["uid"]},
            "target": {"apiVersion": "v1", "kind": "Node", "name": self._node},
        }
        path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/binding"
        try:
            await self._kube.post(path, body)
            self._active.add(metadata["uid"])
            self._pending.pop(metadata["uid"], None)
            self._events.normal(pod, "Scheduled", f"Bound {metadata['namespace']}/{metadata['name']} to {self._node}")
        except ApiError as error:
            if error.status in (404, 409):  # gone, or another was faster
                self._pending.pop(metadata["uid"], None)
            else:
                await self._later(pod, error)
        except KubeError as error:
            await self._later(pod, error)
        finally:
            self._busy.discard(metadata["uid"])
            self._changed.set()

    async def _later(self, pod: Json, error: KubeError) -> None:
        log.info("binding %s: %s", pod["metadata"]["name"], error)
        await asyncio.sleep(PAUSE)
