"""Discovery: a Pipeline's dbt project as Assets. Called with ``Discovery <namespace>/<pipeline>``.

A visit looks at dbt Cloud where that is due (a run that counts has ended, the slow timer, first sight), plans what the
newest manifest asks for, and carries out what differs. What it has said is compared, never remembered: the mark of what
was applied stands on each Asset, and the manifest's in the Pipeline's status, so that the same again writes nothing.
"""

import asyncio
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from freshet.api import conditions as c
from freshet.api.asset import Asset
from freshet.api.pipeline import DbtCloudSpec, Pipeline
from freshet.api.view import Key, parse
from freshet.controllers.dbt_clients import Clients, NoToken
from freshet.controllers.discovery_apply import Applier
from freshet.controllers.discovery_learn import Learned, adopted, external
from freshet.controllers.discovery_parse import Parser
from freshet.controllers.discovery_plan import Plan, plan
from freshet.controllers.discovery_read import Glance, Read, Reader
from freshet.controllers.discovery_say import Teller
from freshet.controllers.world import World, dbt_key
from freshet.core import nodes
from freshet.core.outcome import Ended
from freshet.core.state import Trouble
from freshet.dbtcloud import errors
from freshet.dbtcloud.manifest import ManifestUnreadable
from freshet.dbtcloud.marker import token_in
from freshet.dbtcloud.model import Run
from freshet.dbtcloud.pacing import Pace

__all__ = ["DiscoveryReconciler"]

Told = tuple[nodes.Described, Ended | None]
LATE = timedelta(minutes=10)
"""A run's artifacts may come so long after its end."""


@dataclass(kw_only=True)
class Memory:
    """What this process knows of one Pipeline's project; ``look_at`` None: look now."""

    generation: int
    read: Read | None = None
    plan: Plan | None = None
    fed: set[str] = field(default_factory=set)
    runs: tuple[Run, ...] = ()
    """Newest first: those that ended and whose results were not looked at yet."""
    ran: list[Run] = field(default_factory=list)
    """Those that ended, in any order, and that no look has taken yet."""
    environment: int | None = None
    look_at: datetime | None = None
    pace: Pace = field(default_factory=Pace)


@dataclass(frozen=True, kw_only=True)
class Visit:
    """One visit to one Pipeline."""

    key: Key
    pipeline: Pipeline
    spec: DbtCloudSpec
    memory: Memory
    reader: Reader
    now: datetime


