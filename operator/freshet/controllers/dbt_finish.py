"""The end of a run that was meant: its results handed over and the intent cleared, or the intent given up."""

from datetime import timedelta
from typing import Any

from freshet.api import conditions
from freshet.api.pipeline_status import DbtRun
from freshet.controllers.dbt_clients import Clients
from freshet.controllers.dbt_drive import Visit
from freshet.controllers.dbt_foreign import failures_after
from freshet.controllers.dbt_line import Line
from freshet.controllers.dbt_places import job_of_run, which
from freshet.controllers.dbt_record import Recorder
from freshet.controllers.dbt_refused import refusal_of
from freshet.controllers.dbt_results import Results, Rewards
from freshet.controllers.world import World, discovery_key, pipeline_key
from freshet.dbtcloud import actions, errors, foreign, model
from freshet.runtime import telemetry

__all__ = ["Finisher"]

DELIVERY = timedelta(seconds=5)
GIVEN_UP = (conditions.RUN_OUT_OF_REACH, conditions.RUN_NOT_FOUND)
"""It was sent, and nobody can tell what becomes of it."""


class Finisher:
    """Each method is one action of the protocol, and returns whether there is more to do at once."""

    def __init__(self, *, world: World, clients: Clients, rewards: Rewards, recorder: Recorder, line: Line) -> None:
        self._world, self._clients, self._rewards = world, clients, rewards
        self._recorder, self._line = recorder, line

    async def fetch(self, visit: Visit, action: actions.FetchResults) -> bool:
        """Read what its steps left. Whose tests those are, and which a model has, only the project's manifest tells."""
        if not self._world.is_explored(visit.pipeline):
            return False
        client, drive = await self._clients.of(visit.pipeline), visit.drive
        assert drive.memory.run is not None
        with drive.asking("results"):
            drive.results = await self._rewards.fetch(client, drive.memory.run, pipeline=visit.pipeline)
        if isinstance(drive.results.trouble, errors.AuthenticationFailed):
            await self._clients.has_new_token(visit.pipeline)
        drive.memory = drive.memory.fetched(now=self._world.clock.now(), complete=drive.results.complete)
        return True

    async def finish(self, visit: Visit, action: actions.Finish) -> bool:
        """Hand each asset what its run came to; clear the intent once all have taken it in."""
        run, intent, results = visit.drive.memory.run, visit.run, visit.drive.results
        assert run is not None
        assert intent is not None
        if results is not None and results.steps is not None and not results.complete:
            results = self._rewards.completed(visit.pipeline, run, results, ours=True)
        if self._rewards.own(visit.pipeline, intent, run, results):
            visit.wake(self._world.clock.now() + DELIVERY)
            return False
        built = results.built if results else 0
        spent = self._recorder.spent(visit.pipeline, built - self._recorder.reserved(visit))
        await self._recorder.record(
            visit.pipeline, run=None, **self._after(visit, run), **({"spent": spent} if spent else {})
        )
        telemetry.dbt_cloud_models_built_total.inc(built)
        self._tell(visit, run, intent)
        if results is not None:
            self._rewards.tell_unknown(visit.pipeline, run, results, intent.assets)
            self._tell_missing(visit, run, results)
        if intent.parse or run.succeeded:
            self._world.parses.settle(pipeline_key(visit.pipeline, visit.pipeline.name))
        visit.drive.clear_run()
        self._line.wake(job_of_run(intent, visit.spec))
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
        self._world.tell(visit.pipeline, type=kind, reason=reason, message=f"{run.message}: {intent.url}")

    def _tell_missing(self, visit: Visit, run: model.Run, results: Results) -> None:
        """What dbt Cloud has said of results that did not come."""
        if results.complete or results.trouble is None:
            return
        message = f"{run.message}, but run_results.json did not come ({results.trouble}): it counts as it ended"
        self._world.tell(visit.pipeline, type="Warning", reason="ResultsMissing", message=message)

    async def abandon(self, visit: Visit, action: actions.Abandon) -> bool:
        """Nothing was started, or it is lost: clear the intent, and record why where it was refused."""
        run = visit.run
        assert run is not None
        spent = self._recorder.spent(visit.pipeline, -self._recorder.reserved(visit))
        refused = self._refused(visit, action, run)
        await self._recorder.record(visit.pipeline, run=None, **({"spent": spent} if spent else {}), **refused)
        visit.drive.clear_run()
        self._line.wake(job_of_run(run, visit.spec))
        if action.reason in GIVEN_UP:
            message = (
                f"{which(run, visit.spec)} is not waited for any more: {action.message}; what is due is asked anew"
            )
            self._world.tell(visit.pipeline, type="Warning", reason="RunGivenUp", message=message)
        elif refused and run.parse:
            self._world.parses.settle(pipeline_key(visit.pipeline, visit.pipeline.name))
            self._world.queue.add(discovery_key(visit.key.namespace, visit.key.name))
        elif refused:
            visit.drive.job = None  # was it deactivated?
        return True

    def _refused(self, visit: Visit, action: actions.Abandon, run: DbtRun) -> dict[str, Any]:
        """What to record of it beside that it is over."""
        if action.reason in ("NotNeeded", *GIVEN_UP):
            return {}
        stamp = self._clients.stamp(visit.pipeline)
        refused = refusal_of(visit, run, action, token=stamp, now=self._world.clock.now())
        return {"parse_refused" if run.parse else "refused": refused}
