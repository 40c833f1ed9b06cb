"""Kubernetes Events: written behind everything else's back, dropped rather than waited for."""

import asyncio
import logging
import socket
import uuid
from collections import deque
from contextlib import suppress
from contextvars import Context
from datetime import UTC, datetime
from typing import Any

from freshet.api.names import API_VERSION
from freshet.api.view import Object
from freshet.runtime import telemetry
from freshet.runtime.errors import KubeError
from freshet.runtime.kinds import resource
from freshet.runtime.transport import Transport

__all__ = ["EventWriter", "event_body"]

logger = logging.getLogger(__name__)

KEPT = 1000
MESSAGE_LIMIT = 1024
"""Of ``message``; the API server refuses a longer one."""
CLOSE_SECONDS = 1.0


class EventWriter:
    """A bounded line and one task that works it off. When the line is full the oldest is dropped and counted."""

    def __init__(self, *, transport: Transport) -> None:
        self._transport = transport
        self._waiting: deque[dict[str, Any]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def put(self, obj: Object, *, type: str, reason: str, message: str) -> None:
        """Line up one Event."""
        if self._closed:
            return
        self._waiting.append(event_body(obj, type=type, reason=reason, message=message, at=datetime.now(UTC)))
        if len(self._waiting) > KEPT:
            self._waiting.popleft()
            telemetry.events_dropped_total.inc()
        if self._task is None or self._task.done():
            # In a context of its own: its lines are not about the object whose visit happens to begin it.
            loop = asyncio.get_running_loop()
            self._task = loop.create_task(self._write_all(), name="events", context=Context())

    async def close(self) -> None:
        """Give what waits a second, then give up."""
        self._closed = True
        if self._task is not None and not self._task.done():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._task, CLOSE_SECONDS)

    async def _write_all(self) -> None:
        place = resource("Event")
        while self._waiting:
            body = self._waiting.popleft()
            path = place.path(namespace=body["metadata"]["namespace"])
            try:
                await self._transport.send("POST", path, body=body)
            except KubeError as error:
                telemetry.events_dropped_total.inc()
                logger.debug("An Event was not written: %s", error)


def event_body(obj: Object, *, type: str, reason: str, message: str, at: datetime) -> dict[str, Any]:
    """A core/v1 Event about ``obj``."""
    meta, time = obj.metadata, at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{meta.name[:230]}.{uuid.uuid4().hex[:16]}", "namespace": meta.namespace},
        "involvedObject": {
            "apiVersion": API_VERSION,
            "kind": obj.__class__.__name__,
            "name": meta.name,
            "namespace": meta.namespace,
            "uid": meta.uid,
            "resourceVersion": meta.resource_version,
        },
        "type": type,
        "reason": reason,
        "message": message if len(message) <= MESSAGE_LIMIT else message[: MESSAGE_LIMIT - 1] + "…",
        "source": {"component": "freshet"},
        "reportingComponent": "freshet.dev/operator",
        "reportingInstance": socket.gethostname()[:128],
        "firstTimestamp": time,
        "lastTimestamp": time,
        "count": 1,
    }