class DiscoveryReconciler:
    """Pipelines are planned one after another, so that two never take one name or model at the same moment."""

    def __init__(self, *, world: World, clients: Clients) -> None:
        self._world, self._clients = world, clients
        self._applier = Applier(world=world)
        self._parser = Parser(world=world)
        self._teller = Teller(world=world)
        self._memories: dict[Key, Memory] = {}
        self._turn = asyncio.Lock()

    async def reconcile(self, key: Key) -> None:
        """Look where that is due, then make the Assets what they should be."""
        pipeline = self._world.cache.pipelines.get(Key("Pipeline", key.namespace, key.name))
        if pipeline is None or pipeline.metadata.deletion_timestamp is not None or not pipeline.discovers:
            await self._forget(key, pipeline)
            return
        memory, now = self._remembered(key, pipeline), self._world.clock.now()
        if not _is_reachable(pipeline):
            return
        blocked = memory.pace.blocked_until
        if blocked is not None and now < blocked and key not in self._world.ran:
            self._world.queue.set_wake(key, blocked)
            return
        await self._guarded(key, pipeline, memory)

    def _remembered(self, key: Key, pipeline: Pipeline) -> Memory:
        """A spec that has changed is looked at now; the manifest of another job is not of this project."""
        memory = self._memories.get(key)
        if memory is None or memory.generation != pipeline.metadata.generation:
            memory = self._memories[key] = Memory(generation=pipeline.metadata.generation)
            self._world.parses.forget(Key("Pipeline", key.namespace, key.name))
        return memory

    async def _forget(self, key: Key, pipeline: Pipeline | None) -> None:
        self._memories.pop(key, None)
        self._world.ran.pop(key, None)
        self._world.parses.forget(Key("Pipeline", key.namespace, key.name))
        self._world.manifests.pop(Key("Pipeline", key.namespace, key.name), None)
        self._world.queue.set_wake(key, None)
        if pipeline is not None:
            await self._teller.silence(pipeline)

    async def _guarded(self, key: Key, pipeline: Pipeline, memory: Memory) -> None:
        try:
            await self._visit(key, pipeline, memory)
        except (NoToken, ManifestUnreadable) as error:
            await self._trouble(key, pipeline, memory, error)
        except errors.DbtCloudError as error:
            if isinstance(error, errors.AuthenticationFailed) and await self._clients.has_new_token(pipeline):
                self._world.queue.add(key)
            else:
                await self._trouble(key, pipeline, memory, error)
        else:
            memory.pace = memory.pace.succeeded()
            self._world.queue.set_wake(key, memory.look_at)

    async def _trouble(self, key: Key, pipeline: Pipeline, memory: Memory, error: Exception) -> None:
        """What was discovered before stays. It is tried again, later each time."""
        trouble = _trouble_of(error)
        now = self._world.clock.now()
        failure = error if isinstance(error, errors.DbtCloudError) else errors.Refused(trouble.message)
        memory.look_at = None
        memory.pace = memory.pace.failed(failure, now=now, jitter=random.random())
        self._world.queue.set_wake(key, memory.pace.blocked_until)
        if memory.pace.reason is not None or not isinstance(error, errors.DbtCloudError):
            await self._teller.say(pipeline, trouble)

    async def _visit(self, key: Key, pipeline: Pipeline, memory: Memory) -> None:
        spec = pipeline.spec.dbt_cloud
        assert spec is not None
        client = await self._clients.of(pipeline, fresh=True)
        if memory.environment is None:
            memory.environment = (await client.get_job(job_id=spec.job_id)).environment_id
        reader = Reader(client, spec=spec, environment=memory.environment, clock=self._world.clock)
        visit = Visit(key=key, pipeline=pipeline, spec=spec, memory=memory, reader=reader, now=self._world.clock.now())
        memory.ran += self._world.ran.pop(key, [])
        if memory.ran or memory.look_at is None or visit.now >= memory.look_at:
            await self._look(visit)
        if memory.read is not None:
            await self._carry_out(visit, memory.read, memory.runs)
            memory.runs = ()

    async def _look(self, visit: Visit) -> None:
        """Read the newest manifest and note, newest first, the runs that have ended since the look before.

        Both are kept before anything else may fail: the next look asks only for what came after.
        """
        memory, last = visit.memory, visit.memory.read
        memory.look_at = None
        glance = visit.reader.of(memory.ran)
        if not memory.ran or last is None:
            glance = (await visit.reader.glance(deep=last is None)).joined(glance)
        careful = memory.plan is not None and memory.plan.pruning
        memory.read = await visit.reader.newest(glance.runs, last=last, careful=careful)
        seen, left = (last.run.id, memory.runs) if last is not None else (None, ())
        new = (run for run in glance.runs if last is None or (run.id != seen and _ended_after(run, last.run)))
        memory.runs = (*new, *left)
        memory.ran.clear()
        memory.look_at = await self._next_look(visit, glance)

    async def _next_look(self, visit: Visit, glance: Glance) -> datetime:
        """A run that ended a moment ago may still leave its manifest; a project without any is parsed."""
        read, newest = visit.memory.read, glance.runs[0] if glance.runs else None
        times = [visit.now + timedelta(seconds=self._world.settings.discovery_every)]
        if read is not None and read.skipped:
            times.append(read.again_at)
        if newest is not None and newest.finished_at is not None and (read is None or newest.id != read.run.id):
            age = visit.now - newest.finished_at
            if newest.succeeded and age < LATE:
                return visit.now + max(timedelta(seconds=self._world.settings.dbt_poll_fast), age / 2)
        parsed = self._parser.attend(visit.pipeline, visit.spec, glance=glance, missing=read is None)
        if parsed.trouble is not None:
            await self._teller.say(visit.pipeline, parsed.trouble)
        return min(at for at in [*times, parsed.look_at] if at is not None)

    async def _carry_out(self, visit: Visit, read: Read, runs: tuple[Run, ...]) -> None:
        memory = visit.memory
        async with self._turn:
            made = await self._plan(visit.pipeline, read, fed=memory.fed)
            learned = await self._learn(visit, read, made, runs)
            fed = {made.found.names[key] for key in learned.fed if key in made.found.names}
            if fed - memory.fed:
                memory.fed |= fed
                made = replace(await self._plan(visit.pipeline, read, fed=memory.fed), fresh=made.fresh)
            told = self._told(visit.pipeline, read, made, learned)
            with self._making(visit.key, made):
                for key in told:
                    self._announce(key, *told[key])
                problems = [*made.found.problems, *await self._applier.apply(visit.pipeline, made.apply)]
                self._world.manifests[Key("Pipeline", visit.key.namespace, visit.key.name)] = read.manifest
            await self._applier.delete(visit.pipeline, made.delete)
        memory.plan = made
        await self._teller.read(visit.pipeline, read, made, problems)

    @contextmanager
    def _making(self, key: Key, made: Plan) -> Iterator[None]:
        """No run is planned for some of the new models while others are still being made."""
        if not made.fresh:
            yield
            return
        world, job = self._world, dbt_key(key.namespace, key.name)
        world.making.add(job)
        try:
            yield
        finally:
            world.making.discard(job)
            unbuilt = {name for name in made.fresh if not world.inbox.get(Key("Asset", key.namespace, name))}
            world.due.setdefault(Key("Pipeline", key.namespace, key.name), set()).update(unbuilt)
            world.queue.add(job)

    async def _plan(self, pipeline: Pipeline, read: Read, *, fed: set[str]) -> Plan:
        here = self._here(pipeline)
        told = {asset.name for asset in here if Key("Asset", asset.namespace, asset.name) in self._world.described}
        rivals = [asset for asset in self._world.cache.assets if _is_rival(asset, pipeline, self._world)]
        return await asyncio.to_thread(
            plan, manifest=read.manifest, pipeline=pipeline, here=here, rivals=rivals, fed=fed, told=told
        )

    def _here(self, pipeline: Pipeline) -> list[Asset]:
        return [asset for asset in self._world.cache.assets if asset.namespace == pipeline.namespace]

    async def _learn(self, visit: Visit, read: Read, made: Plan, runs: tuple[Run, ...]) -> Learned:
        """Look up what is not known: models at first sight, external Assets whenever a run may say more."""
        assets = made.found.assets.values()
        adopts = visit.spec.discovery.adopt is not False
        wanted = {a.unique_id for a in assets if adopts and a.kind == "DbtCloud" and a.name in made.fresh}
        outside = {a.unique_id for a in assets if a.kind == "External"}
        sources = {key for key in outside if key.startswith("source.")}
        if wanted and not runs:
            runs = (await visit.reader.glance(deep=True)).runs
        foreign = [run for run in runs if not _is_selective(run, visit.spec)]
        models = outside - sources
        asked = runs if wanted else foreign if models else ()
        results = await visit.reader.results(asked, wanted=wanted | models, of=read.manifest)
        return Learned(results=tuple(results), states=await visit.reader.states(foreign, wanted=sources))

    def _told(self, pipeline: Pipeline, read: Read, made: Plan, learned: Learned) -> dict[Key, Told]:
        """What each Asset is told, also one that is about to be made: so it needs but one write of its status."""
        drafts = {body["metadata"]["name"]: parse(body, type=Asset) for body in made.apply}
        assets = drafts | {asset.name: asset for asset in self._here(pipeline)}
        at = read.manifest.generated_at or self._world.clock.now()
        ended: dict[str, Ended] = dict(external(found=made.found, learned=learned, fresh=made.fresh, at=at))
        ended |= adopted(found=made.found, learned=learned, assets=assets, pipeline=pipeline, fresh=made.fresh)
        run = str(read.run.id)
        return {
            Key("Asset", pipeline.namespace, name): (nodes.Described(facts=facts, run=run), ended.get(name))
            for name, facts in made.facts.items()
            if name in assets
        }

    def _announce(self, key: Key, described: nodes.Described, ended: Ended | None) -> None:
        """To the Asset's own reconciler: all writes to an object happen under its key. One that does not exist yet is
        visited when it does.
        """
        asset = self._world.cache.assets.get(key)
        self._world.described[key] = described
        if asset is None:
            self._world.inbox[key] = [ended] if ended is not None else []
            return
        if ended is not None:
            same = ended.version == asset.status.version
            self._world.hand_over(key, replace(ended, outcome="Unchanged") if same else ended)
        elif nodes.describe(asset.status, described) != asset.status:
            self._world.queue.add(key)


