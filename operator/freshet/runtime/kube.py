"""Reads and writes of Kubernetes objects. The answer to each write goes into the cache at once, so that the next
decision does not wait for the watch to say what we know already.
"""

import base64
import logging
from collections.abc import AsyncIterator
from typing import Any

from freshet.api.asset import Asset
from freshet.api.names import FIELD_MANAGER
from freshet.api.pipeline import Pipeline
from freshet.api.view import Key, Object
from freshet.runtime import errors
from freshet.runtime.cache import KINDS, Cache
from freshet.runtime.events import EventWriter
from freshet.runtime.kinds import resource
from freshet.runtime.lists import pages
from freshet.runtime.transport import Transport

__all__ = ["Kube"]

logger = logging.getLogger(__name__)

MERGE_PATCH = "application/merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"


class Kube:
    """All methods may raise Throttled and Unavailable; what else they raise is said where it is meant."""

    def __init__(self, *, transport: Transport, cache: Cache) -> None:
        self.transport = transport
        self._cache = cache
        self.events = EventWriter(transport=transport)

    @property
    def acts(self) -> bool:
        """Is this the replica that acts?"""
        return self.transport.fence()

    async def close(self) -> None:
        """Write what Events can still be written, then close the connections."""
        await self.events.close()
        await self.transport.close()

    async def get(self, kind: str, *, namespace: str, name: str) -> dict[str, Any] | None:
        """A live read; None where there is no such object. Raises Refused without the right to look."""
        try:
            return await self.transport.json("GET", resource(kind).path(namespace=namespace, name=name))
        except errors.Gone:
            return None

    async def list_all(
        self, kind: str, *, namespace: str | None, label_selector: str = "", field_selector: str = ""
    ) -> list[dict[str, Any]]:
        """All objects of a kind, of one namespace or of all, read in chunks of 500."""
        found: list[dict[str, Any]] = []
        query = {"labelSelector": label_selector, "fieldSelector": field_selector}
        async for page in self.pages(kind, namespace=namespace, query=query):
            found.extend(page)
        return found

    def pages(
        self, kind: str, *, namespace: str | None, query: dict[str, str] | None = None
    ) -> AsyncIterator[list[dict[str, Any]]]:
        """The same, chunk by chunk. Raises Expired when the reader is so slow that the list must begin again."""
        return pages(self.transport, resource(kind), namespace=namespace, query=query or {})

    async def patch_status(self, obj: Asset | Pipeline, *, patch: dict[str, Any]) -> None:
        """Merge ``patch`` into the status, if the object is still as we know it.

        Raises Conflict when it is not, Gone when it is deleted, Refused when the schema does not take it.
        """
        kind, meta = type(obj).__name__, obj.metadata
        guard = {"resourceVersion": meta.resource_version, "uid": meta.uid}
        path = resource(kind).path(namespace=meta.namespace, name=meta.name, subresource="status")
        body = {"metadata": guard, "status": patch}
        query = {"fieldManager": FIELD_MANAGER}
        answer = await self.transport.json("PATCH", path, query=query, body=body, content_type=MERGE_PATCH)
        self._cache.ingest(answer, kind=kind)

    async def create(self, kind: str, *, namespace: str, body: dict[str, Any], dry_run: bool = False) -> dict[str, Any]:
        """POST; a dry run is judged by the API server and not kept. Raises AlreadyExists and Refused."""
        place = resource(kind)
        query = {"fieldManager": FIELD_MANAGER, "fieldValidation": "Strict"}
        if dry_run:
            query["dryRun"] = "All"
        full = {"apiVersion": place.api_version, "kind": kind, **body}
        try:
            answer = await self.transport.json("POST", place.path(namespace=namespace), query=query, body=full)
        except errors.Gone as error:
            raise errors.Refused(error.message, reason="NotFound", invalid=False) from error
        if not dry_run:
            self._take_in(kind, answer)
        return answer

    async def apply(
        self, kind: str, *, namespace: str, name: str, body: dict[str, Any], force: bool, dry_run: bool = False
    ) -> dict[str, Any]:
        """Server-side apply as field manager ``freshet``.

        Raises Conflict with the fields that others own (never with ``force``), Refused when the object is wrong.
        """
        place = resource(kind)
        query = {"fieldManager": FIELD_MANAGER, "force": str(force).lower()}
        if dry_run:
            query["dryRun"] = "All"
        full = {"apiVersion": place.api_version, "kind": kind, **body}
        path = place.path(namespace=namespace, name=name)
        try:
            answer = await self.transport.json("PATCH", path, query=query, body=full, content_type=APPLY_PATCH)
        except errors.Gone as error:
            raise errors.Refused(error.message, reason="NotFound", invalid=False) from error
        if not dry_run:
            self._take_in(kind, answer)
        return answer

    async def delete(self, kind: str, *, namespace: str, name: str, uid: str, propagation: str = "Background") -> None:
        """Delete the object with this uid, and what it owns; one that is gone is fine, also if its name lives on."""
        body = {"preconditions": {"uid": uid}, "propagationPolicy": propagation}
        try:
            answer = await self.transport.json("DELETE", resource(kind).path(namespace=namespace, name=name), body=body)
        except (errors.Gone, errors.Conflict):
            answer = {}
        if (answer.get("metadata") or {}).get("finalizers"):
            self._take_in(kind, answer)
        elif kind in KINDS:
            self._cache.forget(Key(kind, namespace, name), uid)

    async def read_secret(self, *, namespace: str, name: str) -> dict[str, bytes] | None:
        """The decoded values of one Secret, None where there is none. Never cached."""
        raw = await self.get("Secret", namespace=namespace, name=name)
        return None if raw is None else {k: base64.b64decode(v) for k, v in (raw.get("data") or {}).items()}

    async def refresh_pods(self, *, namespace: str, job: str) -> None:
        """Read the pods of a Job now, for when their last event has not arrived yet."""
        selector = f"batch.kubernetes.io/job-name={job}"
        for raw in await self.list_all("Pod", namespace=namespace, label_selector=selector):
            self._cache.ingest(raw, kind="Pod")

    async def events_about(self, *, namespace: str, uid: str) -> list[dict[str, Any]]:
        """The Events about one object, in no order; none where they may not be read."""
        selector = f"involvedObject.uid={uid}"
        try:
            return await self.list_all("Event", namespace=namespace, field_selector=selector)
        except errors.Refused as error:
            logger.debug("Events are not read, so that why a pod waits stays unknown: %s", error)
            return []

    def emit(self, obj: Object, *, type: str, reason: str, message: str) -> None:
        """Write an Event some time soon, if that is possible; nothing ever waits for it or fails by it."""
        self.events.put(obj, type=type, reason=reason, message=message)

    def _take_in(self, kind: str, answer: dict[str, Any]) -> None:
        if kind in KINDS and "metadata" in answer:
            self._cache.ingest(answer, kind=kind)
