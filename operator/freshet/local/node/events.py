"""Events in the manner of the kubelet, sent behind the work: no pod waits for its Events.

The same thing said again raises the count of the Event that said it first.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from freshet.local.node.kube import MERGE, ApiError, Json, Kube, KubeError
from freshet.local.node.records import stamp

__all__ = ["Events"]

log = logging.getLogger(__name__)

COMPONENT = "kubelet"
LIMIT_QUEUE = 1000
LIMIT_MESSAGE = 1000
LIMIT_KNOWN = 4000


@dataclass(frozen=True, kw_only=True)
class _Event:
    pod: Json
    container: str | None
    kind: str
    reason: str
    message: str
    at: datetime

    @property
    def key(self) -> tuple[str, ...]:
        return (self.pod["metadata"]["uid"], self.container or "", self.reason, self.message)


class Events:
    """A queue of Events; ``run`` sends them until cancelled."""

    def __init__(self, *, kube: Kube, node: str, clock: Callable[[], datetime]) -> None:
        self._kube = kube
        self._node = node
        self._clock = clock
        self._queue: asyncio.Queue[_Event] = asyncio.Queue(maxsize=LIMIT_QUEUE)
        self._known: dict[tuple[str, ...], tuple[str, int]] = {}

    def normal(self, pod: Json, reason: str, message: str, *, container: str | None = None) -> None:
        self._put(pod, "Normal", reason, message, container)

    def warning(self, pod: Json, reason: str, message: str, *, container: str | None = None) -> None:
        self._put(pod, "Warning", reason, message, container)

    def _put(self, pod: Json, kind: str, reason: str, message: str, container: str | None) -> None:
        event = _Event(
            pod=pod, container=container, kind=kind, reason=reason, message=message[:LIMIT_MESSAGE], at=self._clock()
        )
        if not self._queue.full():
            self._queue.put_nowait(event)

    async def run(self) -> None:
        while True:
            event = await self._queue.get()
            try:
                await self._send(event)
            except KubeError as error:
                log.debug("event %s of %s: %s", event.reason, event.pod["metadata"]["name"], error)

    async def _send(self, event: _Event) -> None:
        namespace = event.pod["metadata"]["namespace"]
        path = f"/api/v1/namespaces/{namespace}/events"
        name, count = self._known.get(event.key, ("", 0))
        if name:
            body = {"count": count + 1, "lastTimestamp": stamp(event.at)}
            try:
                await self._kube.patch(f"{path}/{name}", body, content_type=MERGE)
                self._known[event.key] = (name, count + 1)
                return
            except ApiError as error:
                if error.status != 404:
                    raise
        await self._create(event, path=path)

    async def _create(self, event: _Event, *, path: str) -> None:
        body = self._body(event)
        await self._kube.post(path, body)
        if len(self._known) >= LIMIT_KNOWN:
            self._known.clear()
        self._known[event.key] = (body["metadata"]["name"], 1)

    def _body(self, event: _Event) -> Json:
        metadata = event.pod["metadata"]
        involved = {"apiVersion": "v1", "kind": "Pod", **{k: metadata[k] for k in ("name", "namespace", "uid")}}
        if event.container:
            involved["fieldPath"] = f"spec.containers{{{event.container}}}"
        return {
            "metadata": {"name": f"{metadata['name'][:230]}.{uuid4().hex[:16]}", "namespace": metadata["namespace"]},
            "involvedObject": involved,
            "type": event.kind,
            "reason": event.reason,
            "message": event.message,
            "source": {"component": COMPONENT, "host": self._node},
            "reportingComponent": COMPONENT,
            "reportingInstance": self._node,
            "firstTimestamp": stamp(event.at),
            "lastTimestamp": stamp(event.at),
            "count": 1,
        }
