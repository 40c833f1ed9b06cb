"""The machine with reconcilers of three lines, against a server on a real socket: order of start, probes, end."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from tests.support.runtime import ManualClock, api_server, raw_asset

from freshet.api.view import Key
from freshet.runtime import starting
from freshet.runtime.cache import Cache
from freshet.runtime.clock import Clock
from freshet.runtime.errors import CannotStart
from freshet.runtime.http import MetricChunks
from freshet.runtime.lease import LeaseName
from freshet.runtime.machine import Machine
from freshet.runtime.options import Options
from freshet.runtime.queue import WorkQueue


class Recorder:
    """Reconcilers that only note what they were asked, and which fact was known at which time."""

    def __init__(self, *, cache: Cache, queue: WorkQueue, **_: Any) -> None:
        self._cache, self._queue = cache, queue
        self.story: list[str] = []

    def start_listening(self) -> None:
        self.story.append(f"listening with {len(self._cache.assets)}")

    async def synced(self) -> None:
        self.story.append(f"synced with {len(self._cache.assets)}")
        self.set_back()

    def set_back(self) -> None:
        for asset in self._cache.assets:
            self._queue.add(Key("Asset", asset.namespace, asset.name))

    def woken(self, keys: Sequence[Key]) -> None:
        self.story += [f"woken: {key.name}" for key in keys]

    async def reconcile(self, key: Key) -> None:
        self.story.append(key.name)

    async def close(self) -> None:
        self.story.append("closed")


def metrics(cache: Cache, controllers: Recorder) -> MetricChunks:
    def chunks() -> Iterator[str]:
        yield f"freshet_story {len(controllers.story)}\n"

    return chunks


async def cluster(request: web.Request) -> web.Response:
    items = [raw_asset("a"), raw_asset("b")] if request.path.endswith("/assets") and "limit" in request.query else []
    if "fieldSelector" in request.query:
        items = []
    return web.json_response({"metadata": {}, "items": items})


@asynccontextmanager
async def machine(
    folder: Path, *, answer: Any = cluster, clock: Clock | None = None, **more: Any
) -> AsyncIterator[Machine]:
    """One that knows where its server is, not connected yet; ``more`` are its options."""
    async with api_server(answer) as transport:
        kubeconfig = folder / "kubeconfig"
        kubeconfig.write_text(json.dumps(_kubeconfig(str(transport.access.configuration.host))))
        options = Options(kubeconfig=kubeconfig, port=0, port_file=folder / "port", workers=2, **more)
        yield Machine(options=options, controllers=Recorder, metrics=metrics, clock=clock)


def _kubeconfig(server: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
    }


async def status(folder: Path, path: str) -> int:
    url = f"http://127.0.0.1:{(folder / 'port').read_text()}{path}"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status


async def test_it_listens_then_lists_then_works_and_ends(tmp_path: Path) -> None:
    async with machine(tmp_path) as made:
        assert made.unready() is not None
        await made.open()
        await made.start()
        await asyncio.wait_for(made.queue.drained(), 10)
        assert [await status(tmp_path, path) for path in ("/healthz", "/readyz", "/metrics")] == [200, 200, 200]
        recorder = made._controllers
        await made.stop()
    assert isinstance(recorder, Recorder)
    assert recorder.story[:2] == ["listening with 0", "synced with 2"]
    assert sorted(recorder.story[2:4]) == ["a", "b"]
    assert recorder.story[4:] == ["closed"]


class LeaseServer:
    """The cluster, with a Lease that whoever asks may have unless ``holder`` has it; all of it may be ``away``."""

    def __init__(self) -> None:
        self.holder, self.away, self.asked = "", False, 0

    async def answer(self, request: web.Request) -> web.Response:
        self.asked += 1
        if self.away:
            return web.Response(status=503)
        if "/leases" not in request.path:
            return await cluster(request)
        if request.method == "PATCH" and not self.holder:
            self.holder = (await request.json())["spec"]["holderIdentity"]
        spec = {"holderIdentity": self.holder, "leaseDurationSeconds": 10}
        return web.json_response({"metadata": {"resourceVersion": "1"}, "spec": spec})


async def scrape(folder: Path) -> str:
    url = f"http://127.0.0.1:{(folder / 'port').read_text()}/metrics"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return await answer.text()


async def test_what_is_known_of_assets_is_told_on_during_an_outage_until_another_acts(tmp_path: Path) -> None:
    server, clock = LeaseServer(), ManualClock()
    options = {"lease": LeaseName(namespace="here"), "identity": "me"}
    async with machine(tmp_path, answer=server.answer, clock=clock, **options) as made:
        await made.open()
        await made.start()
        assert "freshet_story" in await scrape(tmp_path)
        server.away = True
        clock.move(3600)
        assert not made.kube.acts
        await until(lambda: made._election is not None and not made._election._acting)
        text = await scrape(tmp_path)
        assert "freshet_story" in text
        assert "freshet_leader 0.0" in text
        server.holder, server.away = "other", False
        await until(lambda: made._election is not None and not made._election.tells)
        assert "freshet_story" not in await scrape(tmp_path)
        await made.stop()


async def test_who_has_not_acted_yet_tells_nothing_of_assets(tmp_path: Path) -> None:
    """Nor while it lists: what it knows is not all that there is."""
    server = LeaseServer()
    server.holder = "other"
    listing, go_on = asyncio.Event(), asyncio.Event()

    async def slow(request: web.Request) -> web.Response:
        if request.path.endswith("/assets") and "fieldSelector" not in request.query:
            listing.set()
            await go_on.wait()
        return await server.answer(request)

    options = {"lease": LeaseName(namespace="here"), "identity": "me"}
    async with machine(tmp_path, answer=slow, **options) as made:
        await made.open()
        starts = asyncio.create_task(made.start())
        await asyncio.wait_for(listing.wait(), 10)
        assert "freshet_story" not in await scrape(tmp_path)
        go_on.set()
        await asyncio.wait_for(starts, 10)
        assert "freshet_story" not in await scrape(tmp_path)
        server.away = True
        before = server.asked
        await until(lambda: server.asked > before)
        assert "freshet_story" not in await scrape(tmp_path)
        await made.stop()


async def until(holds: Callable[[], bool]) -> None:
    for _ in range(600):
        if holds():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it has not come about within half a minute")


async def test_all_are_looked_at_again_once_a_clock_that_was_ahead_is_set_right(tmp_path: Path) -> None:
    clock = ManualClock()
    async with machine(tmp_path, clock=clock) as made:
        await made.open()
        await made.start()
        await asyncio.wait_for(made.queue.drained(), 10)
        recorder = made._controllers
        assert isinstance(recorder, Recorder)
        before = len(recorder.story)
        clock.wall -= timedelta(hours=1)
        made.queue.add_after(Key("Asset", "demo", "other"), timedelta(hours=1))
        for _ in range(5):
            await asyncio.sleep(0)
        await asyncio.wait_for(made.queue.drained(), 10)
        await made.stop()
    assert sorted(recorder.story[before:-1]) == ["a", "b"]


async def test_not_ready_before_the_first_list_is_complete(tmp_path: Path) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def slow(request: web.Request) -> web.Response:
        if "fieldSelector" not in request.query:
            asked.set()
            await go_on.wait()
        return await cluster(request)

    async with machine(tmp_path, answer=slow) as made:
        await made.open()
        starts = asyncio.create_task(made.start())
        await asyncio.wait_for(asked.wait(), 10)
        assert await status(tmp_path, "/readyz") == 503
        assert await status(tmp_path, "/healthz") == 200
        go_on.set()
        await asyncio.wait_for(starts, 10)
        assert await status(tmp_path, "/readyz") == 200
        await made.stop()


async def test_a_task_that_ended_is_no_health(tmp_path: Path) -> None:
    async with machine(tmp_path) as made:
        await made.open()
        await made.start()
        assert made.unhealthy() is None
        queue = next(task for task in made._tasks if task.get_name() == "queue")
        queue.cancel()
        await asyncio.gather(queue, return_exceptions=True)
        assert made.unhealthy() == "ended unexpectedly: queue"
        await made.stop()


async def test_definitions_that_are_missing_end_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starting, "WAIT_SECONDS", 0.0)

    async def missing(request: web.Request) -> web.Response:
        return web.Response(text="404 page not found", status=404)

    async with machine(tmp_path, answer=missing) as made:
        with pytest.raises(CannotStart, match="kubectl apply -k manifests/base"):
            await made.open()
