"""Which assets read themselves, by way of others? Asked at every visit of an asset, so what is found is kept.

Where the order says that nothing does, that is the answer. Else Tarjan's strongly connected components, from an asset
up: each asset is gone through once, until an edge is added above it.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence

from freshet.api.view import Key
from freshet.core.order import Order

__all__ = ["Cycles"]

Ring = tuple[Key, ...]


class Cycles:
    """``upstreams`` and ``downstreams`` read the graph as it is; its changes are told by ``added`` and ``removed``."""

    def __init__(
        self, *, order: Order, upstreams: Callable[[Key], Sequence[Key]], downstreams: Callable[[Key], Iterable[Key]]
    ) -> None:
        self._order = order
        self._upstreams = upstreams
        self._downstreams = downstreams
        self._known: dict[Key, Ring] = {}

    def of(self, key: Key) -> Ring:
        """A cycle that holds this asset back, in the direction of the data; empty when it is on none."""
        if not self._order.closing():
            return ()
        if key not in self._known:
            self._explore(key)
        return self._known[key]

    def added(self, key: Key) -> None:
        """The asset has a new upstream: it and all below it may be on a cycle now."""
        doubtful = [key]
        while doubtful:
            here = doubtful.pop()
            if self._known.pop(here, None) is not None or here == key:
                doubtful.extend(below for below in self._downstreams(here) if below in self._known)

    def removed(self, key: Key) -> None:
        """The asset has one upstream less: its cycle may be no more."""
        if self._known.get(key):
            for member in [member for member, ring in self._known.items() if ring]:
                del self._known[member]

    def _explore(self, start: Key) -> None:
        """Find the component of everything above that is not known yet, and of ``start`` itself."""
        index: dict[Key, int] = {start: 0}
        low = {start: 0}
        stack: dict[Key, None] = {start: None}
        work: list[tuple[Key, Iterator[Key]]] = [(start, iter(self._upstreams(start)))]
        while work:
            here, ups = work[-1]
            up = next((it for it in ups if it not in self._known), None)
            if up is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[here])
                if low[here] == index[here]:
                    self._close(here, stack)
            elif up not in index:
                index[up] = low[up] = len(index)
                stack[up] = None
                work.append((up, iter(self._upstreams(up))))
            elif up in stack:
                low[here] = min(low[here], index[up])

    def _close(self, first: Key, stack: dict[Key, None]) -> None:
        members = [stack.popitem()[0]]
        while members[-1] != first:
            members.append(stack.popitem()[0])
        alone = len(members) == 1 and first not in self._upstreams(first)
        ring = () if alone else self._ring(first, set(members))
        for member in members:
            self._known[member] = ring

    def _ring(self, key: Key, within: set[Key]) -> Ring:
        """The shortest way from an asset back to itself."""
        came: dict[Key, Key] = {}
        queue = deque([key])
        while queue:
            here = queue.popleft()
            for up in self._upstreams(here):
                if up == key:
                    return (key, *_way(here, key, came))
                if up in within and up not in came:
                    came[up] = here
                    queue.append(up)
        return ()


def _way(here: Key, key: Key, came: dict[Key, Key]) -> Iterator[Key]:
    while here != key:
        yield here
        here = came[here]
