"""One port: ``/metrics`` for Prometheus, ``/healthz`` and ``/readyz`` for the kubelet."""

import asyncio
from collections.abc import Callable

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

__all__ = ["Server"]


class Server:
    """``alive`` and ``ready`` answer None when all is well, else why not."""

    def __init__(
        self, *, registry: CollectorRegistry, alive: Callable[[], str | None], ready: Callable[[], str | None]
    ) -> None:
        self._registry = registry
        self._alive, self._ready = alive, ready
        self._runner: web.AppRunner | None = None
        self.app = web.Application()
        self.app.router.add_get("/metrics", self._metrics)
        self.app.router.add_get("/healthz", lambda request: _said(self._alive()))
        self.app.router.add_get("/readyz", lambda request: _said(self._ready()))

    async def start(self, *, host: str, port: int) -> int:
        """Listen; returns the port, which the system chooses for 0. Raises OSError where it is taken."""
        self._runner = web.AppRunner(self.app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        bound: int = self._runner.addresses[0][1]
        return bound

    async def stop(self) -> None:
        """Close the port."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _metrics(self, request: web.Request) -> web.Response:
        """Written in a thread: a large page must not hold up the reconcilers."""
        encoder, content_type = choose_encoder(request.headers.get("Accept", ""))
        page = await asyncio.to_thread(encoder, self._registry)
        return web.Response(body=page, headers={"Content-Type": content_type})


async def _said(trouble: str | None) -> web.Response:
    return web.Response(text=trouble or "ok", status=503 if trouble else 200)
