"""The graph of assets, and how recent the data inside each is *now*.

A derived asset that consumed an upstream's newest version is as fresh as that upstream's newest check, without being
built again (DESIGN §4 rule 8). So data times live in this graph, not in each status: when one moves, only the assets
below it are recomputed, and only in memory.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from freshet.api.asset import Asset, Consumed
from freshet.api.view import Key

__all__ = ["Graph", "inherits", "key_of"]

MANY = 64


def key_of(asset: Asset) -> Key:
    """The asset's key."""
    return Key("Asset", asset.namespace, asset.name)


@dataclass(frozen=True, slots=True)
class Node:
    """What the graph keeps of an asset."""

    upstreams: tuple[Key, ...]
    version: str | None
    own: datetime | None
    consumed: dict[str, Consumed]
    known: dict[str, datetime | None]
    static: bool


class Graph:
    """Upstreams, downstreams, cycles and live data times. Not thread-safe; updates cost what they change."""

    def __init__(self) -> None:
        self._nodes: dict[Key, Node] = {}
        self._downstreams: dict[Key, set[Key]] = {}
        self._live: dict[Key, datetime | None] = {}

    def put(self, asset: Asset) -> set[Key]:
        """Take in an asset's newest state; returns the assets whose live data time moved (itself included)."""
        key, node = key_of(asset), _node(asset)
        old = self._nodes.get(key)
        if old == node:
            return set()
        self._nodes[key] = node
        self._link(key, old, node)
        return self._spread(key)

    def remove(self, key: Key) -> set[Key]:
        """Forget an asset; what it fed keeps the data time that it consumed."""
        node = self._nodes.pop(key, None)
        self._live.pop(key, None)
        for upstream in node.upstreams if node else ():
            self._downstreams.get(upstream, set()).discard(key)
        moved: set[Key] = set()
        for below in tuple(self.downstreams(key)):
            moved |= self._spread(below)
        return moved

    def live(self, key: Key) -> datetime | None:
        """How recent the data inside is, as of the newest checks; None where that is not known."""
        return self._live.get(key)

    def preview(self, asset: Asset) -> datetime | None:
        """The live data time that this state of the asset would have, without taking it in."""
        node = _node(asset)
        if node.own is not None:
            return node.own
        return min((at for _, at in self._inputs(node) if at is not None), default=None)

    def static(self, key: Key) -> bool:
        """Does this asset never grow old?"""
        node = self._nodes.get(key)
        return node is not None and node.static

    def downstreams(self, key: Key) -> frozenset[Key]:
        """The assets that name this one as an upstream."""
        return frozenset(self._downstreams.get(key, ()))

    def cycle(self, key: Key) -> tuple[str, ...]:
        """The names on a path from this asset to itself, or nothing. Costs the number of its ancestors."""
        if not self._downstreams.get(key) or key not in self._nodes:
            return ()
        came: dict[Key, Key] = {}
        queue = deque([key])
        while queue:
            here = queue.popleft()
            node = self._nodes.get(here)
            for upstream in node.upstreams if node else ():
                if upstream == key:
                    return _path(key, here, came)
                if upstream not in came:
                    came[upstream] = here
                    queue.append(upstream)
        return ()

    def oldest(self, key: Key) -> Key:
        """The first ancestor to blame for this asset's data time: follow the oldest consumed upstream to its root."""
        seen = {key}
        while True:
            node = self._nodes.get(key)
            times = [(at, up) for up, at in self._inputs(node)] if node and node.own is None else []
            known = [(at, up) for at, up in times if at is not None and up not in seen]
            if not known:
                return key
            key = min(known, key=lambda pair: pair[0])[1]
            seen.add(key)

    def _link(self, key: Key, old: Node | None, node: Node) -> None:
        before = set(old.upstreams) if old else set()
        after = set(node.upstreams)
        for gone in before - after:
            self._downstreams.get(gone, set()).discard(key)
        for new in after - before:
            self._downstreams.setdefault(new, set()).add(key)

    def _spread(self, key: Key) -> set[Key]:
        """Recompute from this asset down as long as something moves.

        What waits in the queue is not queued again, so that an asset below a thousand others is computed about once.
        Without a cycle that settles; in one, values could chase each other, so its members are cut after MANY visits.
        """
        moved: set[Key] = set()
        visits: dict[Key, int] = {}
        waiting = {key: None}
        while waiting:
            here = next(iter(waiting))
            del waiting[here]
            visits[here] = visits.get(here, 0) + 1
            fresh = self._compute(here)
            if fresh != self._live.get(here):
                moved.add(here)
                self._live[here] = fresh
            elif here != key or visits[here] > 1:
                continue
            if visits[here] < MANY or not self.cycle(here):
                waiting.update(dict.fromkeys(self._downstreams.get(here, ())))
        return moved

    def _compute(self, key: Key) -> datetime | None:
        node = self._nodes.get(key)
        if node is None or node.own is not None:
            return node.own if node else None
        return min((at for _, at in self._inputs(node) if at is not None), default=None)

    def _inputs(self, node: Node) -> Iterable[tuple[Key, datetime | None]]:
        for upstream in node.upstreams:
            consumed, source = node.consumed.get(upstream.name), self._nodes.get(upstream)
            if consumed is None or (source is not None and source.static):
                continue
            if source is not None and source.version == consumed.version:
                yield upstream, self._live.get(upstream)
            else:
                known = source.known.get(consumed.version) if source else None
                yield upstream, known or consumed.data_time


def _path(key: Key, last: Key, came: dict[Key, Key]) -> tuple[str, ...]:
    names = [key.name]
    while last != key:
        names.append(last.name)
        last = came[last]
    return (*names, key.name)


def inherits(asset: Asset) -> bool:
    """Does this asset's data time follow from its upstreams', rather than from what its runs report?"""
    if not asset.spec.upstreams or asset.kind in ("Source", "External"):
        return False
    count = asset.spec.materialize.count
    return count is None or count.data_time_column is None


def _node(asset: Asset) -> Node:
    status, names = asset.status, asset.spec.upstreams
    own = None if inherits(asset) else status.data_time
    return Node(
        upstreams=tuple(Key("Asset", asset.namespace, name) for name in names),
        version=status.version,
        own=own,
        consumed=status.consumed,
        known={item.version: item.data_time for item in status.history if item.version},
        static=asset.spec.data_time == "Static",
    )
