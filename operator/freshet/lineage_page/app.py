"""The routes, and the headers that every answer has.

Only GET and HEAD are answered. The content security policy lets the page load its own files and talk to this server,
nothing else: no inline script or style, no other host, no frame around it.
"""

import asyncio
from pathlib import Path

from aiohttp import web

from freshet.lineage_page.book import Book, Graph
from freshet.lineage_page.files import Files
from freshet.lineage_page.manifest import Manifests
from freshet.lineage_page.stream import Stream
from freshet.runtime import errors
from freshet.runtime.cache import Cache
from freshet.runtime.clock import Clock
from freshet.runtime.kube import Kube

__all__ = ["HEADERS", "lineage_page"]

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
JSON = "application/json"
ONE = "/api/assets/{namespace}/{name}"


def lineage_page(
    *, cache: Cache, kube: Kube, graph: Graph, clock: Clock, folder: Path | None
) -> tuple[web.Application, Book]:
    """The application to mount, and the book whose feed wants to hear of changes."""
    book = Book(cache=cache, graph=graph, clock=clock)
    api, files = Api(book=book, manifests=Manifests(kube=kube)), Files(folder=folder)
    app = web.Application()
    app.add_routes(
        [
            web.get("", _home),
            web.get("/", files.index),
            web.get("/api/graph", api.graph),
            web.get("/api/events", Stream(book=book).handle, allow_head=False),
            web.get(ONE, api.asset),
            web.get(f"{ONE}/manifest", api.manifest),
            web.get("/{name}", files.asset),
        ]
    )

    async def prepare(request: web.Request, response: web.StreamResponse) -> None:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)

    async def shutdown(_: web.Application) -> None:
        book.feed.close()

    app.on_response_prepare.append(prepare)
    app.on_shutdown.append(shutdown)
    return app, book


class Api:
    """What the page asks for, as JSON; errors are one sentence of plain text."""

    def __init__(self, *, book: Book, manifests: Manifests) -> None:
        self._book, self._manifests = book, manifests

    async def graph(self, request: web.Request) -> web.StreamResponse:
        """All assets and pipelines."""
        response = web.StreamResponse(headers={"Content-Type": JSON, "Cache-Control": "no-store"})
        response.enable_compression()
        await response.prepare(request)
        for piece in self._book.snapshot():
            await response.write(piece)
            await asyncio.sleep(0)
        await response.write_eof()
        return response

    async def asset(self, request: web.Request) -> web.Response:
        """One asset, whole."""
        namespace, name = request.match_info["namespace"], request.match_info["name"]
        asset = self._book.asset(namespace, name)
        if asset is None:
            return _sentence(404, f"There is no asset {name} in namespace {namespace}, or it is not watched.")
        return web.Response(body=self._book.detail(asset), content_type=JSON, headers={"Cache-Control": "no-store"})

    async def manifest(self, request: web.Request) -> web.Response:
        """One asset's manifest, as YAML."""
        namespace, name = request.match_info["namespace"], request.match_info["name"]
        asset = self._book.asset(namespace, name)
        try:
            text = await self._manifests.text(asset) if asset is not None else None
        except errors.KubeError as error:
            return _sentence(502, f"The Kubernetes API does not show the manifest: {error}")
        if text is None:
            return _sentence(404, f"There is no asset {name} in namespace {namespace}, or it is not watched.")
        return web.Response(text=text, headers={"Cache-Control": "no-store"})


async def _home(request: web.Request) -> web.Response:
    """The page's own addresses are relative to a folder, so that it works behind any prefix."""
    raise web.HTTPFound("lineage/")


def _sentence(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=f"{text}\n", headers={"Cache-Control": "no-store"})
