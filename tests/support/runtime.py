"""A clock that tests move, objects as the API sends them, and a server on a real socket that says what it is told."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web
from kubernetes.aio.client import Configuration

from freshet.runtime.config import Access
from freshet.runtime.transport import Transport

__all__ = ["ManualClock", "api_server", "raw_asset", "raw_job", "raw_pod"]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ManualClock:
    """Stands still until moved; its two readings may be moved apart, as a stepped clock's are."""

    def __init__(self) -> None:
        self.wall = datetime(2026, 11, 24, 12, tzinfo=UTC)
        self.seconds = 1000.0

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return self.seconds

    def move(self, seconds: float) -> None:
        """Both readings."""
        self.wall += timedelta(seconds=seconds)
        self.seconds += seconds


def raw_asset(name: str = "a", *, version: int = 1, uid: str = "", **more: Any) -> dict[str, Any]:
    """An Asset; ``version`` is its resourceVersion; ``more``: spec, status, annotations, generation."""
    metadata = {
        "name": name,
        "namespace": "demo",
        "uid": uid or f"uid-{name}",
        "resourceVersion": str(version),
        "generation": more.get("generation", 1),
        "annotations": more.get("annotations", {}),
    }
    spec = {"materialize": {"external": {}}, **more.get("spec", {})}
    return {"metadata": metadata, "spec": spec, "status": more.get("status", {})}


def raw_job(name: str, *, asset: str, version: int = 1) -> dict[str, Any]:
    """A Job of an asset."""
    labels = {"freshet.dev/asset": asset}
    metadata = {"name": name, "namespace": "demo", "uid": f"uid-{name}", "resourceVersion": str(version)}
    return {"metadata": {**metadata, "labels": labels}, "status": {}}


def raw_pod(name: str, *, job_uid: str, version: int = 1) -> dict[str, Any]:
    """A pod that a Job owns."""
    owner = {"kind": "Job", "name": "j", "uid": job_uid, "controller": True}
    metadata = {"name": name, "namespace": "demo", "uid": f"uid-{name}", "resourceVersion": str(version)}
    return {"metadata": {**metadata, "ownerReferences": [owner]}, "status": {"phase": "Pending"}}


@asynccontextmanager
async def api_server(handler: Handler) -> AsyncIterator[Transport]:
    """A transport to a server that answers each request by ``handler``."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return await handler(request)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    configuration = Configuration()
    configuration.host = f"http://127.0.0.1:{runner.addresses[0][1]}"
    configuration.api_key["BearerToken"] = "Bearer secret"
    configuration.client_session_kwargs = {"trust_env": False}
    transport = Transport(access=Access(configuration=configuration))
    try:
        yield transport
    finally:
        await transport.close()
        await runner.cleanup()
