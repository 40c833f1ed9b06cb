"""Drives a Pipeline's dbt Cloud job: one run for what is due, exactly once, its results home.

freshet.dbtcloud.protocol says what is next; this module does it and remembers what came of it. What is recorded on the
Pipeline survives a crash, the rest is found again.
"""

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import msgspec

from freshet.api.durations import parse_duration
from freshet.api.pipeline import DbtCloudSpec, DbtRun, Pipeline
from freshet.api.view import Key
from freshet.controllers.dbt_batch import Batch, Batcher
from freshet.controllers.dbt_clients import Clients, NoToken
from freshet.controllers.dbt_health import Health
from freshet.controllers.dbt_results import Results, Rewards
from freshet.controllers.world import World
from freshet.core.state import Trouble
from freshet.dbtcloud import actions, errors, marker, selection
from freshet.dbtcloud.client import TriggerRequest
from freshet.dbtcloud.memory import Intent, Memory
from freshet.dbtcloud.protocol import Settings, decide
from freshet.dbtcloud.search import find_runs
from freshet.runtime import telemetry

__all__ = ["DbtReconciler"]

PAUSE = timedelta(minutes=1)
DELIVERY = timedelta(seconds=5)


@dataclass(kw_only=True)
class Drive:
    """What this process remembers of one job."""

    memory: Memory = field(default_factory=Memory)
    results: Results | None = None
    paused_until: datetime | None = None
    paused_generation: int = 0

    def paused(self, pipeline: Pipeline, now: datetime) -> datetime | None:
        """Until when dbt Cloud is left alone after a failure; a spec that has changed is looked at now."""
        same = self.paused_generation == pipeline.metadata.generation
        return self.paused_until if same and self.paused_until is not None and now < self.paused_until else None


