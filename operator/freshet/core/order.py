"""An order of the assets in which each comes after what it reads, kept while edges come and go.

By Pearce and Kelly (A dynamic topological sort algorithm for directed acyclic graphs, ACM JEA 11, 2006): an edge
against the order moves only what lies between its ends. Many new edges at once, such as the first list's, are cheaper
by one walk over everything. So ten thousand assets in a chain cost about as many steps, in whichever order they arrive.
An edge that closes a ring cannot be ordered and is kept apart: no such edge, no cycle.
"""

from collections.abc import Callable, Iterable, Iterator

from freshet.api.view import Key

__all__ = ["Edge", "Order"]

Edge = tuple[Key, Key]
"""An upstream, and what reads it."""
FEW = 64
SHARE = 8
"""One new edge per so many assets is better taken in by one walk over all."""


class Order:
    """``upstreams`` and ``downstreams`` read the graph as it is; its changes are told by ``added`` and ``removed``.

    New edges are taken in when somebody asks. An upstream has a place as soon as it is named, also before it exists.
    """

    def __init__(
        self, *, upstreams: Callable[[Key], Iterable[Key]], downstreams: Callable[[Key], Iterable[Key]]
    ) -> None:
        self._upstreams, self._downstreams = upstreams, downstreams
        self._places: dict[Key, int] = {}
        self._first, self._last = 0, 0
        self._new: dict[Edge, None] = {}
        self._closing: dict[Edge, None] = {}
        self.steps = 0
        """Edges gone along so far: the work that all this has cost."""

    def added(self, upstream: Key, key: Key) -> None:
        """The asset reads one more upstream."""
        self._put_last(key)
        if upstream not in self._places:
            self._first -= 1
            self._places[upstream] = self._first
        if self._places[upstream] >= self._places[key]:
            self._new[upstream, key] = None

    def removed(self, upstream: Key, key: Key) -> None:
        """The asset reads one upstream less: what closed a ring with that edge may not close one any more."""
        self._new.pop((upstream, key), None)
        if (upstream, key) in self._closing:
            del self._closing[upstream, key]
            return
        for edge in [edge for edge in self._closing if self._may_be_in_ring((upstream, key), edge)]:
            del self._closing[edge]
            self._new[edge] = None

    def forget(self, key: Key) -> None:
        """The asset is gone, and nobody names it."""
        self._places.pop(key, None)

    def place(self, key: Key) -> int:
        """Smaller than those of all that read it, unless that closes a ring; of one without edges, any."""
        return self._places.get(key, 0)

    def closing(self) -> tuple[Edge, ...]:
        """The edges that close rings; without them the graph has none."""
        if len(self._new) > max(FEW, len(self._places) // SHARE):
            self._walk()
        while self._new:
            (upstream, key), _ = self._new.popitem()
            if not self._take_in(upstream, key):
                self._closing[upstream, key] = None
        return tuple(self._closing)

    def _may_be_in_ring(self, edge: Edge, closing: Edge) -> bool:
        """A ring goes along the order from the end of the edge that closes it to its beginning."""
        (upstream, key), (last, first) = edge, closing
        return self.place(first) <= self.place(upstream) < self.place(key) <= self.place(last)

    def _put_last(self, key: Key) -> None:
        if key not in self._places:
            self._last += 1
            self._places[key] = self._last

    def _take_in(self, upstream: Key, key: Key) -> bool:
        """Move what lies between; False where the edge closes a ring."""
        places = self._places
        low, high = places[key], places[upstream]
        if low > high:
            return True
        below = self._between(key, self._downstreams, lambda here, there: places[here] < places[there] <= high)
        if upstream in below:
            return False
        above = self._between(upstream, self._upstreams, lambda here, there: places[here] > places[there] > low)
        moved = [*sorted(above, key=places.__getitem__), *sorted(below, key=places.__getitem__)]
        places.update(zip(moved, sorted(places[it] for it in moved), strict=True))
        return True

    def _between(
        self, start: Key, neighbours: Callable[[Key], Iterable[Key]], within: Callable[[Key, Key], bool]
    ) -> set[Key]:
        """All that is reached in the direction of the order. Edges against it are not in it yet, or never."""
        found, todo = {start}, [start]
        while todo:
            here = todo.pop()
            for there in neighbours(here):
                self.steps += 1
                if there not in found and within(here, there):
                    found.add(there)
                    todo.append(there)
        return found

    def _walk(self) -> None:
        """Order everything anew: depth first, upstreams before what reads them."""
        known, self._places, self._last = list(self._places), {}, 0
        self._first, self._new, self._closing = 0, {}, {}
        for start in known:
            if start not in self._places:
                self._walk_from(start)

    def _walk_from(self, start: Key) -> None:
        under_way: dict[Key, Iterator[Key]] = {start: iter(self._upstreams(start))}
        while under_way:
            here = next(reversed(under_way))
            upstream = next(under_way[here], None)
            self.steps += 1
            if upstream is None:
                del under_way[here]
                self._put_last(here)
            elif upstream in under_way:
                self._closing[upstream, here] = None
            elif upstream not in self._places:
                under_way[upstream] = iter(self._upstreams(upstream))
