"""From changes in the cache to keys in the queue: who must look again when this has changed.

It never says what to do. Being woken too often costs microseconds; being forgotten costs an update.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import TypeVar

from freshet.api.asset import Asset, AssetStatus
from freshet.api.conditions import DBT_CLOUD_READY, DISCOVERED, find
from freshet.api.names import ANNOTATION_UNIQUE_ID, LABEL_ASSET
from freshet.api.pipeline import Pipeline
from freshet.api.view import Key, Object
from freshet.controllers.accusers import Accusers
from freshet.controllers.discovery_plan import UNOBSERVED
from freshet.controllers.moves import Moves
from freshet.controllers.world import World, counters_key, dbt_key, discovery_key
from freshet.core.blame import after, why
from freshet.core.lineage import key_of

__all__ = ["Router"]

T = TypeVar("T", bound=Object)
COUNTERS_DELAY = timedelta(seconds=1)


class Router:
    """A listener of the cache."""

    def __init__(self, *, world: World) -> None:
        self._world = world
        self.moves = Moves(world=world)
        self._accusers = Accusers()

    def changed(self, kind: str, old: Object | None, new: Object | None) -> None:
        """One object was added, changed or deleted."""
        either = new or old
        if kind == "Asset":
            self._asset(_as(old, Asset), _as(new, Asset))
        elif kind == "Pipeline":
            self._pipeline(_as(old, Pipeline), _as(new, Pipeline))
        elif kind == "CronJob" and either is not None:
            self._cron_job(old, new, either)
        elif either is not None:
            self._work(either)

    def _asset(self, old: Asset | None, new: Asset | None) -> None:
        asset = new or old
        if asset is None:
            return
        key, graph, queue = key_of(asset), self._world.graph, self._world.queue
        queue.add(key, urgent=old is not None and new is not None and _is_asked(old, new))
        if new is None:
            graph.remove(key)
            self._world.forget(key)
        else:
            graph.put(new)
        concerned = graph.downstreams(key) if not old or not new or _concerns_downstream(old, new) else frozenset()
        urgent = old is not None and new is not None and old.status.version != new.status.version
        for below in concerned:
            queue.add(below, urgent=urgent)
        self.moves.told({key, *concerned})
        self.moves.changed()
        self._accusers.changed(old, new)
        self._blamed(key, old, new)
        if asset.spec.pipeline:
            self._pipeline_of(asset.namespace, asset.spec.pipeline, source=asset.kind == "Source", old=old, new=new)
        for pipeline in self._discoverers(old, new):
            queue.add(discovery_key(pipeline.namespace, pipeline.name))

    def _discoverers(self, old: Asset | None, new: Asset | None) -> Iterator[Pipeline]:
        """Whose discovery this concerns: an Asset of a dbt node that came or went, a name that became free, an external
        one of which something says for the first time how recent it is.
        """
        asset = new or old
        if asset is None or (old and new and not _is_observed(old, new)):
            return
        own = self._world.pipeline_of(asset)
        if own is not None and own.discovers and asset.dbt_node and _concerns_discovery(old, new):
            yield own
        if new is None:
            for pipeline in self._world.cache.pipelines:
                found = find(pipeline.status.conditions, type=DISCOVERED)
                if pipeline.namespace == asset.namespace and found is not None and found.status == "False":
                    yield pipeline

    def _blamed(self, key: Key, old: Asset | None, new: Asset | None) -> None:
        """Whoever blames this asset says why it does not deliver: where that has changed, it must be said anew."""
        followers, accusers = self._world.graph.followers(key), self._accusers.of(key)
        if (followers or accusers) and (old is None or new is None or _words(old) != _words(new)):
            for other in followers | accusers:
                self.moves.look(other, even_if_fresh=other in accusers)

    def _pipeline_of(
        self, namespace: str, pipeline: str, *, source: bool, old: Asset | None, new: Asset | None
    ) -> None:
        soon = self._world.clock.now() + COUNTERS_DELAY
        self._world.queue.add_at(counters_key(namespace, pipeline), soon)
        if new is None or (source and (old is None or _concerns_children(old, new))):
            self._world.queue.add(Key("Pipeline", namespace, pipeline))

    def _pipeline(self, old: Pipeline | None, new: Pipeline | None) -> None:
        pipeline = new or old
        if pipeline is None:
            return
        namespace, name = pipeline.namespace, pipeline.name
        self._world.queue.add(Key("Pipeline", namespace, name))
        self._world.queue.add(dbt_key(namespace, name))
        if old is None or new is None or old.spec != new.spec:
            self._world.queue.add(discovery_key(namespace, name))
            for asset in self._world.cache.assets_of(namespace, name):
                self._world.queue.add(key_of(asset))
            return
        before, after = old.status.dbt_cloud.run, new.status.dbt_cloud.run
        concerned = set(self._world.due.get(Key("Pipeline", namespace, name), ())) if _moved(old, new) else set()
        if before != after or _moved(old, new):
            concerned |= {*(before.assets if before else ()), *(after.assets if after else ())}
        for asset_name in concerned:
            self._world.queue.add(Key("Asset", namespace, asset_name))

    def _cron_job(self, old: Object | None, new: Object | None, either: Object) -> None:
        if old and new and old.metadata.generation == new.metadata.generation:
            return
        for owner in either.metadata.owner_references:
            if owner.kind == "Pipeline":
                self._world.queue.add(Key("Pipeline", either.namespace, owner.name))

    def _work(self, obj: Object) -> None:
        asset = obj.metadata.labels.get(LABEL_ASSET)
        if asset:
            self._world.queue.add(Key("Asset", obj.namespace, asset))


def _is_asked(old: Asset, new: Asset) -> bool:
    """Has somebody said something: another spec, a request, a version announced?"""
    a, b = old.metadata, new.metadata
    return a.generation != b.generation or a.annotations != b.annotations


def _concerns_children(old: Asset, new: Asset) -> bool:
    """May the CronJob's pods be handed something else, or has a person changed the Asset?"""
    a, b = old.status, new.status
    return old.metadata.generation != new.metadata.generation or (a.level, a.last_run) != (b.level, b.last_run)


