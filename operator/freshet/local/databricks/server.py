"""The HTTP server around it: the protocol by POST, staged files by PUT and DELETE, OAuth, and the levers of tests.

``POST /_faults`` adds rules, ``DELETE /_faults`` removes them and the log, ``POST /_go`` lets go on what is held,
``GET /_log`` tells what was asked.
"""

import base64
import json
import logging
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, unquote

import msgspec
from databricks.sql.thrift_api.TCLIService import TCLIService
from thrift.protocol.TBinaryProtocol import TBinaryProtocolAccelerated
from thrift.transport.TTransport import TMemoryBuffer

from freshet.local.databricks.errors import Hangup, SqlError
from freshet.local.databricks.faults import Faults
from freshet.local.databricks.service import Service
from freshet.local.databricks.store import Store

__all__ = ["HTTP_PATH", "DatabricksServer"]

HTTP_PATH = "/sql/1.0/warehouses/standin"
_CLIENT = "/oidc/v1/token"
_DISCOVERY = "/oidc/.well-known/oauth-authorization-server"
_METADATA = "/.well-known/databricks-config"
_FILES = "/files"
_JSON = "application/json"
_LOG = logging.getLogger(__name__)


class DatabricksServer:
    """A context manager. ``token`` is what clients must send; as OAuth client id and secret it is taken too."""

    def __init__(self, *, state: Path, token: str, files: dict[str, Path] | None = None, port: int = 0) -> None:
        state.mkdir(parents=True, exist_ok=True)
        files = files or {"main": state / "main.duckdb"}
        self.token = token
        self.faults = Faults()
        self.store = Store(files=files, volumes=state / "volumes")
        self._http = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        self._http.daemon_threads = True
        self.port = int(self._http.server_address[1])
        self.url = f"http://127.0.0.1:{self.port}"
        service = Service(store=self.store, faults=self.faults, catalog=next(iter(files)), url=lambda: self.url)
        self.processor = TCLIService.Processor(service)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
        self.store.close()


def _handler(owner: DatabricksServer) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        server_ = owner

    return Handler


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    server_: DatabricksServer

    def do_POST(self) -> None:
        body = self._body()
        if self.path == "/_faults":
            self._levers(body)
        elif self.path == "/_go":
            self.server_.faults.go()
            self._answer(204, b"")
        elif self.path == _CLIENT:
            self._guarded(lambda: self._token(body), kind=_JSON)
        elif self.path != HTTP_PATH:
            self._json(404, {"error_code": "ENDPOINT_NOT_FOUND", "message": f"No API found for POST {self.path}"})
        elif self.headers.get("Authorization") != f"Bearer {self.server_.token}":
            self._json(
                403, {"message": "Invalid access token."}, {"x-databricks-reason-phrase": "Invalid access token."}
            )
        else:
            self._guarded(lambda: self._thrift(body))

    def do_PUT(self) -> None:
        body = self._body()
        self._guarded(lambda: self.server_.faults.run(f"UPLOAD {self._file()}", lambda _: self._upload(body)))

    def do_DELETE(self) -> None:
        self._body()
        if self.path == "/_faults":
            self.server_.faults.clear()
            self._answer(204, b"")
        else:
            self._guarded(lambda: self.server_.faults.run(f"DELETE {self._file()}", lambda _: self._delete()))

    def do_GET(self) -> None:
        url = self.server_.url
        if self.path == "/_log":
            self._json(200, self.server_.faults.log())
        elif self.path == _METADATA:
            self._json(200, {"oidc_endpoint": f"{url}/oidc", "account_id": "standin", "workspace_id": "1"})
        elif self.path == _DISCOVERY:
            self._json(200, {"authorization_endpoint": f"{url}/oidc/v1/authorize", "token_endpoint": f"{url}{_CLIENT}"})
        else:
            self._json(404, {"error_code": "ENDPOINT_NOT_FOUND", "message": f"No API found for GET {self.path}"})

    def _guarded(self, work: Any, *, kind: str = "application/x-thrift") -> None:
        """The answer that ``work`` gives, if the connection outlives it."""
        try:
            status, body = work()
        except Hangup as error:
            if error.status is None:
                self.close_connection = True
                self.connection.close()
                return
            headers = {} if error.retry_after is None else {"Retry-After": f"{error.retry_after:g}"}
            self._json(error.status, {"message": "The service is temporarily unavailable."}, headers)
            return
        except SqlError as error:
            self._json(404, {"message": str(error)})
            return
        self._answer(status, body, {"Content-Type": kind})

    def _thrift(self, body: bytes) -> tuple[int, bytes]:
        read, written = TMemoryBuffer(body), TMemoryBuffer()
        self.server_.processor.process(TBinaryProtocolAccelerated(read), TBinaryProtocolAccelerated(written))
        return 200, written.getvalue()

    def _upload(self, body: bytes) -> tuple[int, bytes]:
        path = self.server_.store.path_of(self._file())
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.part")
        draft.write_bytes(body)
        draft.replace(path)
        return 200, b""

    def _delete(self) -> tuple[int, bytes]:
        path = self.server_.store.path_of(self._file())
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink(missing_ok=True)
        return 200, b""

    def _file(self) -> str:
        return unquote(self.path).removeprefix(_FILES)

    def _levers(self, body: bytes) -> None:
        try:
            self.server_.faults.add(body)
        except msgspec.ValidationError as error:
            self._json(400, {"message": str(error)})
            return
        self._answer(204, b"")

    def _token(self, body: bytes) -> tuple[int, bytes]:
        """A refusal by a fault is one in OAuth's words: its kind is the error."""
        try:
            return self.server_.faults.run("FETCH TOKEN", lambda _: self._oauth(body))
        except SqlError as error:
            return 400, json.dumps({"error": error.kind, "error_description": str(error)}).encode()

    def _oauth(self, body: bytes) -> tuple[int, bytes]:
        form = parse_qs(body.decode())
        token = self.server_.token
        known = base64.b64encode(f"{token}:{token}".encode()).decode()
        if form.get("grant_type") != ["client_credentials"] or self.headers.get("Authorization") != f"Basic {known}":
            refused = {"error": "invalid_client", "error_description": "Client authentication failed"}
            return 401, json.dumps(refused).encode()
        if form.get("scope") != ["all-apis"]:
            refused = {"error": "invalid_scope", "error_description": "The scope of a machine is all-apis"}
            return 400, json.dumps(refused).encode()
        return 200, json.dumps({"access_token": token, "token_type": "Bearer", "expires_in": 3600}).encode()

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _json(self, status: int, value: object, headers: dict[str, str] | None = None) -> None:
        self._answer(status, json.dumps(value).encode(), {"Content-Type": _JSON, **(headers or {})})

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *values: Any) -> None:
        _LOG.debug(format, *values)
