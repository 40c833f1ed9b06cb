"""The first list of everything, and the same look again now and then.

kopf never tells of an object that was deleted in a gap of its watch (after a 410, or between our list and its own). So
every ten minutes names and versions are listed: what is newer than the cache is read, and what is missing is believed
gone only after a live read of it.
"""

import asyncio
import logging
from collections.abc import Sequence

from freshet.api.names import MANAGED_SELECTOR
from freshet.api.view import Key
from freshet.runtime import errors
from freshet.runtime.cache import KINDS, Cache
from freshet.runtime.kinds import resource
from freshet.runtime.kube import Kube
from freshet.runtime.lists import identities

__all__ = ["SELECTORS", "Source"]

logger = logging.getLogger(__name__)

SELECTORS = {"CronJob": MANAGED_SELECTOR, "Job": MANAGED_SELECTOR, "Pod": MANAGED_SELECTOR}
"""Of the kinds that are not ours alone; on the lists as on the watches."""
FIRST_LOOK_SECONDS = 60.0
LOOK_SECONDS = 600.0
ATTEMPTS = 3


class Source:
    """``namespaces``: those that are watched; none means all."""

    def __init__(self, *, kube: Kube, cache: Cache, namespaces: Sequence[str] = ()) -> None:
        self._kube = kube
        self._cache = cache
        self._namespaces: tuple[str | None, ...] = tuple(namespaces) or (None,)
        self.synced = asyncio.Event()
        self.missed = 0
        """How many objects the newest look found that the watches had not told of."""

    async def load(self) -> None:
        """List everything into the cache. Raises what the API answers."""
        for kind in KINDS:
            for namespace in self._namespaces:
                await self._load(kind, namespace)
        self.synced.set()

    async def keep_looking(self) -> None:
        """Look again, for ever. An API that does not answer is asked the next time."""
        await asyncio.sleep(FIRST_LOOK_SECONDS)
        while True:
            try:
                await self.look()
            except errors.KubeError as error:
                logger.warning("Looking for what the watches missed failed: %s; trying again later", error)
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """One look at every kind. Raises what the API answers."""
        missed = 0
        for kind in KINDS:
            for namespace in self._namespaces:
                missed += await self._compare(kind, namespace)
        self.missed = missed
        if missed:
            logger.debug("Found %d changes that the watches had not told of yet", missed)

    async def _load(self, kind: str, namespace: str | None) -> None:
        query = {"labelSelector": SELECTORS.get(kind, "")}
        for attempt in range(ATTEMPTS):
            try:
                async for page in self._kube.pages(kind, namespace=namespace, query=query):
                    for raw in page:
                        self._cache.ingest(raw, kind=kind)
                    await asyncio.sleep(0)
                return
            except errors.Expired:
                if attempt == ATTEMPTS - 1:
                    raise

    async def _compare(self, kind: str, namespace: str | None) -> int:
        store = self._cache.store(kind)
        suspects = {
            Key(kind, obj.namespace, obj.name): obj.metadata.uid
            for obj in store
            if namespace is None or obj.namespace == namespace
        }
        newer: list[Key] = []
        query = {"labelSelector": SELECTORS.get(kind, "")}
        async for page in identities(self._kube.transport, resource(kind), namespace=namespace, query=query):
            for found in page:
                key = Key(kind, found.namespace, found.name)
                if suspects.get(key) == found.uid:
                    del suspects[key]
                if store.is_news(key, uid=found.uid, resource_version=found.resource_version):
                    newer.append(key)
            await asyncio.sleep(0)
        changed = [await self._settle(key) for key in {*newer, *suspects}]
        return sum(changed)

    async def _settle(self, key: Key) -> bool:
        """Ask about one object and believe the answer. Did that change what we knew?"""
        store = self._cache.store(key.kind)
        known = store.get(key)
        live = await self._kube.get(key.kind, namespace=key.namespace, name=key.name)
        uid = live["metadata"]["uid"] if live is not None else None
        if known is not None and known.metadata.uid != uid:
            self._cache.forget(key, known.metadata.uid)
        if live is not None:
            self._cache.ingest(live, kind=key.kind)
        return store.get(key) is not known
