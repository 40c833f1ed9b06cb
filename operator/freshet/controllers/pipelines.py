"""One Pipeline: its sources' children, its conditions, and the counters that its columns show."""

from datetime import timedelta

import msgspec

from freshet.api import conditions as c
from freshet.api.asset import Asset
from freshet.api.pipeline import Pipeline
from freshet.api.pipeline_status import PipelineStatus
from freshet.api.view import Key
from freshet.controllers.sources import Sources
from freshet.controllers.world import World
from freshet.core.case import Trouble
from freshet.core.drafts import Draft, settle
from freshet.core.layers import schedule_of

__all__ = ["PipelineReconciler"]


SCHEDULES = 120
AGAIN = timedelta(seconds=30)


class PipelineReconciler:
    """``reconcile`` for the spec, ``count`` for the counters (once a second at most: see Router)."""

    def __init__(self, *, world: World) -> None:
        self._world = world
        self._sources = Sources(world=world)

    async def reconcile(self, key: Key) -> None:
        """Children first, then what they met as conditions."""
        pipeline = self._world.cache.pipelines.get(key)
        if pipeline is None or pipeline.metadata.deletion_timestamp is not None:
            return
        troubles = await self._sources.apply(pipeline)
        again = self._world.clock.now() + AGAIN if any(map(_may_pass, troubles)) else None
        self._world.queue.set_wake(key, again, urgent=False)
        trouble = next(iter(troubles), None)
        newest = self._world.cache.pipelines.get(key) or pipeline
        status = msgspec.structs.replace(
            self._columns(newest),
            observed_generation=pipeline.metadata.generation,
            conditions=self._conditions(newest, trouble),
        )
        if await self._world.write_status(newest, status) and trouble is not None:
            self._tell(newest, trouble)

    def _tell(self, before: Pipeline, trouble: Trouble) -> None:
        """Once, when it begins."""
        ready = c.find(before.status.conditions, type=c.READY)
        if ready is None or ready.status == "True" or ready.message != trouble.message:
            self._world.tell(before, type="Warning", reason=trouble.reason, message=trouble.message)

    async def count(self, key: Key) -> None:
        """Write the counters if they moved."""
        pipeline = self._world.cache.pipelines.get(Key("Pipeline", key.namespace, key.name))
        if pipeline is not None and pipeline.metadata.deletion_timestamp is None:
            await self._world.write_status(pipeline, _counted(pipeline.status, self._assets(pipeline)))

    def _columns(self, pipeline: Pipeline) -> PipelineStatus:
        """Counters have a rhythm of their own; only before they were ever written nothing is waited for."""
        status = msgspec.structs.replace(pipeline.status, schedule=_schedule(pipeline))
        return status if status.sources is not None else _counted(status, self._assets(pipeline))

    def _assets(self, pipeline: Pipeline) -> list[Asset]:
        return self._world.cache.assets_of(pipeline.namespace, pipeline.name)

    def _conditions(self, pipeline: Pipeline, trouble: Trouble | None) -> tuple[c.Condition, ...]:
        """Ready and Stalled are written here; what belongs to dbt Cloud and to discovery is kept."""
        drafts = [Draft(type=c.READY, status="True", reason=c.RECONCILED)]
        if trouble is not None:
            drafts = [Draft(type=c.READY, status="False", reason=trouble.reason, message=trouble.message)]
            if trouble.stalled:
                drafts.append(Draft(type=c.STALLED, status="True", reason=trouble.reason, message=trouble.message))
        generation, now = pipeline.metadata.generation, self._world.clock.now()
        settled = settle(old=pipeline.status.conditions, drafts=drafts, generation=generation, now=now)
        return (*settled, *(k for k in pipeline.status.conditions if k.type in (c.DBT_CLOUD_READY, c.DISCOVERED)))


def _may_pass(trouble: Trouble) -> bool:
    """Without a word to us: nobody tells of a quota, a right, or an object of another's."""
    return trouble.passing or trouble.reason == c.NAME_CONFLICT


def _schedule(pipeline: Pipeline) -> str | None:
    """What is in force for its sources, each schedule once."""
    found = dict.fromkeys(schedule_of(pipeline, source) for source in pipeline.spec.sources)
    return ", ".join(found)[:SCHEDULES] or pipeline.spec.schedule


def _counted(status: PipelineStatus, assets: list[Asset]) -> PipelineStatus:
    sources = [asset for asset in assets if asset.kind == "Source"]
    loads = [at for asset in sources if (at := asset.status.last_checked_at) is not None]
    states = [asset.status.state for asset in assets]
    return msgspec.structs.replace(
        status,
        sources=len(sources),
        models=sum(asset.kind == "DbtCloud" for asset in assets),
        fresh=sum(_is_fresh(asset) for asset in assets),
        stale=states.count("Stale"),
        last_load_at=max(loads, default=None),
    )


def _is_fresh(asset: Asset) -> bool:
    """By the condition: an asset that is being built anew may well be fresh meanwhile."""
    fresh = c.find(asset.status.conditions, type=c.FRESH)
    return fresh is not None and fresh.status == "True"
