"""Drives a Pipeline's dbt Cloud job: what has ended is taken in, what is due is run, exactly once.

A visit asks dbt Cloud what has ended if it is time (:mod:`.dbt_poll`), takes in what somebody else has run
(:mod:`.dbt_foreign`), sees what may be run (:mod:`.dbt_turn`), does the next thing for a run of our own
(:mod:`.dbt_runs`), and says how it went
(:mod:`.dbt_health`). It does one thing and comes back for the next.
"""

import random
from datetime import datetime, timedelta

from freshet.api import conditions
from freshet.api.pipeline import DbtCloudSpec
from freshet.api.view import Key
from freshet.controllers.dbt_batch import Batcher
from freshet.controllers.dbt_clients import Clients, NoToken
from freshet.controllers.dbt_drive import Drive, Refusal, Visit
from freshet.controllers.dbt_finish import Finisher
from freshet.controllers.dbt_foreign import Foreign
from freshet.controllers.dbt_health import Health
from freshet.controllers.dbt_line import Line
from freshet.controllers.dbt_places import place_of
from freshet.controllers.dbt_poll import Poller
from freshet.controllers.dbt_record import Recorder, note_run
from freshet.controllers.dbt_refused import Refusals
from freshet.controllers.dbt_results import Rewards
from freshet.controllers.dbt_runs import Runs
from freshet.controllers.dbt_turn import Turns
from freshet.controllers.world import World
from freshet.dbtcloud import errors
from freshet.dbtcloud.webhook import WebhookEvent

__all__ = ["DbtReconciler"]

MOST_AWAITED = 100
PAUSE = timedelta(minutes=1)
"""How often a Secret that is missing, or a token that was refused, is looked at again."""


