"""The page's server on a real socket: snapshot, events, headers, files; a reader that does not read costs nothing."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.support.runtime import raw_asset
from tests.support.waiting import wait_for

from freshet.api.view import Key
from freshet.lineage_page import lineage_page, stream
from freshet.lineage_page.app import HEADERS
from freshet.runtime.cache import Cache
from freshet.runtime.clock import SystemClock
from freshet.runtime.errors import Unavailable
from freshet.runtime.http import HttpServer


class Graph:
    """Data times alone."""

    def __init__(self) -> None:
        self.at: datetime | None = None

    def data_time(self, key: Key) -> datetime | None:
        return self.at


class KubeStub:
    """The API server's side; counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.down = False

    async def get(self, kind: str, *, namespace: str, name: str) -> dict[str, Any]:
        self.asked += 1
        if self.down:
            raise Unavailable("it is away")
        return raw_asset(name, spec={"materialize": {"external": {}}})


class Place:
    """A served page, and the cache behind it."""

    def __init__(self, folder: Path) -> None:
        self.cache, self.kube, self.graph, self.version = Cache(), KubeStub(), Graph(), 1
        kube: Any = self.kube
        app, self.book = lineage_page(cache=self.cache, kube=kube, graph=self.graph, clock=SystemClock(), folder=folder)
        self.http = HttpServer(unhealthy=lambda: None, unready=lambda: None)
        self.http.mount("/lineage", app)
        self.url = ""

    def put(self, name: str, **status: Any) -> None:
        """The asset is seen in this state."""
        self.version += 1
        self.cache.ingest(raw_asset(name, version=self.version, status=status), kind="Asset")
        self.book.feed.mark([Key("Asset", "demo", name)])

    def delete(self, name: str) -> None:
        self.cache.ingest(raw_asset(name), kind="Asset", deleted=True)
        self.book.feed.mark([Key("Asset", "demo", name)])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    built = tmp_path / "ui"
    built.mkdir()
    (built / "index.html").write_text("<!doctype html>the page")
    (built / "lineage-1.js").write_text("the script")
    (built / "notes.txt").write_text("not ours")
    (tmp_path / "outside.js").write_text("outside")
    return built


@pytest.fixture
async def place(folder: Path) -> AsyncIterator[Place]:
    made = Place(folder)
    made.url = f"http://127.0.0.1:{await made.http.start(port=0, host='127.0.0.1')}"
    yield made
    await made.http.close()


@pytest.fixture
async def client(place: Place) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(place.url) as session:
        yield session


async def snapshot(client: aiohttp.ClientSession) -> dict[str, Any]:
    async with client.get("/lineage/api/graph") as answer:
        assert answer.status == 200
        found: dict[str, Any] = await answer.json()
        return found


class Events:
    """An open stream."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer
        self.id = ""

    async def next(self) -> tuple[str, dict[str, Any]]:
        """The next event that says something: its name and its data."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(60):
            while line := (await self._answer.content.readline()).decode():
                if line == "\n" and fields.get("event") not in (None, "seen", "beat"):
                    return fields["event"], json.loads(fields["data"])
                if line == "\n":
                    fields = {}
                name, _, value = line.rstrip("\n").partition(": ")
                fields[name] = value
                self.id = fields.get("id", self.id)
        raise AssertionError("the stream has ended")


async def test_everything_once_then_each_change(place: Place, client: aiohttp.ClientSession) -> None:
    place.put("a", state="Fresh")
    place.put("b", state="Missing")
    first = await snapshot(client)
    assert {asset["name"]: asset["state"] for asset in first["assets"]} == {"a": "Fresh", "b": "Missing"}
    place.put("a", state="Stale")  # between the two requests
    async with client.get(f"/lineage/api/events?since={first['boot']}-{first['revision']}") as answer:
        events = Events(answer)
        name, data = await events.next()
        assert (name, [asset["state"] for asset in data["assets"]]) == ("change", ["Stale"])
        place.delete("b")
        assert (await events.next())[1]["goneAssets"] == [["demo", "b"]]
        pipeline = {"metadata": {"name": "p", "namespace": "demo", "uid": "u", "resourceVersion": "9"}, "spec": {}}
        place.cache.ingest(pipeline, kind="Pipeline")
        assert (await events.next())[1]["pipelines"] == [{"namespace": "demo", "name": "p"}]


