"""Tells whom a change has moved: whose data is newer or older now through the lineage, without a change of its own.

At once, where those are few. After a change that moved many, the next ones are waited for in proportion and told of
together: so ten thousand assets in a chain that are applied from its end to its beginning cost time in proportion, too.
"""

from collections.abc import Callable, Iterable
from datetime import timedelta

from freshet.api.view import Key
from freshet.controllers.world import World

__all__ = ["LINEAGE", "Moves", "Watcher"]

Watcher = Callable[[Iterable[Key]], None]
"""Told which Assets look different now, or are gone: by a change of their own, or by what follows from another's."""
LINEAGE = Key("Lineage", "", "")
"""What is put into the queue to be told of later."""
FEW = 32
PAUSE_EACH = timedelta(microseconds=30)
"""After one that has moved: telling of it costs a quarter of that, so that much of the time is left for others."""


class Moves:
    """The one who settles the graph."""

    def __init__(self, *, world: World) -> None:
        self._world = world
        self._pause = timedelta(0)
        self._planned = False
        self.watchers: list[Watcher] = []

    def told(self, keys: Iterable[Key]) -> None:
        """These look different by what the change says itself."""
        for tell in self.watchers:
            tell(keys)

    def changed(self) -> None:
        """The graph has taken in a change."""
        if not self._pause:
            self._settle()
        elif not self._planned:
            self._planned = True
            self._world.queue.add_after(LINEAGE, self._pause)

    async def settle(self, key: Key) -> None:
        """The pause is over, or somebody must know now."""
        self._planned = False
        self._settle()

    def _settle(self) -> None:
        moved = self._world.graph.settle()
        self._pause = len(moved) * PAUSE_EACH if len(moved) > FEW else timedelta(0)
        self.told(moved)
        for key, older in moved.items():
            self.look(key, even_if_fresh=older)

    def look(self, key: Key, *, even_if_fresh: bool = False) -> None:
        """Newer data makes only what is not fresh look again: a fresh one's own deadline finds out by itself, unless
        it has moved to before.
        """
        asset = self._world.cache.assets.get(key)
        if asset is not None and (even_if_fresh or asset.status.state != "Fresh"):
            self._world.queue.add(key)
