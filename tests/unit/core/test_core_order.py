"""The order against the standard library's sorter, while edges come and go at random, one by one and many at once."""

import random
from graphlib import CycleError, TopologicalSorter
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st

from freshet.api.view import Key
from freshet.core import order
from freshet.core.order import Order


class Edges:
    """A graph and its order."""

    def __init__(self) -> None:
        self.ups: dict[Key, set[Key]] = {}
        self.order = Order(upstreams=lambda it: self.ups.get(it, ()), downstreams=self.downs)

    def downs(self, key: Key) -> list[Key]:
        return [it for it, ups in self.ups.items() if key in ups]

    def toggle(self, upstream: Key, key: Key) -> None:
        ups = self.ups.setdefault(key, set())
        if upstream in ups:
            ups.discard(upstream)
            self.order.removed(upstream, key)
        else:
            ups.add(upstream)
            self.order.added(upstream, key)

    def has_ring(self) -> bool:
        try:
            TopologicalSorter(self.ups).prepare()
        except CycleError:
            return True
        return False

    def check(self) -> None:
        """Each edge is in order or closes a ring; one that does is in order with none of the others."""
        closing = set(self.order.closing())
        assert bool(closing) == self.has_ring()
        ordered = {(up, key) for key, ups in self.ups.items() for up in ups} - closing
        assert all(self.order.place(up) < self.order.place(key) for up, key in ordered)


def key(number: int) -> Key:
    return Key("Asset", "ns", str(number))


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 10**9),
    size=st.integers(1, 16),
    patience=st.sampled_from([1, 3, 40]),
    little=st.sampled_from([1, 2, 3, order.LITTLE]),
)
def test_it_holds_whatever_comes_and_goes(seed: int, size: int, patience: int, little: int) -> None:
    rnd, edges = random.Random(seed), Edges()
    with mock.patch.object(order, "LITTLE", little):
        for step in range(120):
            edges.toggle(key(rnd.randrange(size)), key(rnd.randrange(size)))
            if step % patience == 0:
                edges.check()
        edges.check()


def test_many_edges_at_once_are_one_walk() -> None:
    rnd, edges, count = random.Random(1), Edges(), 400
    numbers = list(range(1, count))
    rnd.shuffle(numbers)
    for number in numbers:
        for upstream in {rnd.randrange(number) for _ in range(3)}:
            edges.toggle(key(upstream), key(number))
    assert len(edges.order._new) > max(order.FEW, count // order.SHARE)
    edges.check()
    assert edges.order.steps <= 4 * count


def test_a_ring_is_no_more_when_any_of_its_edges_goes() -> None:
    edges = Edges()
    for upstream, below in ((0, 1), (1, 2), (2, 0), (2, 3)):
        edges.toggle(key(upstream), key(below))
    assert len(edges.order.closing()) == 1
    edges.toggle(key(0), key(1))
    assert edges.order.closing() == ()
    edges.check()


def test_a_ring_is_not_looked_for_again_by_each_edge_that_goes() -> None:
    edges, count = Edges(), 500
    edges.toggle(key(0), key(0))
    for number in range(1, count):
        edges.toggle(key(0), key(number))
    assert edges.order.closing() == ((key(0), key(0)),)
    before = edges.order.steps
    for number in range(1, count):
        edges.toggle(key(0), key(number))
        edges.order.closing()
    assert edges.order.steps - before < count
    edges.check()
