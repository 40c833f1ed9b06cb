"""The graph of assets, and how recent the data inside each is *now*.

A derived asset that consumed an upstream's newest version is as fresh as that upstream's newest check, without being
built again (DESIGN §4 rule 8). So data times live in this graph, not in each status: when one moves, only the assets
below it are recomputed, and only in memory. Many changes at once are recomputed once: each asset after what it reads.
"""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from freshet.api.asset import Asset, Consumed
from freshet.api.view import Key
from freshet.core.cycles import Cycles
from freshet.core.order import Order

__all__ = ["NEVER_OLD", "UNKNOWN", "Graph", "inherits", "key_of"]

SHOWN = 8
"""Of the names on a cycle."""
NEVER_OLD = datetime.max.replace(tzinfo=UTC)
"""The data time of what is built from static data alone."""
UNKNOWN = datetime.min.replace(tzinfo=UTC)
"""Where even the build has no time, nothing is older than that."""


def key_of(asset: Asset) -> Key:
    """The asset's key."""
    return Key("Asset", asset.namespace, asset.name)


@dataclass(frozen=True, slots=True)
class Node:
    """What the graph keeps of an asset."""

    upstreams: tuple[Key, ...]
    version: str | None
    built: datetime | None
    own: datetime | None
    consumed: dict[str, Consumed]
    known: dict[str, datetime | None]
    static: bool


class Age(NamedTuple):
    """How recent the data inside is, and which asset is at the root of that."""

    at: datetime | None
    root: Key


