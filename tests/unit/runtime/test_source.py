"""The first list and second looks: what watches missed is found; nothing is believed gone without a live read."""

import asyncio
from typing import Any

import pytest
from aiohttp import web
from tests.support.runtime import ManualClock, api_server, raw_asset

from freshet.api.view import Key
from freshet.runtime import starting
from freshet.runtime.cache import Cache
from freshet.runtime.errors import CannotStart
from freshet.runtime.kube import Kube
from freshet.runtime.source import Source

A = Key("Asset", "demo", "a")


class Cluster:
    """Assets only; ``hidden`` ones are left out of lists, as a list read before they were made would."""

    def __init__(self) -> None:
        self.assets: dict[str, dict[str, Any]] = {}
        self.hidden: set[str] = set()
        self.expire_once = False
        self.paths: list[str] = []

    async def __call__(self, request: web.Request) -> web.Response:
        self.paths.append(request.path)
        name = request.path.partition("/assets/")[2]
        if name:
            return _found(self.assets.get(name))
        if "assets" not in request.path:
            return web.json_response({"metadata": {}, "items": []})
        items = [raw for name, raw in self.assets.items() if name not in self.hidden]
        if self.expire_once and "continue" in request.query:
            self.expire_once = False
            return web.json_response({"reason": "Expired", "message": "too old"}, status=410)
        if self.expire_once:
            return web.json_response({"metadata": {"continue": "x"}, "items": items[:1]})
        return web.json_response({"metadata": {}, "items": items})


def _found(raw: dict[str, Any] | None) -> web.Response:
    missing = {"reason": "NotFound", "message": "not found"}
    return web.json_response(raw or missing, status=200 if raw else 404)


async def test_the_first_list_fills_the_cache() -> None:
    cluster, cache = Cluster(), Cache(clock=ManualClock())
    cluster.assets = {name: raw_asset(name) for name in "abc"}
    async with api_server(cluster) as transport:
        source = Source(kube=Kube(transport=transport, cache=cache), cache=cache)
        assert not source.synced.is_set()
        await source.load()
        assert source.synced.is_set()
    assert {asset.name for asset in cache.assets} == {"a", "b", "c"}


async def test_a_list_that_expired_begins_again() -> None:
    cluster, cache = Cluster(), Cache(clock=ManualClock())
    cluster.assets, cluster.expire_once = {name: raw_asset(name) for name in "abc"}, True
    async with api_server(cluster) as transport:
        await Source(kube=Kube(transport=transport, cache=cache), cache=cache).load()
    assert len(cache.assets) == 3


async def test_namespaces_are_listed_one_by_one() -> None:
    cluster, cache = Cluster(), Cache(clock=ManualClock())
    async with api_server(cluster) as transport:
        await Source(kube=Kube(transport=transport, cache=cache), cache=cache, namespaces=["x", "y"]).load()
    assert "/api/v1/namespaces/x/pods" in cluster.paths
    assert "/api/v1/namespaces/y/pods" in cluster.paths
    assert "/api/v1/pods" not in cluster.paths


async def test_a_second_look_mends_what_the_watches_missed() -> None:
    cluster, cache = Cluster(), Cache(clock=ManualClock())
    cluster.assets = {name: raw_asset(name) for name in "abcde"}
    async with api_server(cluster) as transport:
        source = Source(kube=Kube(transport=transport, cache=cache), cache=cache)
        await source.load()
        await source.look()
        assert source.missed == 0
        del cluster.assets["a"]
        cluster.assets["b"] = raw_asset("b", version=9, status={"version": "new"})
        cluster.assets["c"] = raw_asset("c", version=9, uid="made anew")
        cluster.assets["f"] = raw_asset("f")
        await source.look()
        assert source.missed == 4
    assert {asset.name: asset.metadata.uid for asset in cache.assets} == {
        "b": "uid-b",
        "c": "made anew",
        "d": "uid-d",
        "e": "uid-e",
        "f": "uid-f",
    }
    changed = cache.assets.get(Key("Asset", "demo", "b"))
    assert changed is not None
    assert changed.status.version == "new"


async def test_what_a_list_left_out_but_lives_is_kept() -> None:
    cluster, cache = Cluster(), Cache(clock=ManualClock())
    cluster.assets = {"a": raw_asset("a")}
    async with api_server(cluster) as transport:
        source = Source(kube=Kube(transport=transport, cache=cache), cache=cache)
        await source.load()
        cluster.hidden = {"a"}
        await source.look()
    assert cache.assets.get(A) is not None
    assert f"{'/apis/freshet.dev/v1alpha1/namespaces/demo/assets'}/a" in cluster.paths


async def _start(status: int, body: dict[str, Any]) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response(body, status=status)

    async with api_server(answer) as transport:
        await starting.check(kube=Kube(transport=transport, cache=Cache(clock=ManualClock())), namespaces=())


@pytest.mark.parametrize(
    ("status", "reason", "sentence"),
    [
        (404, "NotFound", "kubectl apply -f crds/"),
        (403, "Forbidden", "cannot list assets.*docs/rbac.md"),
        (500, "InternalError", "is not ready"),
    ],
)
async def test_why_it_cannot_start_is_one_sentence(
    status: int, reason: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starting, "WAIT_SECONDS", 0.0)
    with pytest.raises(CannotStart, match=sentence) as caught:
        await _start(status, {"reason": reason, "message": "cannot list assets"})
    assert "\n" not in str(caught.value)


async def test_a_definition_that_was_just_installed_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starting, "PAUSE_SECONDS", 0.0)
    asked = 0

    async def answer(request: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        busy = {"reason": "TooManyRequests", "message": "storage is (re)initializing"}
        return web.json_response({"metadata": {}, "items": []} if asked > 3 else busy, status=200 if asked > 3 else 429)

    async with api_server(answer) as transport:
        kube = Kube(transport=transport, cache=Cache(clock=ManualClock()))
        await asyncio.wait_for(starting.check(kube=kube, namespaces=()), 30)
    assert asked == 5
