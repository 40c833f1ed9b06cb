"""Level-triggered reconcilers: observe → the core decides → apply. One small module per concern.

A key's kind says who looks: ``Asset``, ``Pipeline``, ``DbtCloud`` (a Pipeline's job), ``Discovery``
(its project), ``Counters`` (its columns), ``Lineage`` (whom others' changes have moved).
"""

from collections.abc import Iterable

from aiohttp import web

from freshet.api.view import Key
from freshet.controllers.assets import AssetReconciler
from freshet.controllers.dbt import DbtReconciler
from freshet.controllers.dbt_clients import Clients
from freshet.controllers.dbt_webhook import PREFIX, WebhookReceiver
from freshet.controllers.discovery import DiscoveryReconciler
from freshet.controllers.first import look_first
from freshet.controllers.moves import LINEAGE, Watcher
from freshet.controllers.pipelines import PipelineReconciler
from freshet.controllers.router import Router
from freshet.controllers.world import World, dbt_key, discovery_key
from freshet.core.lineage import Graph, key_of
from freshet.runtime import errors
from freshet.runtime.cache import Cache
from freshet.runtime.clock import Clock
from freshet.runtime.kube import Kube
from freshet.runtime.queue import WorkQueue
from freshet.runtime.settings import Settings

__all__ = ["APART", "Controllers"]

APART = frozenset({"DbtCloud", "Discovery"})
"""Kinds whose visits ask a service that may hang."""


class Controllers:
    """All reconcilers behind one door."""

    def __init__(self, *, cache: Cache, kube: Kube, queue: WorkQueue, clock: Clock, settings: Settings) -> None:
        self._world = World(cache=cache, kube=kube, queue=queue, clock=clock, settings=settings)
        self._router = Router(world=self._world)
        self._clients = Clients(world=self._world)
        self._dbt = DbtReconciler(world=self._world, clients=self._clients)
        self._assets = AssetReconciler(world=self._world)
        self._discovery = DiscoveryReconciler(world=self._world, clients=self._clients)
        self._webhooks = WebhookReceiver(world=self._world, poke=self._dbt.poke)
        pipelines = PipelineReconciler(world=self._world)
        self._reconcilers = {
            "Asset": self._assets.reconcile,
            "Pipeline": pipelines.reconcile,
            "Counters": pipelines.count,
            "DbtCloud": self._dbt.reconcile,
            "Discovery": self._discovery.reconcile,
            LINEAGE.kind: self._router.moves.settle,
        }

    @property
    def graph(self) -> Graph:
        """The lineage, for metrics and the lineage page."""
        return self._world.graph

    def watch(self, watcher: Watcher) -> None:
        """Tell ``watcher`` which Assets look different after each change."""
        self._router.moves.watchers.append(watcher)

    def webhooks(self) -> dict[str, web.Application]:
        """What receives them, by the prefix of its paths."""
        return {PREFIX: self._webhooks.app()}

    def start_listening(self) -> None:
        """From now on each change in the cache wakes whom it concerns."""
        self._world.cache.subscribe(self._router.changed)

    async def synced(self) -> None:
        """The first list is complete: look at everything once, first at what has become stale meanwhile."""
        await self._router.moves.settle(LINEAGE)
        await look_first(self._world)
        self.look_at_all()

    def woken(self, keys: Iterable[Key]) -> None:
        """Their time has come: whoever shows them judges by the clock, and need not wait for their visits."""
        self._router.moves.told([key for key in keys if key.kind == "Asset"])

    def set_back(self) -> None:
        """The wall clock was. What is to be done at a time that was reckoned by the wrong one is forgotten, as in a
        crash: it would be hours until that comes once more.
        """
        for part in (self._assets, self._clients, self._dbt, self._discovery, self._webhooks):
            part.set_back()
        self.look_at_all()

    def look_at_all(self) -> None:
        """Have everything visited once, when its turn comes."""
        assets = [key_of(asset) for asset in self._world.cache.assets]
        self.woken(assets)
        for key in assets:
            self._world.queue.add(key)
        for pipeline in self._world.cache.pipelines:
            self._world.queue.add(Key("Pipeline", pipeline.namespace, pipeline.name))
            self._world.queue.add(dbt_key(pipeline.namespace, pipeline.name))
            self._world.queue.add(discovery_key(pipeline.namespace, pipeline.name))

    async def reconcile(self, key: Key) -> None:
        """One visit. A conflict means that the cache was behind: the newer state is on its way."""
        reconcile = self._reconcilers.get(key.kind)
        try:
            if reconcile is not None:
                await reconcile(key)
        except errors.Conflict:
            self._world.queue.backoff(key)
        except errors.Gone:
            self._world.queue.forget(key)
        else:
            self._world.queue.forget(key)

    async def close(self) -> None:
        """Close connections."""
        await self._clients.close()
