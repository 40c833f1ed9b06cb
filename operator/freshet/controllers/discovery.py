"""Discovery: a Pipeline's dbt project as Assets. Called with ``Discovery <namespace>/<pipeline>``.

A visit looks at dbt Cloud where that is due (a run that counts has ended, the slow timer, first sight), plans what the
newest manifest asks for, and carries out what differs. What it has said is compared, never remembered: the mark of what
was applied stands on each Asset, and the manifest's in the Pipeline's status, so that the same again writes nothing.
"""

import random
from datetime import timedelta

from freshet.api import conditions as c
from freshet.api.pipeline import Pipeline
from freshet.api.view import Key
from freshet.controllers.dbt_clients import Clients, NoToken
from freshet.controllers.discovery_carry import Carrier, NotYet
from freshet.controllers.discovery_gather import Gatherer
from freshet.controllers.discovery_look import Looker
from freshet.controllers.discovery_read import Reader
from freshet.controllers.discovery_say import Teller
from freshet.controllers.discovery_visit import Memory, Visit
from freshet.controllers.world import World
from freshet.core.case import Trouble
from freshet.dbtcloud import errors
from freshet.dbtcloud.manifest import ManifestUnreadable
from freshet.dbtcloud.model import Run

__all__ = ["DiscoveryReconciler"]


TRIES = 5
"""Looks in a row that have failed, before one does without what does not come."""
PASSING = (errors.ServerError, errors.Unreachable, errors.RateLimited)


class DiscoveryReconciler:
    """Guards visits: what fails is told, changes nothing and is tried again later."""

    def __init__(self, *, world: World, clients: Clients) -> None:
        self._world, self._clients = world, clients
        self._teller = Teller(world=world)
        self._looker = Looker(world=world, teller=self._teller)
        self._carrier = Carrier(world=world, teller=self._teller)
        self._memories: dict[Key, Memory] = {}

    async def reconcile(self, key: Key) -> None:
        """Look where that is due, then make the Assets what they should be."""
        pipeline = self._world.cache.pipelines.get(Key("Pipeline", key.namespace, key.name))
        if pipeline is None or pipeline.metadata.deletion_timestamp is not None or not pipeline.discovers:
            await self._forget(key, pipeline)
            return
        memory, now = self._remembered(key, pipeline), self._world.clock.now()
        if Key("Pipeline", key.namespace, key.name) not in self._world.reachable:
            return
        blocked = memory.pace.blocked_until
        if blocked is not None and now < blocked and key not in self._world.ran:
            self._world.queue.set_wake(key, blocked)
            return
        await self._guarded(key, pipeline, memory)

    def set_back(self) -> None:
        """The clock was: look now, for what is known goes on to be right."""
        for memory in self._memories.values():
            memory.look_at = memory.list_at = None
            memory.late_at = self._world.clock.now() if memory.late else None
            memory.pace = memory.pace.wake()

    def _remembered(self, key: Key, pipeline: Pipeline) -> Memory:
        """A spec that has changed is looked at now; the manifest of another job is not of this project."""
        memory = self._memories.get(key)
        if memory is None or memory.generation != pipeline.metadata.generation:
            memory = self._memories[key] = Memory(generation=pipeline.metadata.generation)
            self._world.parses.forget(Key("Pipeline", key.namespace, key.name))
            self._world.lost(key)
        return memory

    async def _forget(self, key: Key, pipeline: Pipeline | None) -> None:
        self._memories.pop(key, None)
        self._world.ran.pop(key, None)
        self._world.lost(key)
        self._world.parses.forget(Key("Pipeline", key.namespace, key.name))
        self._world.unlearn(key)
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
            self._world.queue.set_wake(key, memory.wake_at)

    async def _trouble(self, key: Key, pipeline: Pipeline, memory: Memory, error: Exception) -> None:
        """What was discovered before stays. It is tried again, later each time."""
        trouble = _trouble_of(error)
        now = self._world.clock.now()
        failure = error if isinstance(error, errors.DbtCloudError) else errors.Refused(trouble.message)
        memory.look_at = None
        memory.pace = memory.pace.failed(failure, now=now, jitter=random.random())
        self._world.queue.set_wake(key, memory.pace.blocked_until)
        if not isinstance(error, PASSING) or memory.pace.failures >= TRIES:
            self._world.explore(key)
        if memory.pace.reason is not None or not isinstance(error, errors.DbtCloudError):
            await self._teller.say(pipeline, trouble)

    async def _visit(self, key: Key, pipeline: Pipeline, memory: Memory) -> None:
        spec = pipeline.spec.dbt_cloud
        assert spec is not None
        client = await self._clients.of(pipeline, fresh=True)
        if memory.environment is None:
            memory.environment = (await client.get_job(job_id=spec.job_id)).environment_id
        patient = memory.pace.failures < TRIES
        reader = Reader(client, spec=spec, environment=memory.environment, clock=self._world.clock, patient=patient)
        visit = Visit(
            key=key, pipeline=pipeline, spec=spec, memory=memory, reader=reader, gatherer=Gatherer(reader),
            now=self._world.clock.now(),
        )  # fmt: skip
        memory.ran += self._world.ran.pop(key, [])
        if memory.ran or memory.look_at is None or visit.now >= memory.look_at:
            await self._looker.look(visit)
        if memory.read is not None:
            asked = memory.awaited(visit.now)
            try:
                await self._carrier.carry_out(visit, memory.read, (*memory.runs, *asked))
            except NotYet:
                memory.look_at = visit.now + timedelta(seconds=self._world.settings.dbt_poll_fast)
                return
            memory.runs = ()
            self._wait(visit, asked)
        self._world.explore(key)

    def _wait(self, visit: Visit, asked: tuple[Run, ...]) -> None:
        """What runs have not left yet is asked for again; ``asked``: those that were waited for."""
        late, missed = visit.gatherer.late, visit.gatherer.missed
        for run in [run for run in asked if run.id in missed and run not in late]:
            message = f"{run.message}, but an artifact of it did not come: what it found of sources is not known"
            self._world.tell(visit.pipeline, type="Warning", reason="ResultsMissing", message=message)
        soonest = timedelta(seconds=self._world.settings.dbt_poll_fast)
        visit.memory.wait_for(late, asked=asked, now=visit.now, soonest=soonest)


def _trouble_of(error: Exception) -> Trouble:
    if isinstance(error, NoToken):
        return error.trouble
    if isinstance(error, ManifestUnreadable):
        return Trouble(reason=c.MANIFEST_UNREADABLE, message=str(error))
    if isinstance(error, errors.AuthenticationFailed):
        return Trouble(reason=c.AUTHENTICATION_FAILED, message=str(error))
    reason = c.JOB_NOT_FOUND if isinstance(error, errors.NotFound) else c.UNREACHABLE
    return Trouble(reason=reason, message=str(error))
