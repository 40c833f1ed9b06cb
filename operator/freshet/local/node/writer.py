"""Write a pod's status: the newest only, one write at a time, until the API server has it."""

import asyncio
import logging

from freshet.local.node.kube import ApiError, Json, Kube, Unreachable

__all__ = ["StatusWriter", "pod_path"]

log = logging.getLogger(__name__)

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 3.0


def pod_path(pod: Json) -> str:
    metadata = pod["metadata"]
    return f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"


class StatusWriter:
    """``put`` says what should stand there; ``run`` writes it; ``flushed`` returns once it does or cannot."""

    def __init__(self, *, kube: Kube, pod: Json) -> None:
        self._kube = kube
        self._path = pod_path(pod) + "/status"
        self._uid = pod["metadata"]["uid"]
        self._wanted: Json | None = None
        self._written: Json | None = None
        self._todo = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def put(self, status: Json) -> None:
        self._wanted = status
        if status != self._written:
            self._idle.clear()
            self._todo.set()

    async def flushed(self) -> None:
        await self._idle.wait()

    async def run(self) -> None:
        """Write until cancelled."""
        pause = FIRST_PAUSE
        while True:
            await self._todo.wait()
            self._todo.clear()
            wanted = self._wanted
            if wanted is not None and wanted != self._written:
                try:
                    await self._send(wanted)
                    pause = FIRST_PAUSE
                except Unreachable as error:
                    log.info("status of %s: %s; trying again in %.1f s", self._path, error, pause)
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, LONGEST_PAUSE)
                    self._todo.set()
                    continue
            if not self._todo.is_set():
                self._idle.set()

    async def _send(self, status: Json) -> None:
        body = {"metadata": {"uid": self._uid}, "status": status}
        try:
            await self._kube.patch(self._path, body)
        except ApiError as error:
            if error.status == 429 or error.status >= 500:
                raise Unreachable(str(error)) from error
            if error.status != 404:  # 404: gone; anything else will not get better by repeating it
                log.warning("status of %s is refused: %s", self._path, error)
        self._written = status
