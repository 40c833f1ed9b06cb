"""The graph of assets, and how recent the data inside each is *now*.

A derived asset that consumed an upstream's newest version is as fresh as that upstream's newest check, without being
built again (DESIGN §4 rule 8). So data times live in this graph, not in each status: when one moves, only the assets
below it are recomputed, and only in memory.
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from freshet.api.asset import Asset, Consumed
from freshet.api.view import Key
from freshet.core.cycles import Cycles

__all__ = ["NEVER_OLD", "Graph", "inherits", "key_of"]

MANY = 64
SHOWN = 8
"""Of the names on a cycle."""
NEVER_OLD = datetime.max.replace(tzinfo=UTC)
"""The data time of what is built from static data alone."""


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


class Age(NamedTuple):
    """How recent the data inside is, and which asset is at the root of that."""

    at: datetime | None
    root: Key


class Graph:
    """Upstreams, downstreams, cycles, live data times and whom they come from.

    Not thread-safe; updates cost what they change.
    """

    def __init__(self) -> None:
        self._nodes: dict[Key, Node] = {}
        self._downstreams: dict[Key, set[Key]] = {}
        self._ages: dict[Key, Age] = {}
        self._followers: dict[Key, set[Key]] = {}
        self._cycles = Cycles(upstreams=self._upstreams, downstreams=self.downstreams)

    def put(self, asset: Asset) -> dict[Key, bool]:
        """Take in an asset's newest state. Returns the assets whose age moved, itself included: is it older now?"""
        key, node = key_of(asset), _node(asset)
        old = self._nodes.get(key)
        if old == node:
            return {}
        self._nodes[key] = node
        self._link(key, old.upstreams if old else (), node.upstreams)
        return self._spread(key)

    def remove(self, key: Key) -> dict[Key, bool]:
        """Forget an asset; what it fed keeps the data time that it consumed."""
        node = self._nodes.pop(key, None)
        self._link(key, node.upstreams if node else (), ())
        self._set(key, None)
        moved: dict[Key, bool] = {}
        for below in tuple(self.downstreams(key)):
            moved |= self._spread(below)
        return moved

    def live(self, key: Key) -> datetime | None:
        """How recent the data inside is, as of the newest checks; None where that is not known, or never old."""
        age = self._ages.get(key)
        return None if age is None or age.at == NEVER_OLD else age.at

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

    def _link(self, key: Key, old: tuple[Key, ...], new: tuple[Key, ...]) -> None:
        before, after = set(old), set(new)
        for gone in before - after:
            self._downstreams.get(gone, set()).discard(key)
        for fresh in after - before:
            self._downstreams.setdefault(fresh, set()).add(key)
        if before - after:
            self._cycles.removed(key)
        if after - before:
            self._cycles.added(key)

    def _spread(self, key: Key) -> dict[Key, bool]:
        """Recompute from this asset down as long as something moves.

        What waits in the queue is not queued again, so that an asset below a thousand others is computed about once.
        Without a cycle that settles; in one, values could chase each other, so its members are cut after MANY visits.
        """
        first: dict[Key, Age | None] = {}
        visits: dict[Key, int] = {}
        waiting: OrderedDict[Key, None] = OrderedDict({key: None})
        while waiting:
            here, _ = waiting.popitem(last=False)
            visits[here] = visits.get(here, 0) + 1
            node, before = self._nodes.get(here), self._ages.get(here)
            age = self._age(here, node) if node else None
            if age != before:
                first.setdefault(here, before)
                self._set(here, age)
            elif here != key or visits[here] > 1:
                continue
            if visits[here] < MANY or not self._cycles.of(here):
                waiting.update(dict.fromkeys(self._downstreams.get(here, ())))
        return {moved: _is_older(before, self._ages.get(moved)) for moved, before in first.items()}

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
        inputs = list(self._inputs(key, node))
        known = [age for age in inputs if age.at is not None]
        oldest = min(known, key=lambda age: age.at or NEVER_OLD, default=Age(None, key))
        return Age(None, key) if oldest.at == NEVER_OLD and len(known) < len(inputs) else oldest

    def _missing(self, key: Key, node: Node) -> Key:
        """Why was it never built? Because of the first upstream that was not either, and so on."""
        for upstream in node.upstreams:
            source, age = self._nodes.get(upstream), self._ages.get(upstream)
            if source is not None and source.version is None:
                return age.root if age is not None else upstream
        return key

    def _inputs(self, key: Key, node: Node) -> Iterator[Age]:
        for upstream in node.upstreams:
            consumed, source = node.consumed.get(upstream.name), self._nodes.get(upstream)
            if consumed is None:
                continue
            if source is not None and source.static:
                yield Age(NEVER_OLD, key)
            elif source is not None and source.version == consumed.version:
                yield self._ages.get(upstream) or Age(None, upstream)
            else:
                known = source.known.get(consumed.version) if source else None
                yield Age(known or consumed.data_time, key)


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
        own=own,
        consumed=status.consumed,
        known={item.version: item.data_time for item in status.history if item.version},
        static=asset.spec.data_time == "Static",
    )