def _concerns_downstream(old: Asset, new: Asset) -> bool:
    a, b = old.status, new.status
    return (
        a.version != b.version
        or a.last_checked_at != b.last_checked_at
        or a.checks != b.checks
        or (a.run is None) != (b.run is None)
        or _trace(a) != _trace(b)
        or (a.relation != b.relation)
    )


def _words(asset: Asset) -> tuple[str, str]:
    """All that others say of it."""
    return why(asset), after(asset)


def _trace(status: AssetStatus) -> tuple[str | None, str | None]:
    """What was skipped with it follows this up to what failed."""
    outcome = status.last_run.outcome if status.last_run is not None else None
    return outcome, status.blame if outcome == "Skipped" else None


def _moved(old: Pipeline, new: Pipeline) -> bool:
    """May models that wait say something else now?"""
    ready = [find(it.status.conditions, type=DBT_CLOUD_READY) for it in (old, new)]
    return ready[0] != ready[1] or (old.status.dbt_cloud.run is None) != (new.status.dbt_cloud.run is None)


def _concerns_discovery(old: Asset | None, new: Asset | None) -> bool:
    """What discovery itself has made is no news to it."""
    return old is not None or (new is not None and ANNOTATION_UNIQUE_ID not in new.metadata.annotations)


def _is_observed(old: Asset, new: Asset) -> bool:
    unknown = (None, UNOBSERVED)
    return new.kind == "External" and old.status.version in unknown and new.status.version not in unknown


def _as(obj: Object | None, type: type[T]) -> T | None:
    return obj if isinstance(obj, type) else None
