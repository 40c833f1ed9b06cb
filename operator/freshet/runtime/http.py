"""One port: ``/metrics``, ``/healthz``, ``/readyz``, and whatever callers mount.

Metrics of many thousands of assets are written chunk by chunk, so that a scrape never keeps the loop from its watches.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from aiohttp import web
from prometheus_client.exposition import choose_encoder

from freshet.runtime import telemetry
from freshet.runtime.errors import CannotStart

__all__ = ["HttpServer", "MetricChunks"]

MetricChunks = Callable[[], Iterable[str]]
"""Further metrics in the text format, in chunks that take a few milliseconds to make at most; some may be empty."""
EOF = b"# EOF\n"
GRACE_SECONDS = 0.5
TURN_SECONDS = 0.004
"""How long a scrape keeps the loop at a time."""
PIECE = 128 * 1024
"""Of text that is sent at once: smaller ones cost a call each, larger ones a copy that keeps the loop."""


class HttpServer:
    """``unhealthy`` and ``unready`` return a sentence that says why, or None."""

    def __init__(
        self,
        *,
        unhealthy: Callable[[], str | None],
        unready: Callable[[], str | None],
        middlewares: Sequence[Any] = (),
    ) -> None:
        self._unhealthy = unhealthy
        self._unready = unready
        self._chunks: list[MetricChunks] = []
        self._app = app = web.Application(middlewares=middlewares)
        app.add_routes([web.get("/metrics", self._metrics), web.get("/healthz", self._healthz)])
        app.add_routes([web.get("/readyz", self._readyz)])
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=GRACE_SECONDS)

    def add_metrics(self, chunks: MetricChunks) -> None:
        """Serve these after the operator's own metrics."""
        self._chunks.append(chunks)

    def mount(self, prefix: str, app: web.Application) -> None:
        """Serve an application of its own below ``prefix``. Before ``start``."""
        self._app.add_subapp(prefix, app)

    async def start(self, *, port: int, host: str | None = None, port_file: Path | None = None) -> int:
        """Listen on ``host`` (None: every interface); port 0 takes a free one.

        Returns the port, and writes it to ``port_file``. Raises CannotStart.
        """
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port, reuse_address=True)
        try:
            await site.start()
        except OSError as error:
            where = f"{host}:{port}" if host else f"Port {port}"
            raise CannotStart(f"{where} cannot be opened: {_words(error)}; choose with --host and --port.") from error
        chosen = _port(self._runner.addresses)
        if port_file is not None:
            _write(port_file, str(chosen))
        return chosen

    async def close(self) -> None:
        """Stop listening."""
        await self._runner.cleanup()

    async def _healthz(self, request: web.Request) -> web.Response:
        return _verdict(self._unhealthy())

    async def _readyz(self, request: web.Request) -> web.Response:
        return _verdict(self._unready())

    async def _metrics(self, request: web.Request) -> web.StreamResponse:
        encode, content_type = choose_encoder(",".join(request.headers.getall("Accept", [])))
        response = web.StreamResponse(headers={"Content-Type": content_type})
        await response.prepare(request)
        own = encode(telemetry.REGISTRY)
        await response.write(own.removesuffix(EOF))
        async for piece in self._further():
            await response.write(piece)
        if own.endswith(EOF):
            await response.write(EOF)
        await response.write_eof()
        return response

    async def _further(self) -> AsyncIterator[bytes]:
        """The chunks, many to a piece; others have their turn by time, since a busy loop takes long to come round."""
        pieces, size, began = list[str](), 0, time.monotonic()
        for chunk in chain.from_iterable(chunks() for chunks in self._chunks):
            pieces.append(chunk)
            size += len(chunk)
            if size >= PIECE:
                yield "".join(pieces).encode()
                pieces, size = [], 0
            if time.monotonic() - began >= TURN_SECONDS:
                await asyncio.sleep(0)
                began = time.monotonic()
        yield "".join(pieces).encode()


def _verdict(trouble: str | None) -> web.Response:
    return web.Response(text=f"{trouble or 'ok'}\n", status=503 if trouble else 200)


def _words(error: OSError) -> str:
    """asyncio puts a sentence of its own, which repeats the address, before the system's."""
    return (error.strerror or str(error)).rpartition("): ")[2]


def _port(addresses: Sequence[tuple[Any, ...]]) -> int:
    """With port 0 each family gets a port of its own, in no order: IPv4's (a pair) is the one that is told."""
    ports = [address[1] for address in sorted(addresses, key=len)]
    return int(ports[0])


def _write(path: Path, text: str) -> None:
    """At once or not at all: whoever waits for the file must not read half of it."""
    draft = path.with_name(f"{path.name}.part")
    draft.write_text(text)
    draft.replace(path)
