"""From what is due to the request for a run: mean it, mean it anew, send it (:mod:`freshet.dbtcloud.protocol`)."""

import logging
from datetime import timedelta

import msgspec

from freshet.api.pipeline import Pipeline
from freshet.api.pipeline_status import DbtRun
from freshet.api.view import Key
from freshet.controllers.dbt_batch import Batch, Batcher
from freshet.controllers.dbt_clients import Clients
from freshet.controllers.dbt_drive import Visit
from freshet.controllers.dbt_finish import Finisher
from freshet.controllers.dbt_places import job_of, job_of_run
from freshet.controllers.dbt_record import Recorder, note_run
from freshet.controllers.world import World
from freshet.dbtcloud import actions, errors, marker, selection
from freshet.dbtcloud.client import TriggerRequest
from freshet.dbtcloud.memory import Intent
from freshet.runtime import telemetry

__all__ = ["Intents"]

logger = logging.getLogger(__name__)

PASSING = timedelta(seconds=1)
"""How long views are given to take in the version that they hand on."""
PARSE_STEP = "dbt parse"


class Intents:
    """Each method is one action of the protocol, and returns whether there is more to do at once."""

    def __init__(
        self, *, world: World, clients: Clients, batcher: Batcher, recorder: Recorder, finisher: Finisher
    ) -> None:
        self._world, self._clients, self._batcher = world, clients, batcher
        self._recorder, self._finisher = recorder, finisher

    async def renew(self, visit: Visit, old: DbtRun, action: actions.WriteIntent, *, settled: bool) -> bool:
        """What was meant was certainly never sent: mean what is due by now instead, or nothing."""
        if job_of_run(old, visit.spec) != job_of(visit.spec):
            message = "it was meant for another job, and never sent: what is due stands in the line of this one"
            return await self._finisher.abandon(visit, actions.Abandon(reason="NotNeeded", message=message))
        if not settled:
            return False
        batch = await self._batcher.plan(visit.pipeline, visit.spec, instead=old)
        if batch.passing:
            self._batcher.pass_on(visit.pipeline, batch)
            visit.wake(self._world.clock.now() + PASSING)
            return False
        if not batch:
            message = "what the run was for is not due any more"
            return await self._finisher.abandon(visit, actions.Abandon(reason="NotNeeded", message=message))
        return await self.write(visit, batch, action, reserved=self._batcher.reserved(visit.pipeline, old))

    async def write(self, visit: Visit, batch: Batch, action: actions.WriteIntent, *, reserved: int = 0) -> bool:
        """Record what is meant; ``reserved``: so many models were counted for what it takes the place of."""
        host, account, job = job_of(visit.spec)
        planned = batch.run(token=action.token, at=action.at)
        meant = msgspec.structs.replace(planned, host=host, account=account, job=job)
        run = self._readable(visit.pipeline, meant)
        spent = self._recorder.spent(visit.pipeline, batch.billed - reserved)
        note_run(run)
        logger.debug("%s: %s: %s", visit.key, action, run.versions)
        await self._recorder.record(visit.pipeline, run=run, **({"spent": spent} if spent else {}))
        visit.drive.memory = visit.drive.memory.wrote(Intent(token=run.token, at=run.at), now=self._world.clock.now())
        visit.drive.results = None
        return True

    def _readable(self, pipeline: Pipeline, run: DbtRun) -> DbtRun:
        """Options that cannot be followed are told of and left out: they must not hold up the job's other models."""
        try:
            asked = selection.parse_options(run.options)
            if pipeline.spec.dbt_cloud and pipeline.spec.dbt_cloud.mode != "Select" and asked.flags():
                raise ValueError("freshet.dev/request: mode WholeJob adds no flag to the job's own steps")
        except ValueError as error:
            message = f"{error}; the run was started without options"
            self._world.tell(pipeline, type="Warning", reason="InvalidRequest", message=message)
            return msgspec.structs.replace(run, options=None)
        return run

    async def post(self, visit: Visit, action: actions.Post) -> bool:
        """Ask for the run, once."""
        run, drive = visit.run, visit.drive
        assert run is not None
        request, (*_, job) = self._request(visit, run), job_of_run(run, visit.spec)
        client = await self._clients.of(visit.pipeline, fresh=True)
        if not self._world.kube.acts:  # another may act by now: it looks for this run, does not find it, and sends it
            return False
        drive.memory = drive.memory.posting()
        self._observe_latency(visit.pipeline.namespace, run)
        try:
            with drive.asking("trigger"):
                made = await client.trigger_run(job_id=job, request=request, not_after=action.not_after)
        except (errors.Refused, errors.NotFound) as error:
            drive.memory = drive.memory.unsent(error, now=self._world.clock.now())
            return True
        except errors.AuthenticationFailed as error:
            if error.code == 403:  # it may look, but not run anything: that is a refusal like any other
                drive.memory = drive.memory.unsent(error, now=self._world.clock.now())
                return True
            # Nothing happened, and a new token may be there soon.
            drive.memory = drive.memory.unsent(errors.Unreachable(str(error)), now=self._world.clock.now())
            raise
        except errors.DbtCloudError as error:
            drive.memory = drive.memory.unsent(error, now=self._world.clock.now())
            raise
        if marker.is_strange(made.cause, token=run.token):
            theirs = errors.AmbiguousAnswer(f"dbt Cloud answered with run {made.id}, which is somebody else's")
            drive.memory = drive.memory.unsent(theirs, now=self._world.clock.now())
            return True
        drive.memory = drive.memory.sent(run_id=made.id)
        return True

    def _request(self, visit: Visit, run: DbtRun) -> TriggerRequest:
        cause = marker.cause_of(sentence=f"{marker.OURS} {run.cause}", token=run.token)
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
