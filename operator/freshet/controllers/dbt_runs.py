"""Carries out what the run protocol asks for (:mod:`freshet.dbtcloud.protocol`), one action a visit.

What is recorded on the Pipeline survives a crash, the rest is found again.
"""

import logging
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import msgspec

from freshet.api.pipeline import DbtRun, Pipeline, Spent
from freshet.api.view import Key
from freshet.controllers.dbt_batch import Batch, Batcher, day_of, spent_on
from freshet.controllers.dbt_clients import Clients
from freshet.controllers.dbt_drive import Refusal, Visit, intent_of
from freshet.controllers.dbt_ended import SUSPENDED, TIMEOUT
from freshet.controllers.dbt_foreign import failures_after
from freshet.controllers.dbt_health import trouble_of
from freshet.controllers.dbt_line import Line
from freshet.controllers.dbt_results import Rewards
from freshet.controllers.world import World, discovery_key, pipeline_key
from freshet.core.policy import effective, run_timeout
from freshet.dbtcloud import actions, errors, foreign, marker, model, selection
from freshet.dbtcloud.client import TriggerRequest
from freshet.dbtcloud.memory import Intent
from freshet.dbtcloud.protocol import Settings, decide
from freshet.dbtcloud.search import find_runs
from freshet.runtime import telemetry

__all__ = ["Runs"]

logger = logging.getLogger(__name__)

DELIVERY = timedelta(seconds=5)
PASSING = timedelta(seconds=1)
"""How long views are given to take in the version that they hand on."""
REFUSED = timedelta(hours=1)
PARSE_STEP = "dbt parse"
DIRECTLY = 30
"""A run of ours is asked for by its id once in so many of the shortest pauses between polls."""


