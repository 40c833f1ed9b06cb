"""One request, one answer: the official client's connections, JSON both ways, failures as this package's errors.

Bodies stay plain JSON data: the client's generated models cost memory and time, and are not needed. Requests go to its
session directly, since what it does with a body takes as long as a decision.
"""

import logging
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import aiohttp
import msgspec
import yarl
from kubernetes.aio.client.rest import RESTClientObject

from freshet.runtime import errors
from freshet.runtime.answers import error_of
from freshet.runtime.config import Access

__all__ = ["Transport"]

logger = logging.getLogger(__name__)

REQUEST_SECONDS = 30.0
SAY_AGAIN_SECONDS = 10.0
JSON = "application/json"


class Transport:
    """A pool of connections to one API server."""

    def __init__(self, *, access: Access) -> None:
        self.access = access
        self._client = RESTClientObject(access.configuration)
        self._session: aiohttp.ClientSession | None = None
        self._options = _options(access.configuration)
        self._timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS, sock_connect=5.0)
        self._host = str(access.configuration.host).rstrip("/")
        self._said = float("-inf")
        self.fence: Callable[[], bool] = lambda: True
        """May this process write? A replica that has lost the Lease may not."""

    async def close(self) -> None:
        """Close the connections."""
        self.access.close()
        if self._session is not None:
            await self._session.close()

    async def send(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        body: Any = None,
        content_type: str = JSON,
        accept: str = JSON,
        fenced: bool = True,
    ) -> bytes:
        """The answer's body. Raises the KubeError that fits: Unavailable also when nothing was heard in time, and for a
        write (unless it is not ``fenced``) while this process may not write.
        """
        if fenced and method != "GET" and not self.fence():
            raise errors.Unavailable(f"{method} {path}: this replica does not hold the Lease")
        url = f"{self._host}{path}{'?' + urlencode(query) if query else ''}"
        headers = {"Accept": accept, "Content-Type": content_type}
        if authorization := await self.access.authorization():
            headers["authorization"] = authorization
        data = None if body is None else msgspec.json.encode(body)
        try:
            async with self._connections().request(
                method, yarl.URL(url, encoded=True), headers=headers, data=data, timeout=self._timeout, **self._options
            ) as answer:
                content = await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._unreachable(f"{method} {path}", error) from error
        if 200 <= answer.status < 300:
            return content
        retry_after = answer.headers.get("Retry-After")
        raise error_of(code=answer.status, body=content, retry_after=retry_after, what=f"{method} {path}")

    async def json(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        """``send``, decoded."""
        decoded: dict[str, Any] = msgspec.json.decode(await self.send(method, path, **options))
        return decoded

    def _connections(self) -> aiohttp.ClientSession:
        """The official client's session, which knows certificates and proxies; it wants a running loop."""
        if self._session is None:
            self._session = self._client._create_pool_manager()
        return self._session

    def _unreachable(self, what: str, error: Exception) -> errors.Unavailable:
        """Every visit notices an outage; one line in a while is enough."""
        words = f"the API server at {self._host} does not answer ({type(error).__name__}: {error})"
        if time.monotonic() - self._said > SAY_AGAIN_SECONDS:
            self._said = time.monotonic()
            logger.warning("%s: %s", what, words)
        return errors.Unavailable(f"{what}: {words}")


def _options(configuration: Any) -> dict[str, Any]:
    """What the official client adds to each request."""
    named = {
        "server_hostname": configuration.tls_server_name,
        "proxy": configuration.proxy,
        "proxy_headers": configuration.proxy_headers,
    }
    return {name: value for name, value in named.items() if value}
