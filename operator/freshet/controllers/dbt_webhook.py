"""``POST /webhooks/dbt-cloud/<namespace>/<pipeline>``: dbt Cloud says that something happened, and the poller asks.

Anybody may send here, so nothing is done for a body before its signature holds: it is read up to a limit and for a
while, the Secret is read at most once a minute (so that a key that was withdrawn holds no longer), and each refusal is
one count. What a genuine one says of results is never believed.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from aiohttp import web

from freshet.api.pipeline import Pipeline, WebhookKeyRef
from freshet.api.view import Key
from freshet.controllers.world import World, dbt_key
from freshet.dbtcloud.webhook import BODY_LIMIT, EventIds, WebhookEvent, WebhookRefused, receive
from freshet.runtime import telemetry
from freshet.runtime.errors import KubeError

__all__ = ["PREFIX", "WebhookReceiver"]

PREFIX = "/webhooks/dbt-cloud"
SECRET_AGE = timedelta(minutes=1)
UNREAD_AGE = timedelta(seconds=5)
BODY_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True)
class Signing:
    """A signing key as it was read: empty where there is none, None where it could not be read. It holds until then."""

    reference: WebhookKeyRef
    until: datetime
    value: str | None = field(repr=False)


class WebhookReceiver:
    """``poke`` has the poller of a Pipeline ask now."""

    def __init__(self, *, world: World, poke: Callable[[Key, WebhookEvent], None]) -> None:
        self._world, self._poke = world, poke
        self._signing: dict[Key, Signing] = {}
        self._locks: dict[Key, asyncio.Lock] = {}
        self._seen = EventIds()

    def app(self) -> web.Application:
        """To be mounted on the operator's port at ``PREFIX``."""
        app = web.Application()
        app.add_routes([web.post("/{namespace}/{pipeline}", self.receive)])
        return app

    def set_back(self) -> None:
        """The clock was: signing keys are read again."""
        self._signing.clear()

    async def receive(self, request: web.Request) -> web.Response:
        """One delivery; answered at once, whatever it leads to."""
        try:
            result = await self._take(request)
        except WebhookRefused as error:
            telemetry.dbt_cloud_webhooks_total.labels(result=error.reason).inc()
            return web.Response(status=error.status, text=f"{error}\n")
        telemetry.dbt_cloud_webhooks_total.labels(result=result).inc()
        return web.Response(text="ok\n")

    async def _take(self, request: web.Request) -> str:
        key = Key("Pipeline", request.match_info["namespace"], request.match_info["pipeline"])
        pipeline = self._world.cache.pipelines.get(key)
        if pipeline is None or pipeline.spec.dbt_cloud is None or pipeline.spec.dbt_cloud.webhook_secret_ref is None:
            self._signing.pop(key, None)
            self._locks.pop(key, None)
            raise WebhookRefused("no Pipeline of that name takes webhooks here", status=404, reason="Unknown")
        body = await _body(request)
        event = await self._verified(key, pipeline, request.headers.get("Authorization"), body)
        if not self._seen.first(f"{key} {event.event_id}"):
            return "Duplicate"
        if event.type != "job.run.started":
            self._poke(dbt_key(key.namespace, key.name), event)
        return "Accepted"

    async def _verified(self, key: Key, pipeline: Pipeline, signature: str | None, body: bytes) -> WebhookEvent:
        assert pipeline.spec.dbt_cloud is not None
        reference = pipeline.spec.dbt_cloud.webhook_secret_ref
        assert reference is not None
        async with self._locks.setdefault(key, asyncio.Lock()):
            signing = await self._key(key, reference)
        if signing.value is None:
            raise WebhookRefused("the signing key cannot be read now", status=503, reason="NoSecret")
        return receive(secret=signing.value, signature=signature, body=body, now=self._world.clock.now())

    async def _key(self, key: Key, reference: WebhookKeyRef) -> Signing:
        """As it was read less than a minute ago, also where there was none or it could not be read a moment ago."""
        known, now = self._signing.get(key), self._world.clock.now()
        same = known is not None and known.reference == reference
        if known is not None and same and now < known.until:
            return known
        try:
            secret = await self._world.kube.read_secret(namespace=key.namespace, name=reference.name)
        except KubeError:
            value, until = known.value if known is not None and same else None, now + UNREAD_AGE
        else:
            value, until = (secret or {}).get(reference.key, b"").decode(errors="replace").strip(), now + SECRET_AGE
        self._signing[key] = Signing(reference=reference, until=until, value=value)
        return self._signing[key]


async def _body(request: web.Request) -> bytes:
    """The whole body, unless it is too large or too slow."""
    if request.content_length is not None and request.content_length > BODY_LIMIT:
        raise WebhookRefused(f"a webhook's body has at most {BODY_LIMIT} bytes", status=413, reason="TooLarge")
    parts, size = [], 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in request.content.iter_any():
                parts.append(part)
                size += len(part)
                if size > BODY_LIMIT:
                    break
    except TimeoutError:
        raise WebhookRefused("the webhook's body came too slowly", status=408, reason="TooSlow") from None
    if size > BODY_LIMIT:
        raise WebhookRefused(f"a webhook's body has at most {BODY_LIMIT} bytes", status=413, reason="TooLarge")
    return b"".join(parts)
