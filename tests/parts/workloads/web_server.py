"""A web server that is an S3 bucket too, for loads from addresses: a test says what it has and how it answers."""

import gzip
import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.support.serving import Quiet, serving

__all__ = ["Server", "web_server"]


class Server:
    """Serves ``files`` (path → content) as a web server and as an S3 bucket; ``asked`` are the requests."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.tagged = True
        self.restless = 0
        """How many first answers have each an ETag of its own; none afterwards."""
        self.head = 200
        self.sized = True
        self.head_length: int | None = None
        """What HEAD says that the file has."""
        self.cut: int | None = None
        """After how many bytes GET ends, of which it does not say how many they are."""
        self.packs = False
        """Whether GET packs what it sends, though nobody asks for it."""
        self.stale: list[bytes] = []
        """What GET gives first, as a server does that is behind another at the same address."""
        self.modified: float | None = 1767225600.0
        self.redirects: dict[str, str] = {}
        self.refusal: tuple[int, str] | None = None
        self.read_at = 0.0
        self.authorization: str | None = None
        self.url = ""

    def reads(self) -> list[str]:
        return [one for one in self.asked if one.startswith("GET") and "list-type" not in one]


@contextmanager
def web_server() -> Iterator[Server]:
    found = Server()
    with serving(_handler(found)) as found.url:
        yield found


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(Quiet):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            if server.head == 200:
                self.answer(body=False)
            else:
                self.send(server.head, b"")

        def do_GET(self) -> None:
            server.read_at = time.time()
            self.answer(body=True)

        def answer(self, *, body: bool) -> None:
            server.asked.append(f"{self.command} {self.path}")
            parts = urlsplit(self.path)
            content = server.files.get(unquote(parts.path))
            if body and server.stale:
                content = server.stale.pop()
            if server.authorization and self.headers.get("Authorization") != server.authorization:
                self.send(403, b"")
            elif server.refusal:
                status, code = server.refusal
                self.send(status, f"<Error><Code>{code}</Code></Error>".encode(), body=body)
            elif "list-type" in parse_qs(parts.query):
                self.send(200, self.listing(parts))
            elif parts.path in server.redirects:
                self.send(301, b"", location=server.redirects[parts.path])
            elif content is None:
                self.send(404, b"")
            else:
                self.send(200, content, body=body)

        def listing(self, parts: Any) -> bytes:
            prefix = parse_qs(parts.query).get("prefix", [""])[0]
            keys = [path.removeprefix(f"{parts.path.rstrip('/')}/") for path in server.files]
            found = "".join(
                f"<Contents><Key>{key}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>x</ETag>"
                f"<Size>{len(server.files[f'{parts.path.rstrip(chr(47))}/{key}'])}</Size></Contents>"
                for key in keys
                if key.startswith(prefix)
            )
            return f"<ListBucketResult><IsTruncated>false</IsTruncated>{found}</ListBucketResult>".encode()

        def send(self, status: int, content: bytes, *, body: bool = True, location: str = "") -> None:
            self.send_response(status)
            if location:
                self.send_header("Location", location)
            if server.refusal:
                self.send_header("x-amz-bucket-region", "eu-west-1")
            sent = self.length_told(content, body=body)
            if server.tagged and status == 200:
                if server.restless:
                    server.restless -= 1
                    self.send_header("ETag", f'"{server.restless}"')
                elif server.modified is not None:
                    self.send_header("ETag", f'"{hashlib.md5(content).hexdigest()}"')
                self.send_header("Last-Modified", formatdate(server.modified or time.time(), usegmt=True))
            self.end_headers()
            self.wfile.write(sent)

        def length_told(self, content: bytes, *, body: bool) -> bytes:
            """What is sent of it."""
            if not body:
                if server.sized:
                    length = len(content) if server.head_length is None else server.head_length
                    self.send_header("Content-Length", str(length))
                return b""
            if server.packs:
                self.send_header("Content-Encoding", "gzip")
                content = gzip.compress(content, mtime=0)
            if server.cut is not None:
                self.send_header("Connection", "close")
                return content[: server.cut]
            self.send_header("Content-Length", str(len(content)))
            return content

    return Handler