class Graph:
    """Upstreams, downstreams, cycles, live data times and whom they come from.

    ``put`` and ``remove`` cost next to nothing; ``settle`` what has moved. What is asked of data times is as of the
    newest ``settle``. Not thread-safe.
    """

    def __init__(self) -> None:
        self._nodes: dict[Key, Node] = {}
        self._downstreams: dict[Key, set[Key]] = {}
        self._ages: dict[Key, Age] = {}
        self._followers: dict[Key, set[Key]] = {}
        self._changed: set[Key] = set()
        self._order = Order(upstreams=self._upstreams, downstreams=self._below)
        self._cycles = Cycles(order=self._order, upstreams=self._upstreams, downstreams=self._below)

    def put(self, asset: Asset) -> None:
        """Take in an asset's newest state."""
        key, node = key_of(asset), _node(asset)
        old = self._nodes.get(key)
        if old == node:
            return
        self._nodes[key] = node
        self._changed.add(key)
        self._link(key, old.upstreams if old else (), node.upstreams)

    def remove(self, key: Key) -> None:
        """Forget an asset; what it fed keeps the data time that it consumed."""
        node = self._nodes.pop(key, None)
        self._changed.add(key)
        self._link(key, node.upstreams if node else (), ())
        self._forget(key)

    def settle(self) -> dict[Key, bool]:
        """Compute anew what the changes since the last time have moved. Returns the assets whose age did: is it older
        now? An edge that closes a ring carries nothing further, else ages could chase each other for ever.
        """
        self._order.closing()
        changed, self._changed = self._changed, set()
        waiting, seen, moved = [(self._order.place(key), key) for key in changed], set(changed), dict[Key, bool]()
        heapq.heapify(waiting)
        while waiting:
            place, here = heapq.heappop(waiting)
            if not self._compute(here, moved) and here not in changed:
                continue
            for below in self._below(here):
                later = self._order.place(below)
                if below not in seen and later > place:
                    seen.add(below)
                    heapq.heappush(waiting, (later, below))
        return moved

    def live(self, key: Key) -> datetime | None:
        """How recent the data inside is, as of the newest checks; None where that is not known, or never old."""
        age = self._ages.get(key)
        return None if age is None or age.at == NEVER_OLD else age.at

    def data_time(self, key: Key) -> datetime | None:
        """The same, with NEVER_OLD as it is."""
        age = self._ages.get(key)
        return age.at if age is not None else None

    def preview(self, asset: Asset) -> datetime | None:
        """The live data time that this state of the asset would have, without taking it in; NEVER_OLD as it is."""
        return self._age(key_of(asset), _node(asset)).at

    def root(self, asset: Asset) -> Key:
        """The first ancestor to blame for the age of this state of the asset, or for its not being there: the asset
        itself where it has not consumed what its upstreams have.
        """
        return self._age(key_of(asset), _node(asset)).root

    def followers(self, root: Key) -> frozenset[Key]:
        """The other assets whose age comes from this one."""
        return frozenset(self._followers.get(root, ())) - {root}

    def static(self, key: Key) -> bool:
        """Does this asset never grow old?"""
        node = self._nodes.get(key)
        return node is not None and node.static

    def downstreams(self, key: Key) -> frozenset[Key]:
        """The assets that name this one as an upstream."""
        return frozenset(self._downstreams.get(key, ()))

    def cycle(self, key: Key) -> tuple[str, ...]:
        """The names on a path from this asset to itself (of a long one the first), or nothing."""
        names = [member.name for member in self._cycles.of(key)]
        if key.name in names:
            start = names.index(key.name)
            names = names[start:] + names[:start]
        shown = names if len(names) <= SHOWN else [*names[:SHOWN], "…"]
        return (*shown, names[0]) if names else ()

    def _upstreams(self, key: Key) -> tuple[Key, ...]:
        node = self._nodes.get(key)
        return node.upstreams if node else ()

    def _below(self, key: Key) -> Iterable[Key]:
        return self._downstreams.get(key, ())

    def _link(self, key: Key, old: tuple[Key, ...], new: tuple[Key, ...]) -> None:
        before, after = set(old), set(new)
        for gone in before - after:
            self._downstreams[gone].discard(key)
            self._changed.update(below for _, below in self._order.closing())
            self._order.removed(gone, key)
            self._forget(gone)
        for fresh in after - before:
            self._downstreams.setdefault(fresh, set()).add(key)
            self._order.added(fresh, key)
        if before - after:
            self._cycles.removed(key)
        if after - before:
            self._cycles.added(key)

    def _forget(self, key: Key) -> None:
        """Nothing is kept of what neither exists nor is named."""
        if key not in self._nodes and not self._downstreams.get(key):
            self._downstreams.pop(key, None)
            self._order.forget(key)

    def _compute(self, here: Key, moved: dict[Key, bool]) -> bool:
        """Has its age moved?"""
        node, before = self._nodes.get(here), self._ages.get(here)
        age = self._age(here, node) if node else None
        if age == before:
            return False
        self._set(here, age)
        moved[here] = _is_older(before, age)
        return True

    def _set(self, key: Key, age: Age | None) -> None:
        before = self._ages.pop(key, None)
        if before is not None and (age is None or before.root != age.root):
            followers = self._followers.get(before.root, set())
            followers.discard(key)
            if not followers:
                self._followers.pop(before.root, None)
        if age is not None:
            self._ages[key] = age
            self._followers.setdefault(age.root, set()).add(key)

    def _age(self, key: Key, node: Node) -> Age:
        if node.version is None:
            return Age(node.own, self._missing(key, node))
        if node.own is not None:
            return Age(node.own, key)
        # What is not known of an input is no reason to take the others' word: the data is no newer than its build.
        inputs = (age if age.at is not None else Age(node.built, key) for age in self._inputs(key, node))
        return min(inputs, key=lambda age: age.at or UNKNOWN, default=Age(None, key))

    def _missing(self, key: Key, node: Node) -> Key:
        """Why was it never built? Because of the first upstream that was not either, and so on."""
        for upstream in node.upstreams:
            source, age = self._nodes.get(upstream), self._ages.get(upstream)
            if source is not None and source.version is None:
                return age.root if age is not None else upstream
        return key

    def _to_blame(self, key: Key, upstream: Key, source: Node | None) -> Key:
        """Who is at fault where the upstream has another version than the one that went in? Whoever has not taken it
        in; but one that was made anew and has none is why nothing moves.
        """
        age = self._ages.get(upstream)
        return age.root if source is not None and source.version is None and age is not None else key

    def _inputs(self, key: Key, node: Node) -> Iterator[Age]:
        for upstream in node.upstreams:
            consumed, source = node.consumed.get(upstream.name), self._nodes.get(upstream)
            if source is not None and source.static:
                yield Age(NEVER_OLD, key)
            elif consumed is None:
                yield Age(None, key)
            elif source is not None and source.version == consumed.version:
                yield self._ages.get(upstream) or Age(None, upstream)
            else:
                known = source.known.get(consumed.version) if source else None
                yield Age(known or consumed.data_time or node.built, self._to_blame(key, upstream, source))


def _is_older(before: Age | None, after: Age | None) -> bool:
    return before is not None and before.at is not None and (after is None or after.at is None or after.at < before.at)


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
        built=status.last_updated_at,
        own=own,
        consumed=status.consumed,
        known={item.version: item.data_time for item in reversed(status.history) if item.version and item.data_time},
        static=asset.spec.data_time == "Static",
    )
