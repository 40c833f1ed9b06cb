"""Sending one request: budget, deadline, errors told apart by whether anything can have happened, and GETs again.

The token stands in one private place and in no log, message or repr.
"""

import asyncio
import ipaddress
import logging
from collections.abc import Callable, Generator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception

from freshet.dbtcloud import answers, errors
from freshet.dbtcloud.budget import Budget, Sleep
from freshet.dbtcloud.clocks import Clocks
from freshet.dbtcloud.download import Sink, TooLarge
from freshet.dbtcloud.retry import RetryPolicy

__all__ = ["MAX_BYTES", "Transport"]

MAX_BYTES = 64 << 20
TIMEOUTS = httpx.Timeout(connect=10.0, read=30.0, write=30.0, pool=10.0)
PAUSE = 5.0
"""Seconds of quiet for the whole account after a 429 that names none."""
NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)
AGAIN = (errors.RateLimited, errors.ServerError, errors.Unreachable)


class Transport:
    """Requests to one account. Parameters are those of :class:`.client.DbtCloud`."""

    def __init__(
        self,
        *,
        base_url: str,
        token: str,
        budget: Budget,
        retry: RetryPolicy,
        on_request: Callable[[str], None],
        now: Callable[[], datetime],
        sleep: Sleep,
        transport: httpx.AsyncBaseTransport | None,
    ) -> None:
        _quiet()
        self._budget, self._retry, self._on_request = budget, retry, on_request
        self._now, self._sleep = now, sleep
        self._clocks = Clocks()
        self._auth = _TokenAuth(token)
        self._http = httpx.AsyncClient(
            base_url=base_url,
            auth=self._auth,
            timeout=TIMEOUTS,
            headers={"Accept": "application/json", "User-Agent": "freshet"},
            trust_env=not _is_loopback(base_url),
            transport=transport,
        )

    @property
    def skew(self) -> timedelta:
        """How far the service's clock is ahead of ours, by its newest answers."""
        return self._clocks.ahead

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    def use_token(self, token: str) -> None:
        """From the next request on."""
        self._auth.token = _checked(token)

    async def get(
        self, path: str, *, what: str, deadline: float, parameters: Mapping[str, str] | None = None
    ) -> answers.Reply:
        """Ask for JSON, again where that can help. Raises what :mod:`.errors` has but AmbiguousAnswer."""

        async def attempt() -> answers.Reply:
            await self._budget.take()
            request = self._http.build_request("GET", path, params=parameters)
            reply = await self._attempt(request, what=what, sink=Sink(into=None, limit=MAX_BYTES), deadline=deadline)
            answers.data_of(reply)
            return reply

        return await self._retrying()(attempt)

    async def download(
        self,
        path: str,
        *,
        what: str,
        deadline: float,
        parameters: Mapping[str, str] | None,
        into: Path | None,
        limit: int,
    ) -> bytes:
        """Ask for a file of any kind; nothing is returned where it went `into` a file."""

        async def attempt() -> bytes:
            await self._budget.take()
            request = self._http.build_request("GET", path, params=parameters)
            with Sink(into=into, limit=limit) as sink:
                await self._attempt(request, what=what, sink=sink, deadline=deadline)
                return sink.keep()

        return await self._retrying()(attempt)

    async def post(
        self, path: str, *, what: str, body: dict[str, Any], deadline: float, not_after: datetime | None = None
    ) -> answers.Reply:
        """Send once, and not after that time. Raises AmbiguousAnswer wherever it may have taken effect."""
        await self._budget.take()
        if not_after is not None and self._now() >= not_after:
            raise errors.Unreachable(f"the request for {what} was not sent in time: it is made again")
        request = self._http.build_request("POST", path, json=body)
        reply = await self._attempt(request, what=what, sink=Sink(into=None, limit=MAX_BYTES), deadline=deadline)
        answers.data_of(reply)
        return reply

    def _retrying(self) -> AsyncRetrying:
        return AsyncRetrying(
            sleep=self._sleep,
            reraise=True,
            retry=retry_if_exception(lambda error: isinstance(error, AGAIN)),
            stop=lambda state: self._wait(state) is None,
            wait=lambda state: self._wait(state) or 0.0,
        )

    def _wait(self, state: RetryCallState) -> float | None:
        error = state.outcome.exception() if state.outcome else None
        return self._retry.wait(attempt=state.attempt_number, retry_after=getattr(error, "retry_after", None))

    async def _attempt(self, request: httpx.Request, *, what: str, sink: Sink, deadline: float) -> answers.Reply:
        try:
            async with asyncio.timeout(deadline):
                reply = await self._exchange(request, what=what, sink=sink)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, TooLarge) as error:
            self._on_request("timeout" if _timed_out(error) else "error")
            raise _failure(error, request=request, what=what) from None
        self._on_request(str(reply.code))
        if (problem := answers.error_of(reply)) is not None:
            if isinstance(problem, errors.RateLimited):
                self._budget.pause(seconds=PAUSE if problem.retry_after is None else min(problem.retry_after, 60.0))
            raise problem
        return reply

    async def _exchange(self, request: httpx.Request, *, what: str, sink: Sink) -> answers.Reply:
        asked_at = self._now()
        response = await self._http.send(request, stream=True, follow_redirects="/artifacts/" in request.url.path)
        if not response.history:  # else somebody else's clock answered
            self._clocks = self._clocks.heard(response.headers.get("Date"), asked_at=asked_at, at=self._now())
        try:
            body = Sink(into=None, limit=MAX_BYTES) if not response.is_success else sink
            async for chunk in response.aiter_bytes():
                body.write(chunk)
        finally:
            await response.aclose()
        return answers.Reply(
            method=request.method,
            what=what,
            code=response.status_code,
            headers=dict(response.headers),
            # A service that repeats what it was sent must not put the token into an error's message.
            body=body.read() if response.is_success else body.read().replace(self._auth.token.encode(), b"***"),
            now=self._now(),
        )


class _TokenAuth(httpx.Auth):
    """Adds the header at the last moment; httpx drops it when a redirect leaves the host."""

    def __init__(self, token: str) -> None:
        self.token = _checked(token)

    def __repr__(self) -> str:
        return "<token>"

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Token {self.token}"
        yield request


def _checked(token: str) -> str:
    """A header with a line break in it would be printed whole by an error of the HTTP library."""
    token = token.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        text = "the dbt Cloud token is empty or holds characters that no token has: correct the Secret"
        raise errors.AuthenticationFailed(text)
    return token


def _failure(error: Exception, *, request: httpx.Request, what: str) -> errors.DbtCloudError:
    how = "timed out" if _timed_out(error) else " ".join(str(error).split()) or type(error).__name__
    where = f"dbt Cloud at {request.url.host} for {what} ({how})"
    if isinstance(error, NOT_SENT):
        return errors.Unreachable(f"no connection to {where}: check dbtCloud.host and the network")
    if request.method != "GET":
        return errors.AmbiguousAnswer(f"no whole answer from {where}: it is not known whether it took effect")
    if isinstance(error, TooLarge):
        return errors.Refused(f"{what} from dbt Cloud is too large to read ({error})")
    return errors.Unreachable(f"no whole answer from {where}")


def _timed_out(error: Exception) -> bool:
    return isinstance(error, (TimeoutError, httpx.TimeoutException))


def _is_loopback(url: str) -> bool:
    """A proxy of the environment must not be asked for this machine itself."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _quiet() -> None:
    """httpx writes each URL at INFO, httpcore each header at DEBUG, whatever the root logger's level is."""
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
