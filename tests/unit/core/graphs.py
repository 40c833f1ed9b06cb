"""Graphs of assets, small ones by hand and large ones of a shape, and how much work they cause."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from unittest import mock

from tests.unit.core.making import NOW, asset, source

from freshet.api.asset import Asset, AssetStatus, Consumed
from freshet.api.view import Key
from freshet.core.lineage import Age, Graph, Node

__all__ = ["ORDERS", "SHAPES", "at", "counted_ages", "derived", "key", "many", "put", "root"]

WIDE = 100
SHAPES: dict[str, Callable[[int], list[int]]] = {
    "chain": lambda n: [n - 1],
    "star": lambda n: [0],
    "lattice": lambda n: [0] if n <= WIDE else [n - WIDE + d for d in (0, 1, -1) if 0 < n - WIDE + d < n],
}
ORDERS = ("down", "up", "any")
"""In which assets come: after what they read, before it, or as it happens."""


def at(minutes: int | None) -> datetime | None:
    return None if minutes is None else NOW + timedelta(minutes=minutes)


def key(name: str) -> Key:
    return Key("Asset", "ns", name)


def put(graph: Graph, it: Asset) -> dict[Key, bool]:
    graph.put(it)
    return graph.settle()


def root(name: str, minutes: int | None, version: str = "v1", *, static: bool = False) -> Asset:
    status = AssetStatus(version=version, data_time=at(minutes))
    return source(name, status=status, **({"dataTime": "Static"} if static else {}))


def derived(name: str, consumed: dict[str, str], *, minutes: int | None = 0, version: str = "v1") -> Asset:
    seen = {up: Consumed(version=v, data_time=at(minutes)) for up, v in consumed.items()}
    return asset(name, upstreams=list(consumed), status=AssetStatus(version=version, consumed=seen))


def many(shape: str, order: str, *, count: int = 10_000) -> list[Asset]:
    """So many assets below one root, in the order in which they come."""
    assets = [derived(str(n), {str(p): "v1" for p in SHAPES[shape](n)}) for n in range(1, count)]
    assets.insert(0, root("0", 0))
    if order != "down":
        random.Random(1).shuffle(assets) if order == "any" else assets.reverse()
    return assets


@contextmanager
def counted_ages() -> Iterator[list[Key]]:
    """The assets whose ages are computed meanwhile, each time."""
    computed: list[Key] = []
    age = Graph._age

    def counted(graph: Graph, key: Key, node: Node) -> Age:
        computed.append(key)
        return age(graph, key, node)

    with mock.patch.object(Graph, "_age", counted):
        yield computed
