"""What every request passes: it is logged, faults strike, the token is checked, errors get their envelope."""

import asyncio
import hmac
import json
import time
from collections import deque
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from freshet.local.dbtcloud.envelope import ApiError, not_found, unauthorized
from freshet.local.dbtcloud.faults import Fault, Faults
from freshet.local.dbtcloud.service import queue_is_full

__all__ = ["RequestLog", "authentication", "envelopes", "fault_injection", "is_admin"]


HTML = "<!DOCTYPE html><html><head><title>dbt Cloud</title></head><body><h1>We'll be right back</h1></body></html>"
SLICES = 20


class RequestLog:
    """The newest requests to the API: when, what, and how they were answered (None: not at all)."""

    def __init__(self, size: int = 20_000) -> None:
        self.entries: deque[dict[str, Any]] = deque(maxlen=size)

    def begin(self, request: web.Request) -> dict[str, Any]:
        """Note that a request came; the answer is added when there is one."""
        entry: dict[str, Any] = {"at": time.time(), "method": request.method, "path": request.path}
        entry |= {"query": dict(request.query), "status": None, "faults": []}
        self.entries.append(entry)
        return entry


def is_admin(request: web.Request) -> bool:
    """Requests of tests about the stand-in itself: no faults, no log."""
    return request.path.startswith("/_")


def fault_injection(*, log: RequestLog, faults: Faults, queue_limit: int) -> Middleware:
    """The outermost layer."""

    @web.middleware
    async def layer(request: web.Request, handler: Handler) -> web.StreamResponse:
        if is_admin(request):
            return await handler(request)
        entry = log.begin(request)
        struck = faults.take(request.method, request.path)
        entry["faults"] = [fault.action for fault in struck]
        for fault in struck:
            if fault.action == "delay":
                await asyncio.sleep(fault.seconds)
        last = struck[-1] if struck and struck[-1].action != "delay" else None
        response = await (_strike(last, request, handler, queue_limit) if last else handler(request))
        entry["status"] = None if last and last.action in {"drop", "lose"} else response.status
        return response

    return layer


async def _strike(fault: Fault, request: web.Request, handler: Handler, queue_limit: int) -> web.StreamResponse:
    if refusal := _refusal(fault, queue_limit):
        return refusal
    if fault.action == "drop" or (fault.action == "html" and not fault.handle):
        return _hang_up(request) if fault.action == "drop" else _html()
    response = await handler(request)
    if fault.action == "lose":
        return _hang_up(request)
    if fault.action == "html":
        return _html()
    return await _spoil(fault, request, response)


def _refusal(fault: Fault, queue_limit: int) -> web.Response | None:
    """An answer without anything having been done."""
    if fault.action == "rate_limit":
        after = {} if fault.retry_after is None else {"Retry-After": f"{fault.retry_after:g}"}
        return respond(ApiError(429, "Too many requests. Please try again later.", {}, after))
    if fault.action == "queue_full":
        return respond(queue_is_full(queue_limit))
    if fault.action != "status":
        return None
    if fault.body is None:
        return respond(ApiError(fault.status, "The service has a problem.", {}, fault.headers))
    text = fault.body if isinstance(fault.body, str) else json.dumps(fault.body)
    kind = "text/html" if isinstance(fault.body, str) else "application/json"
    return web.Response(status=fault.status, text=text, content_type=kind, headers=fault.headers)


async def _spoil(fault: Fault, request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    """Change an answer that was good."""
    body = response.body if isinstance(response, web.Response) else None
    if not isinstance(body, bytes):
        return response
    if fault.action == "wrong_id":
        content = json.loads(body)
        for item in content["data"] if isinstance(content["data"], list) else [content["data"]]:
            item["id"] += fault.offset
        return web.json_response(content, status=response.status)
    if fault.action == "truncate":
        return web.Response(body=body[: len(body) // 2], status=response.status, content_type="application/json")
    return await _trickle(fault.seconds, request, response.status, body)


async def _trickle(seconds: float, request: web.Request, status: int, body: bytes) -> web.StreamResponse:
    slow = web.StreamResponse(status=status, headers={"Content-Type": "application/json"})
    slow.content_length = len(body)
    await slow.prepare(request)
    size = max(1, -(-len(body) // SLICES))
    for at in range(0, len(body), size):
        await slow.write(body[at : at + size])
        await asyncio.sleep(seconds / SLICES)
    return slow


def _hang_up(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=499)  # reaches nobody


def _html() -> web.Response:
    return web.Response(text=HTML, content_type="text/html")


@web.middleware
async def envelopes(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Errors as the service frames them."""
    try:
        return await handler(request)
    except ApiError as error:
        return respond(error)
    except web.HTTPNotFound:
        return respond(not_found())
    except web.HTTPMethodNotAllowed as error:
        return respond(ApiError(405, f'Method "{error.method}" not allowed.', {}))


def authentication(token: str) -> Middleware:
    """``Authorization: Token …`` or ``Bearer …``, on every path."""

    @web.middleware
    async def layer(request: web.Request, handler: Handler) -> web.StreamResponse:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme not in {"Token", "Bearer"} or not given:
            raise unauthorized("Authentication credentials were not provided.")
        if not hmac.compare_digest(given.strip().encode(), token.encode()):
            raise unauthorized("Invalid token.")
        return await handler(request)

    return layer


def respond(error: ApiError) -> web.Response:
    """An error's answer."""
    return web.json_response(error.body(), status=error.code, headers=error.headers)