class Runs:
    """``step`` decides and does one thing."""

    def __init__(self, *, world: World, clients: Clients, batcher: Batcher, rewards: Rewards, line: Line) -> None:
        self._world, self._clients = world, clients
        self._batcher, self._rewards, self._line = batcher, rewards, line
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
        intent = intent_of(run)
        drive.memory = drive.memory.seen(intent, now=now)
        action = decide(
            intent=intent,
            memory=drive.memory,
            wanted=bool(batch) if run is None else self._batcher.still_wanted(visit.pipeline, run),
            now=now,
            settings=self._settings(visit),
            new_token=marker.new_token(now=now, random=os.urandom(5)),
            cancel=self._why_cancel(visit, now),
        )
        return await self._act(visit, batch, action, settled=settled)

    async def _corrected(self, visit: Visit) -> bool:
        """The answer to the request named one run and the list has our token on another: the token is ours."""
        run, listed = visit.run, visit.drive.listed
        if (
            run is None
            or run.id is None
            or listed is None
            or run.id == str(listed)
            or visit.drive.memory.run is not None
        ):
            return False
        await self._record(
            visit.pipeline, run=msgspec.structs.replace(run, id=str(listed), url=self._url(visit, listed))
        )
        visit.drive.memory = replace(visit.drive.memory, missing_since=None, polled_at=None)
        return True

    def _url(self, visit: Visit, run_id: int) -> str:
        return f"{visit.spec.host.rstrip('/')}/deploy/{visit.spec.account_id}/runs/{run_id}"

    def _settings(self, visit: Visit) -> Settings:
        """A run whose end was seen in the list is asked for at once."""
        seen = visit.run is not None and visit.run.id is not None and int(visit.run.id) in visit.drive.ended
        return replace(self._times, poll_every=timedelta(0)) if seen else self._times

    async def _act(self, visit: Visit, batch: Batch | None, action: actions.Action, *, settled: bool) -> bool:
        doers: dict[type, Callable[[Visit, Any], Awaitable[bool]]] = {
            actions.Post: self._post,
            actions.Look: self._look,
            actions.RecordId: self._record_id,
            actions.Poll: self._poll,
            actions.Cancel: self._cancel,
            actions.FetchResults: self._fetch,
            actions.Finish: self._finish,
            actions.Abandon: self._abandon,
        }
        if isinstance(action, actions.WriteIntent):
            if visit.run is not None:
                return await self._renew(visit, visit.run, action, settled=settled)
            assert batch is not None
            return await self._write_intent(visit, batch, action)
        if isinstance(action, actions.Wait):
            visit.wake(action.until)
        return await doers[type(action)](visit, action) if type(action) in doers else False

    async def _renew(self, visit: Visit, old: DbtRun, action: actions.WriteIntent, *, settled: bool) -> bool:
        """What was meant was certainly never sent: mean what is due by now instead, or nothing."""
        if not settled:
            return False
        batch = await self._batcher.plan(visit.pipeline, visit.spec, instead=old)
        if batch.passing:
            self._batcher.pass_on(visit.pipeline, batch)
            visit.wake(self._world.clock.now() + PASSING)
            return False
        if not batch:
            message = "what the run was for is not due any more"
            return await self._abandon(visit, actions.Abandon(reason="NotNeeded", message=message))
        return await self._write_intent(visit, batch, action, reserved=self._batcher.reserved(visit.pipeline, old))

    async def _write_intent(
        self, visit: Visit, batch: Batch, action: actions.WriteIntent, *, reserved: int = 0
    ) -> bool:
        run = self._readable(visit.pipeline, batch.run(token=action.token, at=action.at))
        spent = self._spent(visit.pipeline, batch.billed - reserved)
        logger.debug("%s: %s: %s", visit.key, action, run.versions)
        await self._record(visit.pipeline, run=run, **({"spent": spent} if spent else {}))
        visit.drive.memory = visit.drive.memory.wrote(Intent(token=run.token, at=run.at), now=self._world.clock.now())
        visit.drive.results = None
        return True

    def _spent(self, pipeline: Pipeline, more: int) -> Spent | None:
        """The day's budget with this many more; nothing is counted where there is none."""
        spec, now = pipeline.spec.dbt_cloud, self._world.clock.now()
        if spec is None or spec.max_models_per_day is None:
            return None
        return Spent(day=day_of(now), models=max(0, spent_on(pipeline, now) + more))

    def _reserved(self, visit: Visit) -> int:
        return self._batcher.reserved(visit.pipeline, visit.run) if visit.run else 0

    def _readable(self, pipeline: Pipeline, run: DbtRun) -> DbtRun:
        """Options that cannot be followed are told of and left out: they must not hold up the job's other models."""
        try:
            asked = selection.parse_options(run.options)
            if pipeline.spec.dbt_cloud and pipeline.spec.dbt_cloud.mode != "Select" and asked.flags():
                raise ValueError("freshet.dev/request: mode WholeJob adds no flag to the job's own steps")
        except ValueError as error:
            message = f"{error}; the run was started without options"
            self._world.kube.emit(pipeline, type="Warning", reason="InvalidRequest", message=message)
            return msgspec.structs.replace(run, options=None)
        return run

    async def _post(self, visit: Visit, action: actions.Post) -> bool:
        run, drive = visit.run, visit.drive
        assert run is not None
        request = self._request(visit, run)
        client = await self._clients.of(visit.pipeline, fresh=True)
        if (
            not self._world.kube.acts
        ):  # another replica may act by now: it will look for this run, never find it, and send it
            return False
        drive.memory = drive.memory.posting()
        self._observe_latency(visit.pipeline.namespace, run)
        try:
            made = await client.trigger_run(job_id=visit.spec.job_id, request=request, not_after=action.not_after)
        except (errors.Refused, errors.NotFound) as error:
            drive.memory = drive.memory.unsent(error, now=self._world.clock.now())
            return True
        except errors.AuthenticationFailed as error:  # nothing happened; a new token may be there soon
            drive.memory = drive.memory.unsent(errors.Unreachable(str(error)), now=self._world.clock.now())
            raise
        except errors.DbtCloudError as error:
            drive.memory = drive.memory.unsent(error, now=self._world.clock.now())
            raise
        drive.memory = drive.memory.sent(run_id=made.id)
        return True

    def _request(self, visit: Visit, run: DbtRun) -> TriggerRequest:
        cause = marker.cause_of(sentence=f"freshet: {run.cause}", token=run.token)
        if run.parse:
            return TriggerRequest(cause=cause, steps_override=(PARSE_STEP,))
        if visit.spec.mode != "Select":
            return TriggerRequest(cause=cause)
        steps = selection.steps(
            command=visit.spec.command,
            nodes=self._batcher.nodes(visit.pipeline, run),
            options=selection.parse_options(run.options),
        )
        return TriggerRequest(cause=cause, steps_override=steps)

    def _observe_latency(self, namespace: str, run: DbtRun) -> None:
        names = {name for versions in run.versions.values() for name in versions}
        times = [self._world.cache.seen_at(Key("Asset", namespace, name)) for name in names]
        seen = [at for at in times if at is not None]
        if seen:
            telemetry.trigger_latency.observe(max(0.0, self._world.clock.monotonic() - max(seen)))

    async def _look(self, visit: Visit, action: actions.Look) -> bool:
        began, drive = self._world.clock.now(), visit.drive
        client = await self._clients.of(visit.pipeline)
        try:
            found = await find_runs(client, job_id=visit.spec.job_id, token=action.token, since=action.since)
        except errors.DbtCloudError:
            drive.memory = drive.memory.look_failed(began=began)
            raise
        drive.memory = drive.memory.looked(began=began, run_ids=tuple(run.id for run in found))
        return True

    async def _record_id(self, visit: Visit, action: actions.RecordId) -> bool:
        assert visit.run is not None
        if action.duplicates:
            message = f"runs {action.duplicates} carry the marker of run {action.run_id}: somebody copied its cause"
            self._world.kube.emit(visit.pipeline, type="Warning", reason="DuplicateMarker", message=message)
        url = self._url(visit, action.run_id)
        await self._record(visit.pipeline, run=msgspec.structs.replace(visit.run, id=str(action.run_id), url=url))
        now = self._world.clock.now()
        visit.drive.memory = visit.drive.memory.unseen(now=now)
        self._world.kube.emit(visit.pipeline, type="Normal", reason="RunStarted", message=f"{visit.run.cause}: {url}")
        return True

    async def _poll(self, visit: Visit, action: actions.Poll) -> bool:
        client, drive = await self._clients.of(visit.pipeline), visit.drive
        try:
            run = await client.get_run(run_id=action.run_id)
        except errors.NotFound:
            drive.memory = drive.memory.poll_missed(now=self._world.clock.now(), not_found=True)
            return True
        except errors.DbtCloudError:
            drive.memory = drive.memory.unseen(now=self._world.clock.now())
            raise
        drive.memory = drive.memory.polled(run, now=self._world.clock.now())
        if not run.done:
            drive.ended.discard(action.run_id)
        return True

    async def _cancel(self, visit: Visit, action: actions.Cancel) -> bool:
        """The reason is recorded first: what it means that the run was cancelled must survive a crash."""
        client, drive = await self._clients.of(visit.pipeline), visit.drive
        assert visit.run is not None
        if visit.run.cancelled is None:
            await self._record(visit.pipeline, run=msgspec.structs.replace(visit.run, cancelled=action.why))
            self._world.kube.emit(
                visit.pipeline, type="Warning", reason="RunCancelled", message=f"{action.why}: {visit.run.url}"
            )
        drive.memory = drive.memory.cancelling(now=self._world.clock.now())
        with suppress(errors.Refused, errors.AmbiguousAnswer):  # it may have ended; else it is asked for once more
            await client.cancel_run(run_id=action.run_id)
        drive.ended.add(action.run_id)
        return True

    def _why_cancel(self, visit: Visit, now: datetime) -> str | None:
        """Why the run should be ended: it takes longer than all of its models may, or its Pipeline is suspended."""
        run, known = visit.run, visit.drive.memory.run
        if run is None or run.id is None or (known is not None and known.done):
            return None
        if run.cancelled is not None:
            return run.cancelled
        if visit.pipeline.spec.suspend and visit.spec.cancel_on_suspend:
            return f"{SUSPENDED}: the Pipeline was suspended"
        if known is None or known.started_at is None:
            return None  # what waits in dbt Cloud's queue takes no time
        limit = self._limit(visit.pipeline, run)
        began = min(known.started_at, visit.drive.memory.polled_at or now)
        if limit is None:
            return None
        visit.wake(began + limit)
        return f"{TIMEOUT}: it took longer than {limit}" if now >= began + limit else None

    def _limit(self, pipeline: Pipeline, run: DbtRun) -> timedelta | None:
        """The longest timeout of its models: to end the run is to end them all."""
        assets = [self._world.cache.assets.get(Key("Asset", pipeline.namespace, name)) for name in run.assets]
        limits = []
        with suppress(ValueError):
            limits += [run_timeout(pipeline)] if run.parse else []
        for asset in filter(None, assets):
            with suppress(ValueError):
                limits += [effective(asset=asset, pipeline=pipeline).timeout]
        return max(limits, default=None)

    async def _fetch(self, visit: Visit, action: actions.FetchResults) -> bool:
        client, drive = await self._clients.of(visit.pipeline), visit.drive
        assert drive.memory.run is not None
        drive.results = await self._rewards.fetch(client, drive.memory.run, pipeline=visit.pipeline)
        drive.memory = drive.memory.fetched(now=self._world.clock.now(), complete=drive.results.complete)
        return True

    async def _finish(self, visit: Visit, action: actions.Finish) -> bool:
        """Hand each asset what its run came to; clear the intent once all have taken it in."""
        run, intent, results = visit.drive.memory.run, visit.run, visit.drive.results
        assert run is not None
        assert intent is not None
        if results is not None and results.steps is not None and not results.complete:
            results = self._rewards.completed(visit.pipeline, run, results)
        if self._rewards.own(visit.pipeline, intent, run, results):
            visit.wake(self._world.clock.now() + DELIVERY)
            return False
        built = results.built if results else 0
        spent = self._spent(visit.pipeline, built - self._reserved(visit))
        await self._record(visit.pipeline, run=None, **self._after(visit, run), **({"spent": spent} if spent else {}))
        telemetry.dbt_cloud_models_built_total.inc(built)
        self._tell(visit, run, intent)
        if intent.parse or run.succeeded:
            self._world.parses.settle(pipeline_key(visit.pipeline, visit.pipeline.name))
        visit.drive.clear_run()
        self._line.wake(visit.spec)
        self._world.discover(visit.pipeline, run)
        return True

    def _after(self, visit: Visit, run: model.Run) -> dict[str, Any]:
        """The cursor knows the run, so that it is not taken for somebody else's; failures in a row are counted."""
        status = visit.pipeline.status.dbt_cloud
        now = self._world.clock.now()
        counted = {"failures": failures_after(status.failures, run, job_id=visit.spec.job_id), "last_end": now}
        if status.cursor is None:
            return counted
        cursor = foreign.parse_cursor(status.cursor, now=now)
        polled = visit.drive.polled_at
        caught_up = polled is not None and now < polled + foreign.OVERLAP / 4 and not visit.drive.foreign
        after = foreign.advance(cursor, runs=[run])[1] if caught_up else foreign.noted(cursor, run=run)
        return {**counted, "cursor": str(after)}

    def _tell(self, visit: Visit, run: model.Run, intent: DbtRun) -> None:
        kind, reason = ("Normal", "RunSucceeded") if run.succeeded else ("Warning", "RunFailed")
        if run.cancelled:
            reason = "RunWasCancelled"
        self._world.kube.emit(visit.pipeline, type=kind, reason=reason, message=f"{run.message}: {intent.url}")

    async def _abandon(self, visit: Visit, action: actions.Abandon) -> bool:
        assert visit.run is not None
        spent = self._spent(visit.pipeline, -self._reserved(visit))
        await self._record(visit.pipeline, run=None, **({"spent": spent} if spent else {}))
        visit.drive.clear_run()
        self._line.wake(visit.spec)
        if action.reason != "NotNeeded":
            self._refuse(visit, action, parse=visit.run.parse)
        return True

    def _refuse(self, visit: Visit, action: actions.Abandon, *, parse: bool) -> None:
        """Said once, and not asked again until the spec changes, or for an hour."""
        trouble, until = trouble_of(action.reason, action.message), self._world.clock.now() + REFUSED
        if parse:
            self._world.parses.refuse(pipeline_key(visit.pipeline, visit.pipeline.name), trouble, until=until)
            self._world.queue.add(discovery_key(visit.key.namespace, visit.key.name))
            return
        generation = visit.pipeline.metadata.generation
        visit.drive.refusal = Refusal(trouble=trouble, until=until, generation=generation, sends_only=True)
        visit.drive.job = None  # was it deactivated?

    async def _record(self, pipeline: Pipeline, **changes: Any) -> None:
        key = Key("Pipeline", pipeline.namespace, pipeline.name)
        newest = self._world.cache.pipelines.get(key) or pipeline
        dbt = msgspec.structs.replace(newest.status.dbt_cloud, **changes)
        await self._world.write_status(newest, msgspec.structs.replace(newest.status, dbt_cloud=dbt))
