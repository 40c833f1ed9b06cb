"""When a run of ours is ended before its time, and why: what it means that it was cancelled follows from the reason.

``timeout`` counts from when dbt Cloud takes the run out of its queue. What still waits there is dbt Cloud's to begin:
it is given more time, since its place in the queue is lost when it is cancelled. Neither that nor a run that never came
to begin is a failure of its models; what is due by then is asked for anew.
"""

from contextlib import suppress
from datetime import datetime, timedelta

import msgspec

from freshet.api.pipeline import Pipeline
from freshet.api.pipeline_status import DbtRun
from freshet.api.view import Key
from freshet.controllers.dbt_clients import Clients
from freshet.controllers.dbt_drive import Visit
from freshet.controllers.dbt_judged import NOT_BEGUN, SUSPENDED, TIMEOUT
from freshet.controllers.dbt_record import Recorder
from freshet.controllers.world import World
from freshet.core.policy import effective, run_timeout
from freshet.dbtcloud import actions, errors, model

__all__ = ["Canceller"]

IN_QUEUE = timedelta(hours=1)
"""How long a run may at least wait in dbt Cloud's queue."""


class Canceller:
    """``why`` before each decision, ``cancel`` where the protocol asks for it."""

    def __init__(self, *, world: World, clients: Clients, recorder: Recorder) -> None:
        self._world, self._clients, self._recorder = world, clients, recorder

    async def cancel(self, visit: Visit, action: actions.Cancel) -> bool:
        """The reason is recorded first: what it means that the run was cancelled must survive a crash."""
        client, drive = await self._clients.of(visit.pipeline), visit.drive
        assert visit.run is not None
        if visit.run.cancelled is None:
            await self._recorder.record(visit.pipeline, run=msgspec.structs.replace(visit.run, cancelled=action.why))
            self._world.tell(
                visit.pipeline, type="Warning", reason="RunCancelled", message=f"{action.why}: {visit.run.url}"
            )
        drive.memory = drive.memory.cancelling(now=self._world.clock.now())
        try:
            with drive.asking("cancel"):
                await client.cancel_run(run_id=action.run_id)
            drive.uncancelled = None
        except (errors.Refused, errors.NotFound, errors.AmbiguousAnswer):
            drive.uncancelled = None  # it may have ended, or be gone; else it is asked for once more
        except errors.AuthenticationFailed as error:
            if error.code != 403:
                raise
            drive.uncancelled = str(error)  # it may look, and so it follows the run to the end that it comes to
        drive.ended.add(action.run_id)
        return True

    def why(self, visit: Visit, now: datetime) -> str | None:
        """Why the run should be ended: it has had its time, or its Pipeline is suspended."""
        run, known = visit.run, visit.drive.memory.run
        if run is None or run.id is None or (known is not None and known.done):
            return None
        if run.cancelled is not None:
            return run.cancelled
        if visit.pipeline.spec.suspend and visit.spec.cancel_on_suspend:
            return f"{SUSPENDED}: the Pipeline was suspended"
        limit = self.limit(visit.pipeline, run)
        return _overdue(visit, run, known, limit=limit, now=now) if known is not None and limit is not None else None

    def limit(self, pipeline: Pipeline, run: DbtRun) -> timedelta | None:
        """The longest timeout of its models: to end the run is to end them all."""
        assets = [self._world.cache.assets.get(Key("Asset", pipeline.namespace, name)) for name in run.assets]
        limits = []
        with suppress(ValueError):
            limits += [run_timeout(pipeline)] if run.parse else []
        for asset in filter(None, assets):
            with suppress(ValueError):
                limits += [effective(asset=asset, pipeline=pipeline).timeout]
        return max(limits, default=None)


def _overdue(visit: Visit, run: DbtRun, known: model.Run, *, limit: timedelta, now: datetime) -> str | None:
    began = known.dequeued_at or known.started_at
    if began is None:
        limit = max(limit, IN_QUEUE)
        since, why = run.at, f"{NOT_BEGUN}: it was in dbt Cloud's queue for {limit}"
    else:  # by the service's clock, which may be ahead of ours, or behind
        since = max(run.at, min(began, visit.drive.memory.polled_at or now))
        running, starting = f"{TIMEOUT}: it took longer than {limit}", f"{NOT_BEGUN}: it was starting for {limit}"
        why = starting if known.started_at is None else running
    if now < since + limit:
        visit.wake(since + limit)
        return None
    return why
