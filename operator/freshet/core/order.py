"""An order of the assets in which each comes after what it reads, kept while edges come and go.

By Bender, Fineman, Gilbert and Tarjan (A new approach to incremental cycle detection and related problems, ACM TALG
12, 2015): each has a level and a place in it, and no edge leads to a lower level. An edge against the order moves what
is above it in its level to that level's beginning; where that is too much, what is below it rises by a level, which
cannot happen often. Many new edges at once, such as the first list's, are cheaper by one walk over everything.
An edge that closes a ring cannot be ordered and is kept apart: no such edge, no cycle.
"""

from collections.abc import Callable, Iterable, Iterator

from freshet.api.view import Key

__all__ = ["Edge", "Order", "Place"]

Edge = tuple[Key, Key]
"""An upstream, and what reads it."""
Place = tuple[int, int]
"""A level, and a place in it."""
LITTLE = 16
"""So many are moved within their level. By trial: with more, a lattice costs more."""
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
        self._places: dict[Key, Place] = {}
        self._first, self._last = 0, 0
        self._new: dict[Edge, None] = {}
        self._closing: dict[Edge, None] = {}
        self.steps = 0
        """Edges gone along so far: the work that all this has cost."""

    def added(self, upstream: Key, key: Key) -> None:
        """The asset reads one more upstream."""
        self._put_last(key, self.place(upstream)[0])
        if upstream not in self._places:
            self._put_first([upstream], self._places[key][0])
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

    def place(self, key: Key) -> Place:
        """Smaller than those of all that read it, unless that closes a ring; of one without edges, any."""
        return self._places.get(key, (0, 0))

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

    def _put_last(self, key: Key, level: int = 0) -> None:
        if key not in self._places:
            self._last += 1
            self._places[key] = (level, self._last)

    def _put_first(self, keys: list[Key], level: int) -> None:
        for key in reversed(keys):
            self._first -= 1
            self._places[key] = (level, self._first)

    def _take_in(self, upstream: Key, key: Key) -> bool:
        """Move one end past the other; False where the edge closes a ring."""
        if self._places[upstream] < self._places[key]:
            return True
        level = self._places[upstream][0]
        above = self._above(upstream, level)
        whole = above is not None
        level, above = (level, above) if above is not None else (level + 1, {upstream})
        if key in above:
            return False
        below = self._below(key, level, above)
        if below is None:
            return False
        self._put_first(sorted(below, key=self.place), level)
        if whole:
            self._put_first(sorted(above, key=self.place), level)
        return True

    def _above(self, start: Key, level: int) -> set[Key] | None:
        """What the asset reads, directly or not, of its own level; None where that is too much to move."""
        found, todo = {start}, [start]
        while todo:
            here = todo.pop()
            for there in self._upstreams(here):
                self.steps += 1
                if there in found or self.place(there)[0] != level or not self._is_in_order(there, here):
                    continue
                if len(found) >= LITTLE:
                    return None
                found.add(there)
                todo.append(there)
        return found

    def _below(self, start: Key, level: int, above: set[Key]) -> set[Key] | None:
        """What must rise to that level with the asset, since it reads it; None where the way leads to what is above."""
        if self._places[start][0] >= level:
            return set()
        found, todo = {start}, [start]
        while todo:
            here = todo.pop()
            for there in self._downstreams(here):
                self.steps += 1
                if there in found or not self._is_in_order(here, there):
                    continue
                if there in above:
                    return None
                if self.place(there)[0] < level:
                    found.add(there)
                    todo.append(there)
        return found

    def _is_in_order(self, upstream: Key, key: Key) -> bool:
        """Edges against the order are not in it yet, or never."""
        return self.place(upstream) < self.place(key)

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
