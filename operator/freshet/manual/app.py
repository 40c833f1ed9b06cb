"""``/docs/``: the documents under their paths in the repository, as HTML that needs neither script nor style.

A replica that stands by answers too (freshet.runtime.forward): the runbook of "nobody acts" is read then.
"""

import re
from functools import cache
from html import escape
from itertools import pairwise
from pathlib import Path

from aiohttp import web

from freshet.manual.folder import FOLDER, documents

__all__ = ["HEADERS", "manual"]

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; img-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
FIRST = "runbooks/README.md"


def manual(*, folder: Path = FOLDER) -> web.Application:
    """The application to mount at /docs."""
    known, app = documents(folder), web.Application()

    async def home(request: web.Request) -> web.Response:
        raise web.HTTPFound(f"docs/{FIRST}" if request.path.endswith("/docs") else FIRST)

    async def page(request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        path = known.get(name) or known.get(f"{name}.md")
        if path is None:
            return web.Response(status=404, text="There is no such document here.\n")
        return _html(path) if path.suffix == ".md" else web.FileResponse(path)

    async def prepare(request: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(HEADERS)

    app.add_routes([web.get("", home), web.get("/", home), web.get("/{name:.+}", page)])
    app.on_response_prepare.append(prepare)
    return app


def _html(path: Path) -> web.Response:
    return web.Response(text=_rendered(path), content_type="text/html", charset="utf-8")


@cache
def _rendered(path: Path) -> str:
    from markdown_it import MarkdownIt

    text = path.read_text()
    title = text.partition("\n")[0].removeprefix("# ")
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(text)
    for heading, words in pairwise(tokens):
        if heading.type == "heading_open":
            heading.attrSet("id", _anchor(words.content))
    body = markdown.renderer.render(tokens, markdown.options, {})
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="color-scheme"'
    return f'<!doctype html><html lang="en">{head} content="light dark"><title>{escape(title)}</title>{body}'


def _anchor(heading: str) -> str:
    """What links call it, as where the repository is read."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
