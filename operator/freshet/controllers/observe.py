"""Gather all that a decision about one asset looks at: from the cache, and live where the cache may be behind."""

from datetime import datetime

from freshet.api import conditions
from freshet.api.asset import Asset, Consumed, RunInFlight
from freshet.api.conditions import find
from freshet.api.pipeline import Pipeline
from freshet.api.view import Key
from freshet.api.workload import Job, Pod
from freshet.controllers.dbt_tests import untested
from freshet.controllers.obstacles import Obstacles
from freshet.controllers.world import World
from freshet.core import blame, jobs
from freshet.core.building import is_building
from freshet.core.case import Trouble
from freshet.core.lineage import key_of
from freshet.core.observed import Observed
from freshet.core.outcome import Ended, is_recorded
from freshet.core.situation import Waiting

__all__ = ["Observer"]


class Observer:
    """Reads; changes nothing but the cache."""

    def __init__(self, *, world: World) -> None:
        self._world = world
        self.obstacles = Obstacles(world=world)
        self._words = blame.Words()

    async def observe(self, asset: Asset, *, trouble: Trouble | None) -> Observed:
        """Everything about this asset, now."""
        world, key = self._world, key_of(asset)
        ended, active = await self._runs(asset)
        return Observed(
            asset=asset,
            pipeline=world.pipeline_of(asset),
            upstreams=self.upstreams(asset),
            now=world.clock.now(),
            ended=ended,
            active=active,
            cycle=world.graph.cycle(key),
            trouble=trouble,
            described=world.described.get(key),
            held=self._held(asset),
            busy=lambda name: is_building(Key("Asset", asset.namespace, name), find=world.cache.assets.get),
            find=lambda name: world.cache.assets.get(Key("Asset", asset.namespace, name)),
            data_time=world.graph.preview,
            blame=lambda it: blame.ancestor(it, graph=world.graph, find=world.cache.assets.get, words=self._words),
            still=lambda it: blame.still(it, find=world.cache.assets.get, words=self._words),
        )

    def upstreams(self, asset: Asset) -> dict[str, Asset]:
        """The upstreams that exist, by name."""
        found = (
            (name, self._world.cache.assets.get(Key("Asset", asset.namespace, name))) for name in asset.spec.upstreams
        )
        return {name: upstream for name, upstream in found if upstream is not None}

    def _held(self, asset: Asset) -> Waiting | None:
        """Why a model that is due is not run yet."""
        pipeline = self._world.pipeline_of(asset) if asset.kind == "DbtCloud" else None
        if pipeline is None or pipeline.spec.dbt_cloud is None:
            return None
        refusal, held = _refusal(pipeline), self._world.held.get(key_of(asset))
        if _is_unreachable(refusal):
            return refusal
        if held is not None:
            return held
        if pipeline.status.dbt_cloud.run is not None:
            since = f"behind the run under way since {blame.clock(pipeline.status.dbt_cloud.run.at)}"
            message = f"1st in line for dbt Cloud job {pipeline.spec.dbt_cloud.job_id}, {since}"
            return Waiting(reason=conditions.QUEUED, message=message)
        return refusal

    async def _runs(self, asset: Asset) -> tuple[list[Ended], RunInFlight | None]:
        ended = list(self._world.inbox.get(key_of(asset), ()))
        active = self._dbt_run(asset)
        lost = await self._lost(asset)
        if lost is not None:
            ended.append(lost)
        ended += await self._untested(asset)
        for job in sorted(
            self._own_jobs(asset), key=lambda j: j.metadata.creation_timestamp or self._world.clock.now()
        ):
            run = await self._ended(asset, job)
            if run is not None:
                self.obstacles.forget(job.metadata.uid)
                ended.append(run)
            elif active is None:
                active = await self._in_flight(job)
        return ended, active

    async def _untested(self, asset: Asset) -> list[Ended]:
        """What takes away the checks of tests whose project nobody looks at any more."""
        names = {check.pipeline for check in asset.status.checks if check.pipeline is not None}
        gone = [name for name in names if not await self._discovers(asset.namespace, name)]
        return [untested(name, at=self._world.clock.now()) for name in gone]

    async def _discovers(self, namespace: str, name: str) -> bool:
        """That a Pipeline is gone is believed only after a live read."""
        pipeline = self._world.cache.pipelines.get(Key("Pipeline", namespace, name))
        if pipeline is not None:
            return pipeline.discovers
        return await self._world.kube.get("Pipeline", namespace=namespace, name=name) is not None

    def _own_jobs(self, asset: Asset) -> list[Job]:
        """Its Jobs and its CronJob's; not those of an older Asset of the same name."""
        uid = asset.metadata.uid
        return [
            job
            for job in self._world.cache.jobs_of(asset.namespace, asset.name)
            if any(owner.uid == uid or owner.kind == "CronJob" for owner in job.metadata.owner_references)
        ]

    async def _ended(self, asset: Asset, job: Job) -> Ended | None:
        pods = self._world.cache.pods_of(job.metadata.uid)
        run = jobs.ended(job=job, pods=pods, kind=asset.kind)
        if run is None or is_recorded(asset.status, run) or any(_final(pod) for pod in pods):
            return run
        # The Job's end may be seen before its pod's: what the pod left must not be lost by that.
        await self._world.kube.refresh_pods(namespace=job.namespace, job=job.name)
        return jobs.ended(job=job, pods=self._world.cache.pods_of(job.metadata.uid), kind=asset.kind)

    async def _in_flight(self, job: Job) -> RunInFlight:
        pods = self._world.cache.pods_of(job.metadata.uid)
        return await self.obstacles.look(jobs.in_flight(job=job, pods=pods), job=job, pods=pods)

    async def _lost(self, asset: Asset) -> Ended | None:
        """A run in flight whose Job is gone: believed only after a live read."""
        run = asset.status.run
        if run is None or run.executor != "Job" or not run.name:
            return None
        key = Key("Job", asset.namespace, run.name)
        last = asset.status.last_run
        if self._world.cache.jobs.get(key) is not None or (last is not None and last.id == run.id):
            return None
        live = await self._world.kube.get("Job", namespace=key.namespace, name=key.name)
        if live is not None:
            self._world.cache.ingest(live, kind="Job")
            return None
        return _cancelled(run, now=self._world.clock.now())

    def _dbt_run(self, asset: Asset) -> RunInFlight | None:
        pipeline = self._world.pipeline_of(asset)
        run = pipeline.status.dbt_cloud.run if pipeline else None
        if run is None or asset.kind != "DbtCloud" or asset.name not in run.assets:
            return None
        waiting = self._world.inbox.get(key_of(asset), ())
        last = asset.status.last_run
        if run.id is not None and ((last and last.id == run.id) or any(ended.id == run.id for ended in waiting)):
            return None
        return RunInFlight(
            id=run.id or "",
            name=run.token,
            executor="DbtCloud",
            url=run.url,
            cause=run.cause_for(asset.name),
            attempt=run.attempts.get(asset.name, 1),
            started_at=run.at,
            versions=run.versions.get(asset.name, {}),
            trigger=run.triggers.get(asset.name),
            tick=run.ticks.get(asset.name),
            definition=run.definitions.get(asset.name),
            message=_silence(pipeline) if pipeline else None,
        )