def _is_reachable(pipeline: Pipeline) -> bool:
    """dbt Cloud is left alone while DbtCloudReady says that it does not answer, or has not been asked."""
    ready = c.find(pipeline.status.conditions, type=c.DBT_CLOUD_READY)
    return ready is not None and ready.status == "True"


def _ended_after(run: Run, other: Run) -> bool:
    return run.finished_at is not None and other.finished_at is not None and run.finished_at >= other.finished_at


def _is_rival(asset: Asset, pipeline: Pipeline, world: World) -> bool:
    """Is it a model of another Pipeline of the same dbt Cloud account?"""
    if asset.kind != "DbtCloud" or (asset.namespace, asset.spec.pipeline) == (pipeline.namespace, pipeline.name):
        return False
    other = world.pipeline_of(asset)
    theirs, ours = other.spec.dbt_cloud if other else None, pipeline.spec.dbt_cloud
    return theirs is not None and ours is not None and (theirs.host, theirs.account_id) == (ours.host, ours.account_id)


def _is_selective(run: Run, spec: DbtCloudSpec) -> bool:
    """A run of freshet's own that built what was selected and looked at nothing else."""
    return spec.mode == "Select" and run.job == spec.job_id and token_in(run.cause) is not None


def _trouble_of(error: Exception) -> Trouble:
    if isinstance(error, NoToken):
        return error.trouble
    if isinstance(error, ManifestUnreadable):
        return Trouble(reason=c.MANIFEST_UNREADABLE, message=str(error))
    if isinstance(error, errors.AuthenticationFailed):
        return Trouble(reason=c.AUTHENTICATION_FAILED, message=str(error))
    reason = c.JOB_NOT_FOUND if isinstance(error, errors.NotFound) else c.UNREACHABLE
    return Trouble(reason=reason, message=str(error))
