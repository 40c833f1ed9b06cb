"""Carries out what the run protocol asks for (:mod:`freshet.dbtcloud.protocol`), one action a visit.

What is recorded on the Pipeline survives a crash, the rest is found again.
"""

import os
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec

from freshet.controllers.dbt_batch import Batch, Batcher
from freshet.controllers.dbt_cancel import Canceller
from freshet.controllers.dbt_clients import Clients
from freshet.controllers.dbt_drive import Visit, intent_of
from freshet.controllers.dbt_finish import Finisher
from freshet.controllers.dbt_intent import Intents
from freshet.controllers.dbt_places import job_of_run, place_of, place_of_run
from freshet.controllers.dbt_record import Recorder, note_run, run_url
from freshet.controllers.dbt_unread import Unread
from freshet.controllers.world import World
from freshet.dbtcloud import actions, errors, marker
from freshet.dbtcloud.protocol import Settings, decide
from freshet.dbtcloud.search import find_runs

__all__ = ["Runs"]

DIRECTLY = 30
"""A run of ours is asked for by its id once in so many of the shortest pauses between polls."""

FORBIDDEN = timedelta(minutes=5)
"""The pause before what the token may not do is tried again."""


class Runs:
    """``step`` decides and does one thing."""

    def __init__(
        self, *, world: World, clients: Clients, batcher: Batcher, recorder: Recorder, finisher: Finisher
    ) -> None:
        self._world, self._clients = world, clients
        self._batcher, self._recorder, self._finisher = batcher, recorder, finisher
        self._unread = Unread(world=world, clients=clients)
        self._canceller = Canceller(world=world, clients=clients, recorder=recorder)
        self._intents = Intents(world=world, clients=clients, batcher=batcher, recorder=recorder, finisher=finisher)
        fast = timedelta(seconds=world.settings.dbt_poll_fast)
        self._times = Settings(
            poll_every=fast * DIRECTLY,
            look_every=max(fast, timedelta(seconds=1)),
            results_first=fast / 2,
            results_patience=fast * 150,
        )

    async def step(self, visit: Visit, batch: Batch | None, *, settled: bool = True) -> bool:
        """True when there is more to do at once; ``settled``: runs of others are all taken in, so that what is due is
        known. Raises DbtCloudError and NoToken.
        """
        now, run, drive = self._world.clock.now(), visit.run, visit.drive
        if await self._corrected(visit):
            return True
        intent = intent_of(run, visit.spec)
        drive.memory = drive.memory.seen(intent, now=now)
        action = decide(
            intent=intent,
            memory=drive.memory,
            wanted=bool(batch) if run is None else self._batcher.still_wanted(visit.pipeline, run),
            now=now,
            settings=self._settings(visit),
            new_token=marker.new_token(now=now, random=os.urandom(5)),
            cancel=self._canceller.why(visit, now),
        )
        return await self._act(visit, batch, action, settled=settled)

    async def _corrected(self, visit: Visit) -> bool:
        """The answer to the request named one run and the list has our token on another: the token is ours."""
        run, listed = visit.run, visit.drive.listed
        if (
            run is None
            or run.id is None
            or listed is None
            or place_of_run(run, visit.spec) != place_of(visit.spec)
            or run.id == str(listed)
            or visit.drive.memory.run is not None
        ):
            return False
        await self._recorder.record(
            visit.pipeline, run=msgspec.structs.replace(run, id=str(listed), url=run_url(visit, listed))
        )
        visit.drive.memory = replace(visit.drive.memory, missing_since=None, polled_at=None)
        return True

    def _settings(self, visit: Visit) -> Settings:
        """A run whose end was seen in the list is asked for at once; one that cannot be seen has its models' time."""
        run, times = visit.run, self._times
        if run is None:
            return times
        limit = self._canceller.limit(visit.pipeline, run)
        if visit.drive.uncancelled is not None:
            times = replace(times, cancel_again=FORBIDDEN)
        if limit is not None:
            times = replace(times, left_for=limit, lost_after=max(limit, times.lost_after))
        seen = run.id is not None and run.id.isdecimal() and int(run.id) in visit.drive.ended
        return replace(times, poll_every=timedelta(0)) if seen else times

    async def _act(self, visit: Visit, batch: Batch | None, action: actions.Action, *, settled: bool) -> bool:
        doers: dict[type, Callable[[Visit, Any], Awaitable[bool]]] = {
            actions.Post: self._intents.post,
            actions.Look: self._look,
            actions.RecordId: self._record_id,
            actions.Disown: self._disown,
            actions.Poll: self._poll,
            actions.Cancel: self._canceller.cancel,
            actions.FetchResults: self._finisher.fetch,
            actions.Finish: self._finisher.finish,
            actions.Leave: self._leave,
            actions.Abandon: self._finisher.abandon,
        }
        if isinstance(action, actions.WriteIntent):
            if visit.run is not None:
                return await self._intents.renew(visit, visit.run, action, settled=settled)
            assert batch is not None
            return await self._intents.write(visit, batch, action)
        if isinstance(action, actions.Wait):
            visit.wake(action.until)
        return await doers[type(action)](visit, action) if type(action) in doers else False

    async def _look(self, visit: Visit, action: actions.Look) -> bool:
        assert visit.run is not None
        began, drive, (*_, job) = self._world.clock.now(), visit.drive, job_of_run(visit.run, visit.spec)
        client = await self._clients.of(visit.pipeline)
        try:
            with drive.asking("list"):
                found = await find_runs(client, job_id=job, token=action.token, since=action.since)
        except errors.DbtCloudError:
            drive.memory = drive.memory.look_failed(began=began)
            raise
        drive.memory = drive.memory.looked(began=began, run_ids=tuple(run.id for run in found))
        return True

    async def _record_id(self, visit: Visit, action: actions.RecordId) -> bool:
        assert visit.run is not None
        if action.duplicates:
            message = f"runs {action.duplicates} carry the marker of run {action.run_id}: somebody copied its cause"
            self._world.tell(visit.pipeline, type="Warning", reason="DuplicateMarker", message=message)
        url, (host, account) = run_url(visit, action.run_id), place_of(visit.spec)
        known = msgspec.structs.replace(
            visit.run, id=str(action.run_id), url=url, host=host, account=account, left_at=None
        )
        note_run(known)
        await self._recorder.record(visit.pipeline, run=known, **{"parse_refused" if known.parse else "refused": None})
        now = self._world.clock.now()
        visit.drive.memory = visit.drive.memory.unseen(now=now)
        self._world.tell(visit.pipeline, type="Normal", reason="RunStarted", message=f"{visit.run.cause}: {url}")
        return True

    async def _disown(self, visit: Visit, action: actions.Disown) -> bool:
        assert visit.run is not None
        await self._recorder.record(visit.pipeline, run=msgspec.structs.replace(visit.run, id=None, url=None))
        drive = visit.drive
        drive.memory, drive.listed = drive.memory.disowned(now=self._world.clock.now()), None
        drive.ended.discard(action.run_id)
        message = f"dbt Cloud named run {action.run_id}, which is somebody else's: ours is looked for by its marker"
        self._world.tell(visit.pipeline, type="Warning", reason="WrongRun", message=message)
        return True

    async def _leave(self, visit: Visit, action: actions.Leave) -> bool:
        assert visit.run is not None
        await self._recorder.record(visit.pipeline, run=msgspec.structs.replace(visit.run, left_at=action.at))
        return True

    async def _poll(self, visit: Visit, action: actions.Poll) -> bool:
        client, drive = await self._clients.of(visit.pipeline), visit.drive
        try:
            with drive.asking("run"):
                run = await client.get_run(run_id=action.run_id)
        except errors.DbtCloudError as error:
            await self._unread.failed(visit, action.run_id, error)
            return True
        drive.memory = drive.memory.polled(run, now=self._world.clock.now())
        drive.heard()
        if not run.done:
            drive.ended.discard(action.run_id)
        return True
