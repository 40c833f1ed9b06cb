"""Whoever watches assets is told of those that changed, and of those that look different for it."""

from typing import Any

import pytest
from tests.support.runtime import ManualClock, raw_asset

from freshet.api.view import Key
from freshet.controllers.router import Router
from freshet.controllers.world import World
from freshet.runtime.cache import Cache
from freshet.runtime.queue import WorkQueue
from freshet.runtime.settings import Settings

AT = "2026-11-24T12:00:{:02d}Z"


class Watched:
    """A cache with a router behind it, and what its watcher was told last."""

    def __init__(self) -> None:
        clock, nobody = ManualClock(), object()
        self.cache, self.version, self.told = Cache(clock=clock), 0, set[str]()
        kube: Any = nobody
        queue = WorkQueue(clock=clock)
        router = Router(world=World(cache=self.cache, kube=kube, queue=queue, clock=clock, settings=Settings()))
        router.moves.watchers.append(lambda keys: self.told.update(key.name for key in keys))
        self.cache.subscribe(router.changed)

    def put(self, name: str, *, upstreams: tuple[str, ...] = (), **status: Any) -> set[str]:
        """The asset is seen like this; returns who was told of."""
        self.version += 1
        self.told.clear()
        kind = "count" if upstreams else "external"
        spec = {"upstreams": list(upstreams), "materialize": {kind: {}}}
        raw = raw_asset(name, version=self.version, spec=spec, status=status)
        self.cache.ingest(raw, kind="Asset")
        return set(self.told)


@pytest.fixture
def watched() -> Watched:
    """a ← b ← c, all built, each from the newest version of the one before."""
    made = Watched()
    made.put("a", version="1", dataTime=AT.format(0))
    made.put("b", upstreams=("a",), version="1", consumed={"a": {"version": "1"}})
    made.put("c", upstreams=("b",), version="1", consumed={"b": {"version": "1"}})
    return made


def test_a_change_of_looks_concerns_the_asset_alone(watched: Watched) -> None:
    assert watched.put("a", version="1", dataTime=AT.format(0), reason="new words") == {"a"}


def test_a_new_version_concerns_what_waits_for_it(watched: Watched) -> None:
    assert watched.put("a", version="2", dataTime=AT.format(9)) >= {"a", "b"}


def test_a_newer_check_moves_the_data_time_of_all_that_was_built_from_it(watched: Watched) -> None:
    assert watched.put("a", version="1", dataTime=AT.format(30)) == {"a", "b", "c"}


def test_the_end_of_an_asset_concerns_who_names_it(watched: Watched) -> None:
    watched.told.clear()
    watched.cache.forget(Key("Asset", "demo", "b"), "uid-b")
    assert watched.told >= {"b", "c"}
