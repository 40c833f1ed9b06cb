"""A Google Cloud Storage emulator behind a door that lets only the bearers of one service account's tokens in."""

import base64
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

import httpx
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from gcp_storage_emulator.server import create_server
from tests.support.secrecy import remember
from tests.support.serving import Quiet, serving

__all__ = ["Gcs", "running_gcs", "service_account"]

BUCKET = "lake"
HOP = ("content-length", "transfer-encoding", "connection", "date", "server")


class Gcs:
    """``address`` for STORAGE_EMULATOR_HOST, ``key`` for GOOGLE_CREDENTIALS; ``asked`` are the requests."""

    def __init__(self, *, emulator: str) -> None:
        self._private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._emulator = httpx.Client(base_url=emulator, trust_env=False)
        self.key = service_account(self._private)
        self.asked: list[str] = []
        self.address = ""

    def reads(self) -> list[str]:
        return [one for one in self.asked if one.startswith("GET") and ("alt=media" in one or "/o/" not in one)]

    def knows(self, authorization: str) -> bool:
        """Is this a token that the account's key has signed?"""
        signed, _, signature = authorization.removeprefix("Bearer ").rpartition(".")
        try:
            raw = base64.urlsafe_b64decode(f"{signature}==")
            self._private.public_key().verify(raw, signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        except (InvalidSignature, ValueError):
            return False
        return True

    def forward(self, method: str, path: str, headers: dict[str, str], body: bytes) -> httpx.Response:
        return self._emulator.request(method, path, headers=headers, content=body)


def service_account(private: rsa.RSAPrivateKey) -> str:
    """A key file as Google's console gives it."""
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    pem = private.private_bytes(*form).decode()
    remember("the key of a GCS service account", pem)
    account = {"type": "service_account", "client_email": "loader@p.iam.gserviceaccount.com", "private_key": pem}
    return json.dumps({**account, "private_key_id": "1", "token_uri": "https://oauth2.invalid/token"})


@contextmanager
def running_gcs() -> Iterator[Gcs]:
    """With a bucket ``lake``, in memory."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    emulator = create_server("127.0.0.1", port, in_memory=True, default_bucket=BUCKET)
    emulator.start()
    found = Gcs(emulator=f"http://127.0.0.1:{port}")
    try:
        with serving(_handler(found)) as found.address:
            yield found
    finally:
        emulator.stop()


def _handler(gcs: Gcs) -> type[BaseHTTPRequestHandler]:
    class Handler(Quiet):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            gcs.asked.append(f"{self.command} {self.path}")
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if not gcs.knows(self.headers.get("Authorization", "")):
                self.send(401, {}, b"")
                return
            headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
            found = gcs.forward(self.command, self.path, headers, body)
            self.send(found.status_code, dict(found.headers), found.content)

        do_GET = do_POST = do_PUT = do_DELETE = answer

        def send(self, status: int, headers: dict[str, str], content: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                if name.lower() not in HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    return Handler
