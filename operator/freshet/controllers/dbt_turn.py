"""What a Pipeline's job may run now: what is due, unless something holds it back; whoever waits is told why."""

from datetime import datetime, timedelta

from freshet.api import conditions
from freshet.api.pipeline import DbtCloudSpec
from freshet.controllers.dbt_batch import Batch, Batcher
from freshet.controllers.dbt_drive import Visit
from freshet.controllers.dbt_health import pause_after
from freshet.controllers.dbt_line import Line, queued
from freshet.controllers.dbt_refused import Refusals
from freshet.controllers.world import World
from freshet.core.situation import Waiting

__all__ = ["Turns"]


class Turns:
    """``batch`` while no run is meant."""

    def __init__(self, *, world: World, batcher: Batcher, line: Line, refusals: Refusals) -> None:
        self._world, self._batcher, self._line, self._refusals = world, batcher, line, refusals

    async def batch(self, visit: Visit) -> Batch | None:
        """What to run now; None where nothing may be started, and then why is shown."""
        key, pipeline, now = visit.key, visit.pipeline, self._world.clock.now()
        if key in self._world.making:
            return None
        batch = await self._batcher.plan(pipeline, visit.spec)
        self._batcher.pass_on(pipeline, batch)
        budget = _budget(visit.spec, now)
        spent = {name: budget for name, why in batch.left.items() if why == conditions.BUDGET_EXHAUSTED}
        if spent:
            visit.wake(_tomorrow(now))
        if not batch:
            await self._refusals.over(visit)
            self._line.leave(key)
            self._line.hold(key, spent)
            return None
        later = self._later(visit, now)
        visit.wake(later)
        if later is not None or self._refusals.holds(visit, batch) or _is_off(visit):
            self._line.leave(key)
            spaced = dict.fromkeys(batch.build, _spaced(visit, later)) if later is not None else {}
            self._line.hold(key, {**spaced, **spent})
            return None
        if not self._line.take(key, visit.spec):
            standing = queued(self._line.message(key, visit.spec))
            self._line.hold(key, {**dict.fromkeys(batch.build, standing), **spent})
            return None
        self._line.hold(key, spent)
        return batch

    def _later(self, visit: Visit, now: datetime) -> datetime | None:
        """A job that keeps failing is run rarely. An end that is to come was told by a clock that was ahead."""
        ended, pause = visit.pipeline.status.dbt_cloud.last_end, pause_after(visit.pipeline.status.dbt_cloud.failures)
        at = ended + pause if ended is not None else None
        return at if at is not None and ended is not None and ended <= now < at else None


def _spaced(visit: Visit, until: datetime) -> Waiting:
    """Whoever asks: dbt Cloud deactivates a job that keeps failing."""
    failures, job = visit.pipeline.status.dbt_cloud.failures, visit.spec.job_id
    message = f"{failures} runs of dbt Cloud job {job} in a row have failed: look at the newest; runs are spaced out"
    return Waiting(reason=conditions.JOB_FAILING, message=message, until=until)


def _is_off(visit: Visit) -> bool:
    return visit.drive.job is not None and bool(visit.drive.job.deactivated)


def _budget(spec: DbtCloudSpec, now: datetime) -> Waiting:
    message = f"maxModelsPerDay {spec.max_models_per_day} is used up: the next day (UTC) has a new budget"
    return Waiting(reason=conditions.BUDGET_EXHAUSTED, message=message, until=_tomorrow(now))


def _tomorrow(now: datetime) -> datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
