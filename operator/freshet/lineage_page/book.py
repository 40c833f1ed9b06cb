"""The view of every asset and pipeline, as JSON that is made once per change and only while somebody looks.

What was made is good until the clock changes the asset's word: the book minds that itself, since nobody else does while
the operator may not act.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Protocol

import msgspec

from freshet.api.asset import Asset
from freshet.api.pipeline import Pipeline
from freshet.api.view import Key, Object
from freshet.core import seen
from freshet.lineage_page import view
from freshet.lineage_page.feed import Feed
from freshet.runtime.cache import Cache
from freshet.runtime.clock import Clock
from freshet.runtime.wakeups import Wakeups

__all__ = ["Book", "Graph"]

PIECE = 200
"""Assets per piece: some milliseconds of the loop."""


class Graph(Protocol):
    """The part of the graph of assets that the page reads."""

    def data_time(self, key: Key) -> datetime | None: ...


class Book:
    """Reads the cache; the feed says what to read again."""

    def __init__(self, *, cache: Cache, graph: Graph, clock: Clock) -> None:
        self._cache, self._graph, self._clock = cache, graph, clock
        self.feed = Feed(clock=clock)
        self._turns: Wakeups[datetime] = Wakeups()
        cache.subscribe(self._pipeline_changed)

    def snapshot(self) -> Iterator[bytes]:
        """One JSON object, in pieces that take milliseconds. A viewer goes on from its ``revision``."""
        self.feed.want()
        self.turn()
        head = {"boot": self.feed.boot, "revision": self.feed.revision, "now": self._clock.now()}
        yield msgspec.json.encode(head)[:-1] + b',"pipelines":['
        yield from self._pieces([Key("Pipeline", p.namespace, p.name) for p in self._cache.pipelines])
        yield b'],"assets":['
        yield from self._pieces(list(self._cache.assets.keys()))
        yield b"]}"

    def changes(self, keys: list[Key]) -> Iterator[bytes]:
        """JSON objects with what these look like now, in pieces."""
        for start in range(0, len(keys), PIECE):
            piece = keys[start : start + PIECE]
            fields = [msgspec.json.encode({"now": self._clock.now()})[:-1]]
            for kind, name in (("Asset", b"assets"), ("Pipeline", b"pipelines")):
                mine = [key for key in piece if key.kind == kind]
                known = [text for key in mine if (text := self._text(key)) is not None]
                gone = [[key.namespace, key.name] for key in mine if self._cache.store(kind).get(key) is None]
                fields += [b'"' + name + b'":[' + b",".join(known) + b"]"] if known else []
                fields += [b'"gone' + name.title() + b'":' + msgspec.json.encode(gone)] if gone else []
            yield b",".join(fields) + b"}"

    def turn(self) -> float | None:
        """Mark those whose time has come since they were made. Seconds until the next one's; None: never."""
        now = self._clock.now()
        due = [key for key in self._turns.pop_due(now) if self.feed.has_rendered(key)]
        if due:
            self.feed.mark(due)
        head = self._turns.head()
        return (head - now).total_seconds() if head is not None else None

    def detail(self, asset: Asset) -> bytes:
        """What the panel shows of an asset."""
        shown = view.detail(
            asset,
            find=self._cache.assets.get,
            graph=self._graph,
            pipeline=self._pipeline_of(asset),
            now=self._clock.now(),
        )
        return msgspec.json.encode(shown)

    def asset(self, namespace: str, name: str) -> Asset | None:
        """The asset as it is now."""
        return self._cache.assets.get(Key("Asset", namespace, name))

    def _pieces(self, keys: list[Key]) -> Iterator[bytes]:
        first = True
        for start in range(0, len(keys), PIECE):
            found = [text for key in keys[start : start + PIECE] if (text := self._text(key)) is not None]
            if found:
                yield (b"" if first else b",") + b",".join(found)
                first = False

    def _text(self, key: Key) -> bytes | None:
        obj = self._cache.store(key.kind).get(key)
        return self.feed.rendered(key, self._renderer(obj)) if obj is not None else None

    def _renderer(self, obj: Asset | Pipeline) -> Callable[[], bytes]:
        if isinstance(obj, Pipeline):
            return lambda: msgspec.json.encode(view.pipeline(obj))
        return lambda: msgspec.json.encode(self._node(obj))

    def _node(self, asset: Asset) -> view.AssetNode:
        key, now = Key("Asset", asset.namespace, asset.name), self._clock.now()
        turns = seen.turns_of(asset, seen.limits_in_force(asset), data_time=self._graph.data_time(key))
        self._turns.replace(key, turns.next(now) if turns is not None else None)
        find, pipeline = self._cache.assets.get, self._pipeline_of(asset)
        return view.node(asset, find=find, graph=self._graph, pipeline=pipeline, now=now)

    def _pipeline_of(self, asset: Asset) -> Pipeline | None:
        name = asset.spec.pipeline
        return self._cache.pipelines.get(Key("Pipeline", asset.namespace, name)) if name else None

    def _pipeline_changed(self, kind: str, old: Object | None, new: Object | None) -> None:
        """Of assets the controllers tell, who know what follows from a change; here, a pipeline's defaults."""
        found = new or old
        if kind != "Pipeline" or not isinstance(found, Pipeline):
            return
        keys: Iterable[Key] = [Key("Pipeline", found.namespace, found.name)]
        if not (isinstance(old, Pipeline) and isinstance(new, Pipeline) and old.spec == new.spec):
            assets = self._cache.assets_of(found.namespace, found.name)
            keys = [*keys, *(Key("Asset", asset.namespace, asset.name) for asset in assets)]
        self.feed.mark(keys)
