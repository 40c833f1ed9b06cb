"""Reads and writes of the Kubernetes API: the official client's connection and authentication, plain JSON on it.

The answer to each write goes into the cache at once, so that the next decision does not wait for the watch.
"""

import asyncio
import base64
import ssl
from collections import deque
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import aiohttp
import msgspec
from kubernetes.aio import client as kubernetes_client

from freshet.api.asset import Asset
from freshet.api.names import FIELD_MANAGER
from freshet.api.pipeline import Pipeline
from freshet.api.view import Object
from freshet.runtime import errors
from freshet.runtime.cache import Cache
from freshet.runtime.events import event_body
from freshet.runtime.resources import path

__all__ = ["Kube"]

MERGE_PATCH = "application/merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
JSON = "application/json"
TIMEOUT = 30
CHUNK = 500
EVENTS_WAITING = 1000
KIND = {Asset: "Asset", Pipeline: "Pipeline"}


class Kube:
    """One connection pool to one API server."""

    def __init__(self, *, configuration: kubernetes_client.Configuration, cache: Cache) -> None:
        configuration.client_session_kwargs = {"trust_env": False}
        configuration.connection_pool_maxsize = 128
        self._api = kubernetes_client.ApiClient(configuration)
        self._cache = cache
        self._events: deque[dict[str, Any]] = deque(maxlen=EVENTS_WAITING)
        self._wake = asyncio.Event()

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()

    async def patch_status(self, obj: Asset | Pipeline, *, patch: dict[str, Any]) -> None:
        """Merge-patch the status of the object as it was read. Raises Conflict, Gone and the rest of KubeError."""
        kind, meta = KIND[type(obj)], obj.metadata
        body = {"metadata": {"resourceVersion": meta.resource_version, "uid": meta.uid}, "status": patch}
        where = path(kind, namespace=meta.namespace, name=meta.name, sub="status")
        self._cache.ingest(await self._send("PATCH", where, body=body, content=MERGE_PATCH), kind=kind)

    async def create(self, kind: str, *, namespace: str, body: dict[str, Any], dry_run: bool = False) -> dict[str, Any]:
        """Create an object; unknown fields are refused. Raises AlreadyExists, Refused and the rest."""
        query = {"fieldManager": FIELD_MANAGER, "fieldValidation": "Strict"} | ({"dryRun": "All"} if dry_run else {})
        answer = await self._send("POST", path(kind, namespace=namespace), body=body, query=query)
        if not dry_run:
            self._cache.ingest(answer, kind=kind)
        return answer

    async def apply(self, kind: str, *, namespace: str, name: str, body: dict[str, Any], force: bool) -> dict[str, Any]:
        """Server-side apply. Raises Conflict with the fields that others own (without force), Refused and the rest."""
        query = {"fieldManager": FIELD_MANAGER, "force": str(force).lower(), "fieldValidation": "Strict"}
        where = path(kind, namespace=namespace, name=name)
        answer = await self._send("PATCH", where, body=body, content=APPLY_PATCH, query=query)
        self._cache.ingest(answer, kind=kind)
        return answer

    async def delete(self, kind: str, *, namespace: str, name: str, uid: str) -> None:
        """Delete that very object and what it owns, in the background. One that is gone already is fine."""
        body = {"preconditions": {"uid": uid}, "propagationPolicy": "Background"}
        try:
            await self._send("DELETE", path(kind, namespace=namespace, name=name), body=body)
        except (errors.Gone, errors.Conflict):
            pass

    async def get(self, kind: str, *, namespace: str, name: str) -> dict[str, Any] | None:
        """The object as it is now, or None."""
        try:
            return await self._send("GET", path(kind, namespace=namespace, name=name))
        except errors.Gone:
            return None

    async def pages(
        self, kind: str, *, namespace: str | None, selector: str = ""
    ) -> AsyncIterator[list[dict[str, Any]]]:
        """All objects of a kind, in chunks of 500."""
        query = {"limit": str(CHUNK)} | ({"labelSelector": selector} if selector else {})
        while True:
            answer = await self._send("GET", path(kind, namespace=namespace), query=query)
            yield answer.get("items") or []
            following = answer["metadata"].get("continue")
            if not following:
                return
            query["continue"] = following

    async def refresh_pods(self, *, namespace: str, job: str) -> None:
        """Read a Job's pods live into the cache."""
        selector = f"batch.kubernetes.io/job-name={job}"
        async for items in self.pages("Pod", namespace=namespace, selector=selector):
            for item in items:
                self._cache.ingest(item, kind="Pod")

    async def read_secret(self, *, namespace: str, name: str) -> dict[str, bytes] | None:
        """A Secret's data, or None where it does not exist. Raises Refused where it may not be read."""
        secret = await self.get("Secret", namespace=namespace, name=name)
        if secret is None:
            return None
        return {key: base64.b64decode(value) for key, value in (secret.get("data") or {}).items()}

    async def events_about(self, *, namespace: str, uid: str) -> list[dict[str, Any]]:
        """The Events that concern an object; none where they may not be read."""
        query = {"fieldSelector": f"involvedObject.uid={uid}", "limit": "50"}
        try:
            answer = await self._send("GET", path("Event", namespace=namespace), query=query)
        except errors.Refused:
            return []
        return answer.get("items") or []

    def emit(self, obj: Object, *, type: str, reason: str, message: str) -> None:
        """Write a Kubernetes Event soon; beyond 1,000 waiting ones the oldest are dropped."""
        self._events.append(event_body(obj, type=type, reason=reason, message=message))
        self._wake.set()

    async def post_events(self) -> None:
        """Write waiting Events until cancelled. An Event that is refused is dropped: it is a courtesy."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._events:
                body = self._events.popleft()
                try:
                    await self._send("POST", path("Event", namespace=body["metadata"]["namespace"]), body=body)
                except errors.KubeError:
                    continue

    async def _send(
        self, method: str, where: str, *, body: Any = None, content: str = JSON, query: dict[str, str] | None = None
    ) -> dict[str, Any]:
        configuration = self._api.configuration
        url = f"{configuration.host}{where}" + (f"?{urlencode(query)}" if query else "")
        headers = {"Accept": JSON, "Content-Type": content}
        await _authorize(self._api, headers)
        try:
            answer = await self._api.rest_client.request(
                method, url, headers=headers, body=body, _request_timeout=TIMEOUT
            )
            data = await answer.read()
        except (aiohttp.ClientError, TimeoutError, ssl.SSLError, OSError) as error:
            raise errors.Unavailable(f"the Kubernetes API did not answer: {error}") from None
        if answer.status >= 300:
            raise _error(method, answer.status, answer.headers, data)
        decoded: dict[str, Any] = msgspec.json.decode(data)
        return decoded


async def _authorize(api: Any, headers: dict[str, str]) -> None:
    """The client's own authentication: a token that rotates on disk is read again by its hook."""
    answer = api.update_params_for_auth(headers, [], ["BearerToken"], None, None, None)
    if asyncio.iscoroutine(answer):
        await answer


def _error(method: str, status: int, headers: Any, data: bytes) -> errors.KubeError:
    try:
        said: dict[str, Any] = msgspec.json.decode(data)
    except msgspec.DecodeError:
        said = {}
    message, reason = said.get("message") or f"HTTP {status}", said.get("reason") or ""
    details = said.get("details") or {}
    if status == 404:
        return errors.Gone(message)
    if status == 409 and method == "POST":
        return errors.AlreadyExists(message)
    if status == 409:
        return errors.Conflict(message, fields=tuple(c.get("field", "") for c in details.get("causes") or ()))
    if status == 429:
        return errors.Throttled(message, retry_after=float(headers.get("Retry-After") or 1))
    if status in (400, 403, 422):
        return errors.Refused(message, invalid=status != 403, reason=reason)
    return errors.Unavailable(message)