def within_ten_minutes() -> dict[str, Any]:
    """A status that says Fresh."""
    told = {"type": "Fresh", "status": "True", "reason": "WithinLimit", "message": ""}
    return {
        "state": "Fresh",
        "version": "v1",
        "policy": {"when": "Manual", "maximumLag": "10m"},
        "conditions": [{**told, "lastTransitionTime": "2026-01-01T00:00:00Z"}],
    }


async def test_what_the_clock_makes_stale_is_shown_also_when_nobody_tells(
    place: Place, client: aiohttp.ClientSession
) -> None:
    """As while the API server is away: the one that acted acts no more, so no asset is visited."""
    place.graph.at = datetime.now(UTC) - timedelta(minutes=10) + timedelta(seconds=1)
    place.put("a", **within_ten_minutes())
    first = await snapshot(client)
    assert [asset["state"] for asset in first["assets"]] == ["Fresh"]
    async with client.get(f"/lineage/api/events?since={first['boot']}-{first['revision']}") as answer:
        name, data = await Events(answer).next()
        assert (name, [asset["state"] for asset in data["assets"]]) == ("change", ["Stale"])
    assert [asset["state"] for asset in (await snapshot(client))["assets"]] == ["Stale"]


async def test_who_loads_later_is_given_what_the_clock_has_changed(place: Place, client: aiohttp.ClientSession) -> None:
    place.graph.at = datetime.now(UTC) - timedelta(minutes=10) + timedelta(milliseconds=200)
    place.put("a", **within_ten_minutes())
    await snapshot(client)
    await asyncio.sleep(0.3)
    assert [asset["state"] for asset in (await snapshot(client))["assets"]] == ["Stale"]