class DbtReconciler:
    """Called with ``DbtCloud <namespace>/<pipeline>``; one action a visit."""

    def __init__(self, *, world: World) -> None:
        self._world = world
        self._clients = Clients(world=world)
        self._batcher = Batcher(world=world)
        self._rewards = Rewards(world=world)
        self._health = Health(world=world, clients=self._clients)
        self._drives: dict[Key, Drive] = {}
        fast = timedelta(seconds=world.settings.dbt_poll_fast)
        self._times = Settings(poll_every=fast, look_every=max(fast, timedelta(seconds=1)))

    async def close(self) -> None:
        """Close the clients."""
        await self._clients.close()

    async def reconcile(self, key: Key) -> None:
        """Look, decide, do one thing, and come back for the next."""
        pipeline = self._world.cache.pipelines.get(Key("Pipeline", key.namespace, key.name))
        if pipeline is None or pipeline.spec.dbt_cloud is None or pipeline.metadata.deletion_timestamp is not None:
            await self._forget(key)
            return
        drive = self._drives.setdefault(key, Drive())
        try:
            if drive.paused(pipeline, self._world.clock.now()) is None:
                await self._health.check(pipeline)
            await self._step(key, pipeline, pipeline.spec.dbt_cloud, drive)
        except NoToken as error:
            await self._trouble(key, pipeline, drive, error.trouble)
        except errors.DbtCloudError as error:
            if not (isinstance(error, errors.AuthenticationFailed) and await self._clients.reread(pipeline)):
                await self._trouble(key, pipeline, drive, self._health.trouble_of(error))

    async def _forget(self, key: Key) -> None:
        self._drives.pop(key, None)
        await self._clients.drop(Key("Pipeline", key.namespace, key.name))

    async def _trouble(self, key: Key, pipeline: Pipeline, drive: Drive, trouble: Trouble) -> None:
        await self._health.say(pipeline, trouble)
        drive.paused_until = self._world.clock.now() + PAUSE
        drive.paused_generation = pipeline.metadata.generation
        self._world.queue.add_at(key, drive.paused_until)

    async def _step(self, key: Key, pipeline: Pipeline, spec: DbtCloudSpec, drive: Drive) -> None:
        now, run = self._world.clock.now(), pipeline.status.dbt_cloud.run
        paused = drive.paused(pipeline, now)
        if paused is not None and (run is None or run.id is None):
            self._world.queue.add_at(key, paused)
            return
        intent = _intent(run)
        drive.memory = drive.memory.seen(intent, now=now)
        batch = await self._batcher.due(pipeline) if run is None else None
        action = decide(
            intent=intent,
            memory=drive.memory,
            wanted=bool(batch) if run is None else self._batcher.still_wanted(pipeline, run),
            now=now,
            settings=self._paced(run, now),
            new_token=marker.new_token(now=now, random=os.urandom(5)),
            cancel=_overdue(pipeline, spec, run, now),
        )
        await self._act(Visit(key=key, pipeline=pipeline, spec=spec, drive=drive, batch=batch, run=run), action)

    def _paced(self, run: DbtRun | None, now: datetime) -> Settings:
        """Polls are frequent at first and rarer the longer a run takes: a tenth of its age, within the two bounds."""
        fast, slow = self._times.poll_every, timedelta(seconds=self._world.settings.dbt_poll_slow)
        age = now - run.at if run is not None else timedelta(0)
        return replace(self._times, poll_every=min(max(fast, age / 10), max(fast, slow)))

    async def _act(self, visit: "Visit", action: actions.Action) -> None:
        doers: dict[type, Callable[[Visit, Any], Awaitable[None]]] = {
            actions.WriteIntent: self._write_intent,
            actions.Post: self._post,
            actions.Look: self._look,
            actions.RecordId: self._record_id,
            actions.Poll: self._poll,
            actions.Cancel: self._cancel,
            actions.FetchResults: self._fetch,
            actions.Finish: self._finish,
            actions.Abandon: self._abandon,
        }
        if isinstance(action, actions.Wait):
            self._world.queue.set_wake(visit.key, action.until)
        elif type(action) in doers:
            await doers[type(action)](visit, action)
            if not isinstance(action, actions.Finish):
                self._world.queue.add(visit.key)

    async def _write_intent(self, visit: "Visit", action: actions.WriteIntent) -> None:
        if action.renewed and visit.run is not None:
            run = msgspec.structs.replace(visit.run, at=action.at)
        else:
            assert visit.batch is not None
            run = self._readable(visit.pipeline, visit.batch.run(token=action.token, at=action.at))
        await self._record(visit.pipeline, run)
        intent = Intent(token=run.token, at=run.at)
        visit.drive.memory = visit.drive.memory.wrote(intent, now=self._world.clock.now())
        visit.drive.results = None

    def _readable(self, pipeline: Pipeline, run: DbtRun) -> DbtRun:
        """Options that nobody can read are told of once and left out: they must not hold up the job's other models."""
        try:
            selection.parse_options(run.options)
        except ValueError as error:
            message = f"{error}; the run was started without options"
            self._world.kube.emit(pipeline, type="Warning", reason="InvalidRequest", message=message)
            return msgspec.structs.replace(run, options=None)
        return run

    async def _post(self, visit: "Visit", action: actions.Post) -> None:
        run, drive = visit.run, visit.drive
        assert run is not None
        request = self._request(visit.pipeline, visit.spec, run)
        client = await self._clients.of(visit.pipeline, fresh=True)
        drive.memory = drive.memory.posting()
        self._observe_latency(visit.pipeline.namespace, run)
        try:
            made = await client.trigger_run(job_id=visit.spec.job_id, request=request, not_after=action.not_after)
        except errors.DbtCloudError as error:
            drive.memory = drive.memory.unsent(error, now=self._world.clock.now())
            await self._health.say(visit.pipeline, self._health.trouble_of(error))
            return
        drive.memory = drive.memory.sent(run_id=made.id)

    def _request(self, pipeline: Pipeline, spec: DbtCloudSpec, run: DbtRun) -> TriggerRequest:
        cause = marker.cause_of(sentence=f"freshet: {run.cause}", token=run.token)
        if spec.mode != "Select":
            return TriggerRequest(cause=cause)
        steps = selection.steps(
            command=spec.command,
            nodes=self._batcher.nodes(pipeline, run),
            options=selection.parse_options(run.options),
        )
        return TriggerRequest(cause=cause, steps_override=steps)

    def _observe_latency(self, namespace: str, run: DbtRun) -> None:
        seen = [
            at
            for versions in run.versions.values()
            for name in versions
            if (at := self._world.cache.seen_at(Key("Asset", namespace, name))) is not None
        ]
        if seen:
            telemetry.trigger_latency.observe(max(0.0, self._world.clock.monotonic() - max(seen)))

    async def _look(self, visit: "Visit", action: actions.Look) -> None:
        began, drive = self._world.clock.now(), visit.drive
        client = await self._clients.of(visit.pipeline)
        try:
            found = await find_runs(client, job_id=visit.spec.job_id, token=action.token, since=action.since)
        except errors.DbtCloudError:
            drive.memory = drive.memory.look_failed(began=began)
            raise
        drive.memory = drive.memory.looked(began=began, run_ids=tuple(run.id for run in found))

    async def _record_id(self, visit: "Visit", action: actions.RecordId) -> None:
        assert visit.run is not None
        if action.duplicates:
            message = f"runs {action.duplicates} carry the marker of run {action.run_id}: somebody copied its cause"
            self._world.kube.emit(visit.pipeline, type="Warning", reason="DuplicateMarker", message=message)
        url = f"{visit.spec.host.rstrip('/')}/deploy/{visit.spec.account_id}/runs/{action.run_id}"
        await self._record(visit.pipeline, msgspec.structs.replace(visit.run, id=str(action.run_id), url=url))

    async def _poll(self, visit: "Visit", action: actions.Poll) -> None:
        client, drive = await self._clients.of(visit.pipeline), visit.drive
        try:
            run = await client.get_run(run_id=action.run_id)
        except errors.DbtCloudError as error:
            missing = isinstance(error, errors.NotFound)
            drive.memory = drive.memory.poll_missed(now=self._world.clock.now(), not_found=missing)
            raise
        drive.memory = drive.memory.polled(run, now=self._world.clock.now())
        await self._health.say(visit.pipeline, None)

    async def _cancel(self, visit: "Visit", action: actions.Cancel) -> None:
        client, drive = await self._clients.of(visit.pipeline), visit.drive
        drive.memory = drive.memory.cancelling(now=self._world.clock.now())
        await client.cancel_run(run_id=action.run_id)
        self._world.kube.emit(visit.pipeline, type="Warning", reason="RunCancelled", message=action.why)

    async def _fetch(self, visit: "Visit", action: actions.FetchResults) -> None:
        client, drive = await self._clients.of(visit.pipeline), visit.drive
        assert drive.memory.run is not None
        drive.results = await self._rewards.fetch(client, drive.memory.run)
        drive.memory = drive.memory.fetched(now=self._world.clock.now(), complete=drive.results.complete)

    async def _finish(self, visit: "Visit", action: actions.Finish) -> None:
        """Hand each asset what its run came to; clear the intent once all have taken it in."""
        assert visit.run is not None
        assert visit.drive.memory.run is not None
        waiting = self._rewards.deliver(visit.pipeline, visit.run, visit.drive.memory.run, visit.drive.results)
        if waiting:
            self._world.queue.set_wake(visit.key, self._world.clock.now() + DELIVERY)
            return
        await self._record(visit.pipeline, None)
        visit.drive.memory, visit.drive.results = Memory(), None
        self._world.queue.add(visit.key)

    async def _abandon(self, visit: "Visit", action: actions.Abandon) -> None:
        await self._record(visit.pipeline, None)
        visit.drive.memory, visit.drive.results = Memory(), None
        if action.reason != "NotNeeded":
            trouble = Trouble(reason=action.reason, message=action.message)
            await self._trouble(visit.key, visit.pipeline, visit.drive, trouble)

    async def _record(self, pipeline: Pipeline, run: DbtRun | None) -> None:
        key = Key("Pipeline", pipeline.namespace, pipeline.name)
        newest = self._world.cache.pipelines.get(key) or pipeline
        dbt = msgspec.structs.replace(newest.status.dbt_cloud, run=run)
        await self._world.write_status(newest, msgspec.structs.replace(newest.status, dbt_cloud=dbt))


@dataclass(frozen=True, kw_only=True)
class Visit:
    """One visit to one job."""

    key: Key
    pipeline: Pipeline
    spec: DbtCloudSpec
    drive: Drive
    batch: Batch | None
    run: DbtRun | None


def _intent(run: DbtRun | None) -> Intent | None:
    return Intent(token=run.token, at=run.at, id=run.id) if run else None


def _overdue(pipeline: Pipeline, spec: DbtCloudSpec, run: DbtRun | None, now: datetime) -> str | None:
    """Why the run should be ended: it is over its timeout, where one is set."""
    timeout = spec.timeout or pipeline.spec.timeout
    if run is None or timeout is None or now < run.at + parse_duration(timeout):
        return None
    return f"it took longer than its timeout of {timeout}"
