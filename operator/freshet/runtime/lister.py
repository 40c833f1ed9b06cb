"""Own lists: before the watches matter, and again now and then to evict what was deleted in a watch gap."""

import asyncio
import logging
from datetime import timedelta
from typing import Any

from freshet.api.names import MANAGED_SELECTOR
from freshet.api.view import Key
from freshet.runtime import errors
from freshet.runtime.cache import Cache
from freshet.runtime.kube import Kube

__all__ = ["Lister"]

log = logging.getLogger("freshet.lister")

SELECTORS = {"Pipeline": "", "Asset": "", "CronJob": MANAGED_SELECTOR, "Job": MANAGED_SELECTOR, "Pod": MANAGED_SELECTOR}
EVERY = timedelta(minutes=10)


class Lister:
    """``namespaces`` empty means all of them."""

    def __init__(self, *, kube: Kube, cache: Cache, namespaces: tuple[str, ...]) -> None:
        self._kube, self._cache = kube, cache
        self._scopes: tuple[str | None, ...] = namespaces or (None,)

    async def list_all(self) -> None:
        """Take in everything. Raises KubeError."""
        for kind in SELECTORS:
            for namespace in self._scopes:
                await self._list(kind, namespace)

    async def keep(self) -> None:
        """List again every ten minutes until cancelled."""
        while True:
            await asyncio.sleep(EVERY.total_seconds())
            try:
                await self.list_all()
            except errors.KubeError as error:
                log.warning("the periodic list failed, the next one is in %s: %s", EVERY, error)

    async def _list(self, kind: str, namespace: str | None) -> None:
        store = self._cache.store(kind)
        before = {store.key(obj): obj.metadata.uid for obj in store if namespace in (None, obj.namespace)}
        seen: set[str] = set()
        async for items in self._kube.pages(kind, namespace=namespace, selector=SELECTORS[kind]):
            for item in items:
                seen.add(_uid(item))
                self._cache.ingest(item, kind=kind)
            await asyncio.sleep(0)
        for key, uid in before.items():
            if uid not in seen:
                await self._evict(key, uid)

    async def _evict(self, key: Key, uid: str) -> None:
        """It was not in the list; gone is believed only after a live read."""
        live = await self._kube.get(key.kind, namespace=key.namespace, name=key.name)
        if live is None or _uid(live) != uid:
            self._cache.evict(key, uid=uid)


def _uid(item: dict[str, Any]) -> str:
    uid: str = item["metadata"]["uid"]
    return uid