class DbtReconciler:
    """Called with ``DbtCloud <namespace>/<pipeline>``."""

    def __init__(self, *, world: World, clients: Clients) -> None:
        self._world, self._clients = world, clients
        batcher = Batcher(world=world)
        self._line = Line(world=world)
        self._health = Health(world=world, clients=self._clients)
        self._poller = Poller(world=world, clients=self._clients)
        rewards = Rewards(world=world)
        recorder = Recorder(world=world, batcher=batcher)
        finisher = Finisher(world=world, clients=clients, rewards=rewards, recorder=recorder, line=self._line)
        self._refusals = Refusals(world=world, clients=clients, recorder=recorder)
        self._turns = Turns(world=world, batcher=batcher, line=self._line, refusals=self._refusals)
        self._foreign = Foreign(world=world, clients=clients, rewards=rewards, recorder=recorder)
        self._runs = Runs(world=world, clients=clients, batcher=batcher, recorder=recorder, finisher=finisher)
        self._drives: dict[Key, Drive] = {}

    def poke(self, key: Key, event: WebhookEvent) -> None:
        """Something happened at dbt Cloud: ask now, for a run of ours by its id, else for the list."""
        drive, now = self._drives.setdefault(key, Drive()), self._world.clock.now()
        pipeline = self._world.cache.pipelines.get(Key("Pipeline", key.namespace, key.name))
        run = pipeline.status.dbt_cloud.run if pipeline else None
        if run is not None and event.run_id is not None and run.id == str(event.run_id):
            drive.ended.add(event.run_id)
        else:
            drive.poll_now, drive.poked_at = True, now
            if event.run_id is not None and len(drive.awaited) < MOST_AWAITED:
                drive.awaited[event.run_id] = now
        self._world.queue.add(key)

    async def reconcile(self, key: Key) -> None:
        """One visit."""
        pipeline = self._world.cache.pipelines.get(Key("Pipeline", key.namespace, key.name))
        if pipeline is None or pipeline.spec.dbt_cloud is None or pipeline.metadata.deletion_timestamp is not None:
            await self._forget(key)
            return
        drive = self._drive(key, pipeline.spec.dbt_cloud)
        visit = Visit(key=key, pipeline=pipeline, spec=pipeline.spec.dbt_cloud, drive=drive)
        if visit.run is not None:
            note_run(visit.run)
        again = await self._guarded(visit)
        self._world.reach(key, visit.drive.answers(visit.pipeline, self._world.clock.now()))
        await self._health.settle(visit)
        if again:
            self._world.queue.add(key)
        else:
            self._world.queue.set_wake(key, min(visit.wakes, default=None))

    def _drive(self, key: Key, spec: DbtCloudSpec) -> Drive:
        """What is known of the job; of another place nothing is."""
        known = self._drives.setdefault(key, Drive())
        drive = self._drives[key] = known.at(place_of(spec))
        if drive is not known:
            self._foreign.forget(key)
        return drive

    def set_back(self) -> None:
        """The clock was: ask anew, as after a crash. A visit that is under way ends with what it knows."""
        self._drives.clear()
        self._poller.set_back()

    async def _forget(self, key: Key) -> None:
        self._drives.pop(key, None)
        self._world.reach(key, False)
        self._line.release(key)
        self._line.leave(key)
        self._poller.forget(key)
        self._foreign.forget(key)
        await self._clients.drop(Key("Pipeline", key.namespace, key.name))

    async def _guarded(self, visit: Visit) -> bool:
        """A visit, and what its failure means for the next."""
        drive, now = visit.drive, self._world.clock.now()
        try:
            if await self._is_left_alone(visit):
                self._stand_back(visit)
                return False
            again = await self._work(visit)
            if not again and visit.run is None and not drive.foreign:
                drive.pace = drive.pace.succeeded()
            return again
        except NoToken as error:
            until, generation = now + PAUSE, visit.pipeline.metadata.generation
            drive.refusal = Refusal(trouble=error.trouble, until=until, generation=generation)
            visit.wake(until)
        except errors.DbtCloudError as error:
            if isinstance(error, errors.AuthenticationFailed) and await self._clients.has_new_token(visit.pipeline):
                return True
            self._failed(visit, error)
        self._stand_back(visit)
        return False

    def _failed(self, visit: Visit, error: errors.DbtCloudError) -> None:
        drive, now = visit.drive, self._world.clock.now()
        drive.sit_out(now)
        first = self._poller.pauses.fast
        drive.pace = drive.pace.failed(error, now=now, jitter=random.random(), first=first, what=drive.asked)
        drive.failed_generation = visit.pipeline.metadata.generation
        blocked = drive.pace.blocked_until
        token = isinstance(error, errors.AuthenticationFailed)
        visit.wake(min(blocked, now + PAUSE) if token and blocked else blocked)

    async def _is_left_alone(self, visit: Visit) -> bool:
        """Is dbt Cloud not to be asked now? A new spec, or a new token, is tried at once."""
        drive, now, pipeline = visit.drive, self._world.clock.now(), visit.pipeline
        if drive.failed_generation not in (None, pipeline.metadata.generation):
            drive.pace, drive.failed_generation = drive.pace.wake(), None
        refusal = drive.refused(pipeline, now)
        if refusal is not None:
            visit.wake(refusal.until)
            return True
        if pipeline.status.dbt_cloud.refused or pipeline.status.dbt_cloud.parse_refused:
            await self._token_changed(visit, now)
        blocked = drive.pace.blocked_until
        if blocked is None or now >= blocked:
            return False
        if drive.pace.reason == conditions.AUTHENTICATION_FAILED and await self._token_changed(visit, now):
            drive.pace = drive.pace.wake()
            return False
        return True

    async def _token_changed(self, visit: Visit, now: datetime) -> bool:
        """A rotated token is taken up without a restart; the Secret is read at most once a minute."""
        read_at, blocked = self._clients.read_at(visit.pipeline), visit.drive.pace.blocked_until
        if read_at is None:
            return True
        if now < read_at + PAUSE:
            visit.wake(min(read_at + PAUSE, blocked or read_at + PAUSE))
            return False
        changed = await self._clients.reread(visit.pipeline)
        visit.wake(now + PAUSE)
        return changed

    def _stand_back(self, visit: Visit) -> None:
        """While dbt Cloud is left alone this Pipeline keeps nobody waiting; the condition says why its models wait."""
        blocked = visit.drive.pace.blocked_until
        visit.wake(blocked if blocked is not None and blocked > self._world.clock.now() else None)
        self._line.leave(visit.key)
        self._line.release(visit.key)

    async def _work(self, visit: Visit) -> bool:
        await self._health.know_job(visit)
        if await self._refusals.revise(visit):
            return True
        await self._poller.poll(visit)
        foreign = await self._foreign.step(visit)
        if foreign == "Again":
            return True
        batch = await self._turns.batch(visit) if visit.run is None and foreign == "Idle" else None
        if batch is None and visit.run is None:
            return False
        try:
            return await self._runs.step(visit, batch, settled=foreign == "Idle")
        finally:
            self._line.settled(visit.key)
