"""Readiness, liveness and startup probes over HTTP and TCP, and by a command.

Every pod listens on this machine's loopback, so that is where they look. A command gets the view and the environment of
the container, but does not see its processes. ``grpc`` probes are not run: the pod's Event says so (``support.notes``).
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import aiohttp

from freshet.local.node.kube import Json

__all__ = ["Execute", "Probe", "parse"]

Execute = Callable[[tuple[str, ...]], Awaitable[tuple[int, str]]]
"""Run a command beside a container: its exit code and what it wrote."""


@dataclass(frozen=True, kw_only=True)
class Probe:
    """One probe of a container, with the API's defaults filled in."""

    period: float
    delay: float
    timeout: float
    failures: int
    successes: int
    port: int = 0
    url: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    command: tuple[str, ...] = ()

    async def check(self, session: aiohttp.ClientSession, execute: Execute) -> str | None:
        """``None`` if it passed, else what went wrong."""
        try:
            async with asyncio.timeout(self.timeout):
                if self.command:
                    return await self._exec(execute)
                return await (self._http(session) if self.url else self._tcp())
        except TimeoutError:
            return f"timeout after {self.timeout:g} s"
        except (aiohttp.ClientError, OSError) as error:
            return str(error) or type(error).__name__

    async def _exec(self, execute: Execute) -> str | None:
        code, output = await execute(self.command)
        return (output.strip() or f"command ended with {code}") if code else None

    async def _http(self, session: aiohttp.ClientSession) -> str | None:
        assert self.url is not None
        async with session.get(self.url, headers=dict(self.headers), ssl=False, allow_redirects=False) as response:
            return None if 200 <= response.status < 400 else f"HTTP probe failed with statuscode: {response.status}"

    async def _tcp(self) -> str | None:
        _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        return None


def parse(container: Json, *, kind: str) -> Probe | None:
    """The container's ``readinessProbe``, ``livenessProbe`` or ``startupProbe``, if this agent can run it."""
    data = container.get(kind) or {}
    action = data.get("httpGet") or data.get("tcpSocket")
    probe = Probe(
        period=float(data.get("periodSeconds") or 10),
        delay=float(data.get("initialDelaySeconds") or 0),
        timeout=float(data.get("timeoutSeconds") or 1),
        failures=int(data.get("failureThreshold") or 3),
        successes=int(data.get("successThreshold") or 1),
        command=tuple((data.get("exec") or {}).get("command") or ()),
    )
    if not action:
        return probe if probe.command else None
    port = _port(action["port"], container=container)
    scheme, path = action.get("scheme", "HTTP").lower(), action.get("path") or "/"
    path = path if path.startswith("/") else f"/{path}"
    return replace(
        probe,
        port=port,
        url=f"{scheme}://127.0.0.1:{port}{path}" if data.get("httpGet") else None,
        headers=tuple((each["name"], each["value"]) for each in action.get("httpHeaders") or ()),
    )


def _port(port: int | str, *, container: Json) -> int:
    if isinstance(port, int):
        return port
    named = {each.get("name"): each["containerPort"] for each in container.get("ports") or ()}
    return int(named.get(port, 0))