async def test_a_silent_stream_says_that_it_lives(
    place: Place, client: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Comments would not reach the page's script."""
    monkeypatch.setattr(stream, "BEAT_SECONDS", 0.01)
    first = await snapshot(client)
    async with client.get(f"/lineage/api/events?since={first['boot']}-{first['revision']}") as answer:
        async with asyncio.timeout(60):
            assert await answer.content.readuntil(b"event: beat\ndata: {}\n\n")


async def test_who_connects_again_goes_on_where_it_was(place: Place, client: aiohttp.ClientSession) -> None:
    first = await snapshot(client)
    url = f"/lineage/api/events?since={first['boot']}-{first['revision']}"
    async with client.get(url) as answer:
        events = Events(answer)
        place.put("a", state="Fresh")
        await events.next()
        place.put("b", state="Fresh")
        await events.next()
    place.put("b", state="Stale")
    async with client.get(url, headers={"Last-Event-ID": events.id}) as answer:
        _, data = await Events(answer).next()
        assert [asset["name"] for asset in data["assets"]] == ["b"]


@pytest.mark.parametrize("since", ["", "other-1", "{boot}-99999", "{boot}-x", "{boot}--1"])
async def test_who_is_too_far_behind_begins_again(place: Place, client: aiohttp.ClientSession, since: str) -> None:
    boot = (await snapshot(client))["boot"]
    async with client.get("/lineage/api/events", params={"since": since.format(boot=boot)}) as answer:
        assert (await Events(answer).next())[0] == "reset"


async def test_a_slow_viewer_is_sent_the_newest_state_once(place: Place, client: aiohttp.ClientSession) -> None:
    first = await snapshot(client)
    async with client.get(f"/lineage/api/events?since={first['boot']}-{first['revision']}") as answer:
        events, seen = Events(answer), 0
        for number in range(2000):
            place.put("a", rows=number)
        data: dict[str, Any] = {}
        while not data or data["assets"][0]["rows"] < 1999:
            _, data = await events.next()
            seen += 1
        assert seen <= 2


async def test_there_are_only_so_many_viewers(
    place: Place, client: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "VIEWERS", 1)
    first = await snapshot(client)
    url = f"/lineage/api/events?since={first['boot']}-{first['revision']}"
    async with client.get(url):
        async with client.get(url) as second:
            assert second.status == 503
            assert "close some" in await second.text()
        assert place.book.feed.viewers == 1


async def test_a_page_that_is_closed_is_noticed(
    place: Place, client: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "BEAT_SECONDS", 0.01)
    first = await snapshot(client)
    async with client.get(f"/lineage/api/events?since={first['boot']}-{first['revision']}"):
        assert place.book.feed.viewers == 1
    await asyncio.to_thread(wait_for, lambda: place.book.feed.viewers == 0, timeout=60)


async def test_the_end_of_the_operator_ends_streams(place: Place, client: aiohttp.ClientSession) -> None:
    first = await snapshot(client)
    async with client.get(f"/lineage/api/events?since={first['boot']}-{first['revision']}") as answer:
        async with asyncio.timeout(60):
            await place.http.close()
            await answer.content.read()


async def test_the_page_and_its_files(place: Place, client: aiohttp.ClientSession) -> None:
    async with client.get("/lineage") as answer:
        assert str(answer.url).endswith("/lineage/")
        assert await answer.text() == "<!doctype html>the page"
        assert answer.headers["Cache-Control"] == "no-cache"
    async with client.get("/lineage/lineage-1.js") as answer:
        assert await answer.text() == "the script"
        assert answer.content_type == "text/javascript"
        assert "immutable" in answer.headers["Cache-Control"]
    for path in ("notes.txt", "..%2Foutside.js", "%2e%2e/outside.js", "missing.js"):
        async with client.get(f"{place.url}/lineage/{path}") as answer:
            assert answer.status == 404, path


async def test_without_a_built_page_one_sentence_says_how_to_build_it(tmp_path: Path) -> None:
    empty = Place(tmp_path)
    port = await empty.http.start(port=0, host="127.0.0.1")
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/lineage/") as answer:
        assert answer.status == 503
        assert "make ui" in await answer.text()
    await empty.http.close()


@pytest.mark.parametrize("path", ["", "/", "/api/graph", "/api/assets/demo/a", "/nothing/here", "/x.js"])
async def test_every_answer_is_guarded(place: Place, client: aiohttp.ClientSession, path: str) -> None:
    place.put("a")
    async with client.get(f"/lineage{path}", allow_redirects=False) as answer:
        assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_nothing_can_be_changed(place: Place, client: aiohttp.ClientSession, method: str) -> None:
    for path in ("/", "/api/graph", "/api/events", "/api/assets/demo/a", "/api/assets/demo/a/manifest"):
        async with client.request(method, f"/lineage{path}") as answer:
            assert answer.status == 405, path
            assert set(answer.headers["Allow"].split(",")) <= {"GET", "HEAD"}


async def test_one_asset_and_its_manifest(place: Place, client: aiohttp.ClientSession) -> None:
    place.put("a", state="Fresh", reason="WithinLimit")
    async with client.get("/lineage/api/assets/demo/a") as answer:
        found = await answer.json()
        assert found["node"]["state"] == "Fresh"
    for _ in range(3):
        async with client.get("/lineage/api/assets/demo/a/manifest") as answer:
            assert answer.content_type == "text/plain"
            assert "external: {}" in await answer.text()
    assert place.kube.asked == 1, "however often it is looked at"
    for path in ("/lineage/api/assets/demo/none", "/lineage/api/assets/demo/none/manifest"):
        async with client.get(path) as answer:
            assert (answer.status, "no asset none" in await answer.text()) == (404, True)


async def test_an_api_server_that_is_away_is_one_sentence(place: Place, client: aiohttp.ClientSession) -> None:
    place.put("a")
    place.kube.down = True
    async with client.get("/lineage/api/assets/demo/a/manifest") as answer:
        assert answer.status == 502
        assert await answer.text() == "The Kubernetes API does not show the manifest: it is away\n"
