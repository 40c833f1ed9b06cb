"""Bind pods that have no node yet: the scheduler of a cluster with one node."""

import asyncio
import logging

from freshet.local.node.events import Events
from freshet.local.node.kube import ApiError, Json, Kube, KubeError

__all__ = ["Binder", "fits"]

log = logging.getLogger(__name__)

SCHEDULER = "default-scheduler"
PAUSE = 1.0
LIMIT_AT_ONCE = 32


def fits(pod: Json, *, labels: dict[str, str]) -> str | None:
    """Why this pod does not go to a node with such labels, or ``None``."""
    wanted = pod["spec"].get("nodeSelector") or {}
    wrong = sorted(f"{key}={value}" for key, value in wanted.items() if labels.get(key) != value)
    return f"0/1 nodes are available: the node's labels lack {', '.join(wrong)}" if wrong else None


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
                for pod in self._chosen():
                    self._busy.add(pod["metadata"]["uid"])
                    group.create_task(self._bind(pod))

    def _chosen(self) -> list[Json]:
        """The oldest pods that fit, as many as there is room for."""
        room = min(self._max_pods - len(self._active | self._busy), LIMIT_AT_ONCE)
        waiting = sorted(self._pending.values(), key=lambda pod: str(pod["metadata"]["creationTimestamp"]))
        free = [pod for pod in waiting if pod["metadata"]["uid"] not in self._busy]
        return [pod for pod in free if self._is_fit(pod)][: max(room, 0)]

    def _is_fit(self, pod: Json) -> bool:
        why = fits(pod, labels=self._labels)
        uid = pod["metadata"]["uid"]
        if why and uid not in self._refused:
            self._refused.add(uid)
            self._events.warning(pod, "FailedScheduling", why)
        return why is None

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
