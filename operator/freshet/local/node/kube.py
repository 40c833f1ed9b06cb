"""A thin client: JSON in, JSON out.

The agent handles a dozen kinds of pods' neighbours as plain data and answers in milliseconds, so it goes without
the typed models of ``kubernetes.aio``; that library still reads the kubeconfig and its credentials.

    KubeError
    ├── Unreachable    no answer: try again
    └── ApiError       the server's answer: .status, .message
"""

import json
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
from kubernetes.aio.client import Configuration
from kubernetes.aio.config import load_kube_config

__all__ = ["ApiError", "Json", "Kube", "KubeError", "Unreachable"]

Json = dict[str, Any]

STRATEGIC = "application/strategic-merge-patch+json"
MERGE = "application/merge-patch+json"


class KubeError(Exception):
    """A request that did not succeed."""


class Unreachable(KubeError):
    """The API server did not answer."""


class ApiError(KubeError):
    """The API server refused; ``status`` is the HTTP status."""

    def __init__(self, *, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Kube:
    """Requests to one API server. Use ``await Kube.connect(...)``, then ``await kube.close()``."""

    def __init__(self, *, session: aiohttp.ClientSession, host: str, authorization: str | None) -> None:
        self._session = session
        self.host = host.rstrip("/")
        self._headers = {"Authorization": authorization} if authorization else {}

    @classmethod
    async def connect(cls, *, kubeconfig: Path) -> "Kube":
        """Read the kubeconfig; no request is sent yet. Raises ``ConfigException`` or ``OSError``."""
        configuration = Configuration()
        await load_kube_config(config_file=str(kubeconfig), client_configuration=configuration)
        connector = aiohttp.TCPConnector(ssl=_tls(configuration), limit=64)
        session = aiohttp.ClientSession(connector=connector, trust_env=False)
        authorization = await configuration.get_api_key_with_prefix("BearerToken")
        return cls(session=session, host=configuration.host, authorization=authorization)

    async def close(self) -> None:
        await self._session.close()

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: Json | None = None,
        params: dict[str, str] | None = None,
        content_type: str = "application/json",
    ) -> Json:
        """One request; the answer's JSON object. Raises ``Unreachable`` or ``ApiError``."""
        headers = {**self._headers, "Content-Type": content_type}
        data = None if body is None else json.dumps(body).encode()
        try:
            async with self._session.request(
                method,
                self.host + path,
                data=data,
                params=params,
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=30),
            ) as response:
                text = await response.text()
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise Unreachable(f"{method} {path}: {error or type(error).__name__}") from error
        if response.status >= 400:
            raise ApiError(status=response.status, message=_message(text))
        answer: Json = json.loads(text)
        return answer

    async def get(self, path: str, **params: str) -> Json:
        return await self.request("GET", path, params=params)

    async def post(self, path: str, body: Json) -> Json:
        return await self.request("POST", path, body=body)

    async def patch(self, path: str, body: Json, *, content_type: str = STRATEGIC) -> Json:
        return await self.request("PATCH", path, body=body, content_type=content_type)

    async def delete(self, path: str, body: Json) -> Json:
        return await self.request("DELETE", path, body=body)

    async def stream(self, path: str, *, params: dict[str, str], idle: float) -> AsyncIterator[Json]:
        """The events of a watch until the server ends it. Raises ``Unreachable`` or ``ApiError``."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=idle)
        url = self.host + path
        try:
            async with self._session.get(url, params=params, headers=self._headers, timeout=timeout) as response:
                if response.status >= 400:
                    raise ApiError(status=response.status, message=_message(await response.text()))
                async for line in _lines(response.content):
                    yield json.loads(line)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise Unreachable(f"watch {path}: {error or type(error).__name__}") from error


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """Lines of any length: aiohttp's own reader refuses those above 128 KiB."""
    rest = b""
    async for chunk in content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line:
                yield line


def _message(text: str) -> str:
    try:
        return str(json.loads(text).get("message") or text)
    except (ValueError, AttributeError):
        return text[:500]


def _tls(configuration: Any) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=configuration.ssl_ca_cert, cadata=configuration.ca_cert_data)
    if configuration.cert_file:
        context.load_cert_chain(configuration.cert_file, keyfile=configuration.key_file)
    if not configuration.verify_ssl:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context