def _refusal(pipeline: Pipeline) -> Waiting | None:
    """Why dbt Cloud takes no run of this Pipeline."""
    ready = find(pipeline.status.conditions, type=conditions.DBT_CLOUD_READY)
    if ready is None or ready.status != "False":
        return None
    return Waiting(reason=ready.reason, message=ready.message)


def _is_unreachable(refusal: Waiting | None) -> bool:
    return refusal is not None and refusal.reason == conditions.UNREACHABLE


def _silence(pipeline: Pipeline) -> str | None:
    """A run that nobody can ask about is not said to go on."""
    refusal = _refusal(pipeline)
    if refusal is None or not _is_unreachable(refusal):
        return None
    return f"{conditions.DBT_CLOUD_UNREACHABLE}: {refusal.message}"


def _final(pod: Pod) -> bool:
    return pod.status.phase in ("Succeeded", "Failed")


def _cancelled(run: RunInFlight, *, now: datetime) -> Ended:
    return Ended(
        id=run.id,
        outcome="Cancelled",
        finished_at=now,
        started_at=run.started_at,
        cause=run.cause,
        attempt=run.attempt,
        message=f"Job {run.name} was deleted while it ran",
        looked_at={name: Consumed(version=version) for name, version in run.versions.items()},
        trigger=run.trigger,
        tick=run.tick,
        definition=run.definition,
    )
