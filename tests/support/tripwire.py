"""A way to a service on which a process can be killed at a chosen request, before or after it takes effect.

The operator is given a kubeconfig (or a ``dbtCloud.host``) that leads here; what it sends goes on unchanged, with its
own credentials. No code of the operator knows about it: this is what a node that loses its power between two packets
looks like.
"""

import base64
import re
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import httpx
import yaml

__all__ = ["Trap", "Tripwire", "Wire"]

PASSED_ON = ("authorization", "content-type", "accept", "accept-encoding")
PASSED_BACK = ("content-type", "content-encoding", "retry-after")


@dataclass
class Trap:
    """Fires once, at the request of that method whose path matches, after ``skip`` such requests.

    ``when``: before the service gets it, or after it has done it and before its answer is passed on.
    """

    method: str
    path: str
    when: Literal["before", "after"]
    skip: int = 0
    body: str = ""
    fired: threading.Event = field(default_factory=threading.Event)

    def meets(self, method: str, path: str, body: bytes) -> bool:
        """Does it fire now?"""
        fits = method == self.method and re.search(self.path, path) and self.body.encode() in body
        if not fits or self.fired.is_set():
            return False
        self.skip -= 1
        return self.skip < 0


class Wire:
    """A proxy on loopback, at ``url``; ``kill`` is called where one of ``traps`` fires. While it is ``away`` it hangs
    up on whoever asks; what has begun before goes on.
    """

    def __init__(self, *, target: str, kill: Callable[[], object], verify: ssl.SSLContext | bool = True) -> None:
        self.traps: list[Trap] = []
        self.away = False
        self.kill = kill
        self.client = httpx.Client(
            base_url=target,
            verify=verify,
            timeout=httpx.Timeout(30.0, read=None),
            limits=httpx.Limits(max_connections=None),
            trust_env=False,
        )
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, name="tripwire", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def trap(self, method: str, path: str, body: bytes) -> Trap | None:
        """The trap that this request sets off."""
        with self._lock:
            return next((trap for trap in self.traps if trap.meets(method, path, body)), None)

    def fire(self, trap: Trap) -> None:
        """Kill, then let the test know."""
        self.kill()
        trap.fired.set()


class Tripwire(Wire):
    """The way to the API server: ``kubeconfig`` leads to it."""

    def __init__(self, *, kubeconfig: Path, folder: Path, kill: Callable[[], object]) -> None:
        config = yaml.safe_load(kubeconfig.read_text())
        target = config["clusters"][0]["cluster"]
        super().__init__(target=target["server"], kill=kill, verify=_trust(target, kubeconfig.parent))
        config["clusters"][0]["cluster"] = {"server": self.url}
        self.kubeconfig = folder / "kubeconfig"
        self.kubeconfig.write_text(yaml.safe_dump(config))
        self.kubeconfig.chmod(0o600)


def _trust(target: dict[str, Any], folder: Path) -> ssl.SSLContext:
    if "certificate-authority-data" in target:
        return ssl.create_default_context(cadata=base64.b64decode(target["certificate-authority-data"]).decode())
    return ssl.create_default_context(cafile=folder / target["certificate-authority"])


def _handler(wire: Wire) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

        def pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if wire.away:
                self.close_connection = True
                return
            headers = {name: self.headers[name] for name in PASSED_ON if name in self.headers}
            trap = wire.trap(self.command, self.path, body)
            if trap is not None and trap.when == "before":
                self.die(trap)
                return
            try:
                with wire.client.stream(self.command, self.path, headers=headers, content=body) as answer:
                    if trap is not None:
                        answer.read()
                        self.die(trap)
                        return
                    self.pass_back(answer)
            except (OSError, httpx.TransportError):  # one side hung up: so does this one
                self.close_connection = True

        def pass_back(self, answer: httpx.Response) -> None:
            self.send_response(answer.status_code)
            for name in PASSED_BACK:
                if name in answer.headers:
                    self.send_header(name, answer.headers[name])
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for chunk in answer.iter_raw():
                self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")

        def die(self, trap: Trap) -> None:
            self.close_connection = True
            wire.fire(trap)

        do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = pass_on

    return Handler
