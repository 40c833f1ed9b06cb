"""Probes and metrics on one port, in both text formats."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_classic

from freshet.runtime.errors import CannotStart
from freshet.runtime.http import TURN_SECONDS, HttpServer

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def chunks() -> Iterator[str]:
    yield "# HELP freshet_asset_rows Rows.\n# TYPE freshet_asset_rows gauge\n"
    yield 'freshet_asset_rows{asset="a"} 5.0\n'


class Health:
    """What the server is told."""

    unhealthy: str | None = None
    unready: str | None = "the first list is not complete"


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
async def server(health: Health, tmp_path: Path) -> AsyncIterator[str]:
    http = HttpServer(unhealthy=lambda: health.unhealthy, unready=lambda: health.unready)
    http.add_metrics(chunks)
    port = await http.start(port=0, host="127.0.0.1", port_file=tmp_path / "port")
    assert (tmp_path / "port").read_text() == str(port)
    yield f"http://127.0.0.1:{port}"
    await http.close()


async def fetch(url: str, *, accept: str = "*/*") -> tuple[int, str, str]:
    async with aiohttp.ClientSession() as session, session.get(url, headers={"Accept": accept}) as answer:
        return answer.status, answer.headers["Content-Type"], await answer.text()


async def test_probes(server: str, health: Health) -> None:
    assert await fetch(f"{server}/healthz") == (200, "text/plain; charset=utf-8", "ok\n")
    status, _, text = await fetch(f"{server}/readyz")
    assert (status, text) == (503, "the first list is not complete\n")
    health.unhealthy, health.unready = "ended unexpectedly: queue", None
    assert (await fetch(f"{server}/healthz"))[0] == 503
    assert (await fetch(f"{server}/readyz"))[0] == 200


async def test_the_classic_format(server: str) -> None:
    _, content_type, text = await fetch(f"{server}/metrics")
    assert content_type.startswith("text/plain")
    names = {family.name: family for family in parse_classic(text)}
    assert names["freshet_asset_rows"].samples[0].value == 5
    assert "freshet_queue_depth" in names
    assert "# EOF" not in text


async def test_openmetrics_has_its_end_at_the_end(server: str) -> None:
    _, content_type, text = await fetch(f"{server}/metrics", accept=OPENMETRICS)
    assert content_type.startswith("application/openmetrics-text")
    assert text.count("# EOF") == 1
    assert text.endswith("# EOF\n")
    names = {family.name for family in parse_openmetrics(text)}
    assert {"freshet_asset_rows", "freshet_runs", "freshet_trigger_latency_seconds"} <= names


async def test_others_have_their_turn_while_metrics_are_written() -> None:
    """By time, not by chunk: each of ten that takes longer than a turn leaves room for others once or more."""

    def slow() -> Iterator[str]:
        for number in range(10):
            time.sleep(1.1 * TURN_SECONDS)
            yield f"freshet_slow_{number} 1.0\n"

    http, rounds = HttpServer(unhealthy=lambda: None, unready=lambda: None), 0
    http.add_metrics(slow)
    port = await http.start(port=0, host="127.0.0.1")

    async def turn() -> None:
        nonlocal rounds
        while True:
            await asyncio.sleep(0)
            rounds += 1

    async with aiohttp.ClientSession() as session:
        answer = await session.get(f"http://127.0.0.1:{port}/metrics")
        before, turning = rounds, asyncio.create_task(turn())
        text = await answer.text()
    turning.cancel()
    assert text.endswith("freshet_slow_9 1.0\n")
    assert rounds - before >= 10
    await http.close()


async def test_a_port_that_is_taken_is_one_sentence(server: str) -> None:
    port = int(server.rpartition(":")[2])
    second = HttpServer(unhealthy=lambda: None, unready=lambda: None)
    with pytest.raises(CannotStart, match=rf"^127.0.0.1:{port} cannot be opened: .*in use; choose with --host and"):
        await second.start(port=port, host="127.0.0.1")
    await second.close()


async def test_what_is_mounted_is_served_below_its_prefix() -> None:
    async def hello(request: web.Request) -> web.Response:
        return web.Response(text="hello")

    app = web.Application()
    app.add_routes([web.get("/there", hello)])
    http = HttpServer(unhealthy=lambda: None, unready=lambda: None)
    http.mount("/page", app)
    port = await http.start(port=0, host="127.0.0.1")
    assert (await fetch(f"http://127.0.0.1:{port}/page/there"))[2] == "hello"
    assert (await fetch(f"http://127.0.0.1:{port}/there"))[0] == 404
    await http.close()
