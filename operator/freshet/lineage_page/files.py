"""The built page: a folder that the image carries, or one that is named; without it, a sentence on how to build it.

Names of scripts and styles change with their content, so that a browser may keep them for ever.
"""

from pathlib import Path

from aiohttp import web

__all__ = ["BUILT", "Files"]

BUILT = Path(__file__).with_name("dist")
"""Where `make ui` and the image's build put it."""
MISSING = (
    "The lineage page is not built: run `make ui` in a checkout of freshet and start the operator again, or name the "
    "folder that it printed with --ui (the image has the page; /lineage/api/graph answers without it)."
)
FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}
EACH_TIME = {"Cache-Control": "no-cache"}
TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


class Files:
    """Serves the files that were in the folder when the operator started, and no others."""

    def __init__(self, *, folder: Path | None) -> None:
        folder = folder or BUILT
        self._files = {path.name: path for path in sorted(folder.glob("*")) if path.suffix in TYPES}

    async def index(self, request: web.Request) -> web.StreamResponse:
        """The page."""
        return self._file("index.html") or web.Response(status=503, text=f"{MISSING}\n")

    async def asset(self, request: web.Request) -> web.StreamResponse:
        """What the page is made of."""
        return self._file(request.match_info["name"]) or web.Response(status=404, text="There is no such page.\n")

    def _file(self, name: str) -> web.StreamResponse | None:
        path = self._files.get(name)
        if path is None:
            return None
        headers = {"Content-Type": f"{TYPES[path.suffix]}; charset=utf-8"}
        return web.FileResponse(path, headers={**headers, **(EACH_TIME if path.suffix == ".html" else FOR_EVER)})
