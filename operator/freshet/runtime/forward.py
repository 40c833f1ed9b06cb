"""A replica that stands by passes on what it is asked to the one that acts: behind a Service any may be asked.

Only what a replica says of itself (metrics, health) and what all have alike (documents) is answered by it; and by the
last that acted, as long as no other is known to, whatever only reads.
"""

from collections.abc import Awaitable, Callable

import aiohttp
from aiohttp import web

__all__ = ["Forwarder"]

OWN = frozenset({"/metrics", "/healthz", "/readyz"})
ALIKE = "/docs"
READS = frozenset({"GET", "HEAD"})
PASSED_ON = "X-Freshet-Passed-On"
HOP = frozenset({"connection", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "content-length"})
"""Headers of one connection (RFC 9110, 7.6.1); lengths are those of the stream."""
TIMES = aiohttp.ClientTimeout(total=None, sock_connect=2.0, sock_read=60.0)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Forwarder:
    """``address`` returns None while this replica acts, else host:port of the one that does, empty if unknown;
    ``tells``: was this the last that did?
    """

    def __init__(self, *, address: Callable[[], str | None], tells: Callable[[], bool] = lambda: False) -> None:
        self._address, self._tells = address, tells
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """End what is under way."""
        if self._session is not None:
            await self._session.close()

    def middleware(self) -> object:
        """To be put before everything that is served."""

        @web.middleware
        async def pass_on(request: web.Request, handler: Handler) -> web.StreamResponse:
            address = self._address()
            if address is None or request.path in OWN or request.path.startswith(ALIKE):
                return await handler(request)
            if not address and request.method in READS and self._tells():
                return await handler(request)
            if not address or PASSED_ON in request.headers:
                return _nobody()
            return await self._passed_on(request, address)

        return pass_on

    async def _passed_on(self, request: web.Request, address: str) -> web.StreamResponse:
        """Both ways as they come: a stream of events never ends."""
        self._session = self._session or aiohttp.ClientSession(timeout=TIMES, auto_decompress=False)
        headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP}
        body = request.content if request.body_exists else None
        response: web.StreamResponse | None = None
        try:
            async with self._session.request(
                request.method,
                f"http://{address}{request.raw_path}",
                headers={**headers, PASSED_ON: "1"},
                data=body,
                allow_redirects=False,
            ) as answer:
                kept = {name: value for name, value in answer.headers.items() if name.lower() not in HOP}
                response = web.StreamResponse(status=answer.status, headers=kept)
                await response.prepare(request)
                async for part in answer.content.iter_any():
                    await response.write(part)
        except (aiohttp.ClientError, TimeoutError, OSError):
            if response is None:
                return _nobody()
        await response.write_eof()
        return response


def _nobody() -> web.Response:
    text = "This replica stands by, and the one that acts does not answer: try again in a few seconds.\n"
    return web.Response(text=text, status=503, headers={"Retry-After": "5"})
