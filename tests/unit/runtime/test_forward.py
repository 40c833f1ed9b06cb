"""A replica that stands by passes requests on, both ways as they come, and never round in circles."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest
from aiohttp import web

from freshet.runtime.forward import Forwarder
from freshet.runtime.http import HttpServer

MORE = web.AppKey("more", asyncio.Event)
Serve = Callable[..., Awaitable[str]]


async def echo(request: web.Request) -> web.Response:
    words = (
        f"{request.method} {request.raw_path} {request.headers.get('Authorization')} {(await request.read()).decode()}"
    )
    return web.Response(text=words, status=201, headers={"X-Answer": "yes"})


async def stream(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    await response.write(b"data: 1\n\n")
    await request.app[MORE].wait()
    await response.write(b"data: 2\n\n")
    return response


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    made: list[tuple[HttpServer, Forwarder]] = []

    async def start(address: str | None, more: asyncio.Event | None = None, *, tells: bool = False) -> str:
        forwarder = Forwarder(address=lambda: address, tells=lambda: tells)
        middlewares = [forwarder.middleware()]
        http = HttpServer(unhealthy=lambda: None, unready=lambda: None, middlewares=middlewares)
        app = web.Application()
        app[MORE] = more or asyncio.Event()
        app.add_routes([web.route("*", "/echo/{rest:.*}", echo), web.get("/stream", stream)])
        http.mount("/there", app)
        made.append((http, forwarder))
        return f"127.0.0.1:{await http.start(port=0, host='127.0.0.1')}"

    yield start
    for http, forwarder in made:
        await forwarder.close()
        await http.close()


async def test_what_is_asked_is_answered_by_the_one_that_acts(serve: Serve) -> None:
    acting = await serve(None)
    standby = await serve(acting)
    url = f"http://{standby}/there/echo/a%2Fb?c=d"
    async with aiohttp.ClientSession() as session:
        async with session.post(url, data=b"body", headers={"Authorization": "sig"}) as answer:
            assert (answer.status, answer.headers["X-Answer"]) == (201, "yes")
            assert await answer.text() == "POST /there/echo/a%2Fb?c=d sig body"
        async with session.get(f"http://{standby}/healthz") as answer:
            assert (answer.status, await answer.text()) == (200, "ok\n")
        async with session.get(f"http://{standby}/elsewhere") as answer:
            assert answer.status == 404


async def test_a_stream_comes_as_it_is_written(serve: Serve) -> None:
    more = asyncio.Event()
    standby = await serve(await serve(None, more))
    async with aiohttp.ClientSession() as session, session.get(f"http://{standby}/there/stream") as answer:
        assert await answer.content.readuntil(b"\n\n") == b"data: 1\n\n"
        more.set()
        assert await answer.content.read() == b"data: 2\n\n"


async def test_nobody_who_acts_is_said(serve: Serve) -> None:
    async with aiohttp.ClientSession() as session:
        for address in ("", "127.0.0.1:1", await serve("127.0.0.1:1"), await serve("")):
            async with session.get(f"http://{await serve(address)}/there/echo/") as answer:
                assert answer.status == 503
                assert "stands by" in await answer.text()


async def test_the_last_that_acted_answers_what_only_reads_until_another_acts(serve: Serve) -> None:
    """Also what another passes on; a webhook is for one that acts."""
    last = await serve("", tells=True)
    async with aiohttp.ClientSession() as session:
        for address in (last, await serve(last)):
            async with session.get(f"http://{address}/there/echo/a") as answer:
                assert answer.status == 201
            async with session.post(f"http://{address}/there/echo/a", data=b"") as answer:
                assert answer.status == 503
        async with session.get(f"http://{await serve('127.0.0.1:1', tells=True)}/there/echo/a") as answer:
            assert answer.status == 503


async def test_documents_are_read_at_the_one_that_was_asked_also_when_nobody_acts(serve: Serve) -> None:
    standby = await serve("")
    async with aiohttp.ClientSession() as session:
        for path, status in (("/docs/runbooks/not-leader.md", 404), ("/there/echo/a", 503)):
            async with session.get(f"http://{standby}{path}") as answer:
                assert answer.status == status, "404: it looked itself; this test mounts none"
