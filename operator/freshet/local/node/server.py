"""The kubelet's HTTPS endpoint, as far as the API server needs it for ``kubectl logs``.

It listens on loopback only and knows no callers: whoever may open a connection on this machine may read a pod's
output.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from ssl import SSLContext
from typing import Protocol

from aiohttp import web

from freshet.local.node.logs import Line, LogWriter, Wanted, file_lines, follow, select

__all__ = ["Logs", "serve"]

REFUSED = "kubectl {} is not supported by this node agent: a pod's processes run on this machine, look at them there\n"
CHUNK = 64 * 1024


class Logs(Protocol):
    """Where a container's output is found."""

    def log_of(self, *, namespace: str, pod: str, container: str, previous: bool) -> tuple[Path, LogWriter | None]:
        """Raises ``LookupError`` with a sentence."""


async def serve(*, logs: Logs, tls: SSLContext, host: str) -> tuple[web.AppRunner, int]:
    """Start the endpoint on a free port; the runner (for ``cleanup``) and the port."""
    app = web.Application()
    app.router.add_get("/containerLogs/{namespace}/{pod}/{container}", lambda request: _logs(request, logs))
    app.router.add_get("/healthz", _healthz)
    for verb in ("exec", "attach", "portForward"):
        app.router.add_route("*", f"/{verb}/{{rest:.*}}", _refuse)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, host, 0, ssl_context=tls)
    await site.start()
    return runner, int(runner.addresses[0][1])


async def _healthz(_: web.Request) -> web.Response:
    return web.Response(text="ok")


async def _refuse(request: web.Request) -> web.Response:
    return web.Response(status=501, text=REFUSED.format(request.path.split("/")[1].lower().replace("portf", "port-f")))


async def _logs(request: web.Request, logs: Logs) -> web.StreamResponse:
    names = request.match_info
    try:
        wanted = _wanted(request)
        path, writer = logs.log_of(
            namespace=names["namespace"],
            pod=names["pod"],
            container=names["container"],
            previous=request.query.get("previous") == "true",
        )
    except (LookupError, ValueError) as error:
        return web.Response(status=400, text=f"{error.args[0]}\n")
    response = web.StreamResponse(headers={"Content-Type": "text/plain"})
    await response.prepare(request)
    output = _Output(response=response, wanted=wanted)
    if request.query.get("follow") == "true" and writer is not None:
        async for line in follow(path, writer=writer, wanted=wanted):
            if not await output.add(line):
                break
            await output.flush()
    else:
        for line in select(file_lines(path), wanted=wanted):
            if not await output.add(line):
                break
    await output.flush()
    return response


class _Output:
    """Gathers lines into chunks, and stops at the limit that was asked for."""

    def __init__(self, *, response: web.StreamResponse, wanted: Wanted) -> None:
        self._response = response
        self._wanted = wanted
        self._left = wanted.limit_bytes
        self._chunk = bytearray()
        self._in_line = False

    async def add(self, line: Line) -> bool:
        """False once no more is wanted."""
        data = self._wanted.render(line, continues=self._in_line)
        self._in_line = not line.complete
        if self._left is not None:
            data = data[: self._left]
            self._left -= len(data)
        self._chunk += data
        if len(self._chunk) >= CHUNK:
            await self.flush()
        return self._left is None or self._left > 0

    async def flush(self) -> None:
        if self._chunk:
            await self._response.write(bytes(self._chunk))
            self._chunk.clear()


def _wanted(request: web.Request) -> Wanted:
    query = request.query
    tail, limit = query.get("tailLines"), query.get("limitBytes")
    return Wanted(
        timestamps=query.get("timestamps") == "true",
        tail=int(tail) if tail else None,
        since=_since(request),
        limit_bytes=int(limit) if limit else None,
    )


def _since(request: web.Request) -> str | None:
    seconds, moment = request.query.get("sinceSeconds"), request.query.get("sinceTime")
    if seconds:
        since = datetime.now(UTC) - timedelta(seconds=int(seconds))
    elif moment:
        since = datetime.fromisoformat(moment).astimezone(UTC)
    else:
        return None
    return since.strftime("%Y-%m-%dT%H:%M:%S.%f000Z")
