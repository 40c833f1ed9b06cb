"""Follow a list of pods through restarts of the API server, broken connections and expired versions.

List, then watch from the list's version; a broken watch resumes where it was; ``410 Gone`` lists again. After every
list the receiver gets the whole set, so that what vanished meanwhile is noticed.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Protocol

from freshet.local.node.kube import ApiError, Json, Kube, KubeError

__all__ = ["Receiver", "follow"]

log = logging.getLogger(__name__)

WATCH_SECONDS = 300
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 3.0


class Receiver(Protocol):
    """What is told of pods."""

    def replace(self, pods: list[Json]) -> None:
        """These pods exist, and no others."""

    def apply(self, kind: str, pod: Json) -> None:
        """One pod was ADDED, MODIFIED or DELETED."""


async def follow(kube: Kube, *, path: str, field_selector: str, receiver: Receiver) -> None:
    """Tell the receiver of all pods that the selector matches, until cancelled."""
    version: str | None = None
    pause = FIRST_PAUSE
    while True:
        try:
            if version is None:
                listed = await kube.get(path, fieldSelector=field_selector)
                version = str(listed["metadata"]["resourceVersion"])
                receiver.replace([{**pod, "apiVersion": "v1", "kind": "Pod"} for pod in listed["items"]])
            async for event in _watch(kube, path=path, field_selector=field_selector, version=version):
                version = str(event["object"]["metadata"]["resourceVersion"])
                pause = FIRST_PAUSE
                if event["type"] != "BOOKMARK":
                    receiver.apply(event["type"], event["object"])
        except KubeError as error:
            if isinstance(error, ApiError) and error.status == 410:
                version = None
            log.info("watching pods: %s; trying again in %.1f s", error, pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)


async def _watch(kube: Kube, *, path: str, field_selector: str, version: str) -> AsyncIterator[Json]:
    params = {
        "watch": "1",
        "fieldSelector": field_selector,
        "resourceVersion": version,
        "allowWatchBookmarks": "true",
        "timeoutSeconds": str(WATCH_SECONDS),
    }
    async for event in kube.stream(path, params=params, idle=WATCH_SECONDS + 30):
        if event["type"] == "ERROR":
            status = event["object"]
            raise ApiError(status=int(status.get("code", 500)), message=str(status.get("message")))
        yield event
