"""Changes as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html).

A viewer that reads slowly is waited for, and given the newest state when it goes on; one that does not read at all is
let go. The id of an event is what the browser hands back when it connects again.
"""

import asyncio
from contextlib import suppress

from aiohttp import web

from freshet.lineage_page.book import Book

__all__ = ["Stream"]

VIEWERS = 100
PAUSE_SECONDS = 0.05
"""Between two events: changes that come closer together are sent as one."""
BEAT_SECONDS = 15.0
TURN_SECONDS = 0.01
"""The clock that the loop waits by may be ahead of the wall's by some milliseconds."""
PATIENCE_SECONDS = 30.0
HEADERS = {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
CROWDED = "As many pages are open as this operator serves at a time; close some, then reload."


class Stream:
    """One request handler for all viewers."""

    def __init__(self, *, book: Book) -> None:
        self._book, self._feed = book, book.feed

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Send what changes, until the viewer leaves or the operator ends."""
        if self._feed.viewers >= VIEWERS:
            return web.Response(status=503, text=f"{CROWDED}\n", headers={"Retry-After": "30"})
        response = web.StreamResponse(headers=HEADERS)
        self._feed.viewers += 1
        try:
            await response.prepare(request)
            await self._tell(response, self._start(request))
        except TimeoutError:
            _cut(request)
        except ConnectionError:
            pass  # the viewer has left
        finally:
            self._feed.viewers -= 1
            self._feed.want()
        return response

    def _start(self, request: web.Request) -> int:
        """The number that the viewer has seen; -1 where it is not one of ours."""
        given = request.headers.get("Last-Event-ID") or request.query.get("since", "")
        boot, _, number = given.partition("-")
        return int(number) if boot == self._feed.boot and number.isdecimal() and len(number) < 16 else -1

    async def _tell(self, response: web.StreamResponse, revision: int) -> None:
        await self._send(response, b"retry: 1000\n\n")
        while not self._feed.closed:
            await self._news(revision)
            seen = revision
            keys = self._feed.since(revision)
            if keys is None:
                await self._send(response, b"event: reset\ndata: {}\n\n")
                return
            revision = self._feed.revision
            if seen == revision:
                await self._send(response, b"event: beat\ndata: {}\n\n")
                continue
            for data in self._book.changes(keys):
                await self._send(response, b"event: change\ndata: " + data + b"\n\n")
            await self._send(response, f"id: {self._feed.boot}-{revision}\nevent: seen\ndata: {{}}\n\n".encode())
            await asyncio.sleep(PAUSE_SECONDS)

    async def _news(self, revision: int) -> None:
        """Return with the next change, be it by the clock, or after a while: only who writes now and then sees that a
        viewer has left, and the page takes a longer silence for a connection that is dead.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + BEAT_SECONDS
        while self._feed.revision == revision and not self._feed.closed and loop.time() < until:
            left, turn = until - loop.time(), self._book.turn()
            with suppress(TimeoutError):
                async with asyncio.timeout(left if turn is None else min(left, max(turn, TURN_SECONDS))):
                    await self._feed.news(revision)

    async def _send(self, response: web.StreamResponse, data: bytes) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await response.write(data)
        await asyncio.sleep(0)


def _cut(request: web.Request) -> None:
    """Do not wait any more for someone who does not read."""
    if request.transport is not None:
        request.transport.abort()
