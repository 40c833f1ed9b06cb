"""Writes on the Pipeline what must survive a crash: the run that is meant or under way, and the day's budget."""

from typing import Any

import msgspec

from freshet.api.pipeline import Pipeline
from freshet.api.pipeline_status import DbtRun, Spent
from freshet.controllers.dbt_batch import Batcher, day_of, spent_on
from freshet.controllers.dbt_drive import Visit
from freshet.controllers.dbt_places import place_of
from freshet.controllers.world import World
from freshet.runtime import logs

__all__ = ["Recorder", "note_run", "run_url"]

NAMED = 20
"""Of the assets of a run, on each line of the log about it."""


class Recorder:
    """Each call is one PATCH, which names the resourceVersion that is known."""

    def __init__(self, *, world: World, batcher: Batcher) -> None:
        self._world, self._batcher = world, batcher

    async def record(self, pipeline: Pipeline, **changes: Any) -> None:
        """These fields of ``status.dbtCloud``. Raises Conflict where the Pipeline is not as it is known."""
        newest = self._world.newest(pipeline)
        dbt = msgspec.structs.replace(newest.status.dbt_cloud, **changes)
        await self._world.write_status(newest, msgspec.structs.replace(newest.status, dbt_cloud=dbt))

    def spent(self, pipeline: Pipeline, more: int) -> Spent | None:
        """The day's budget with this many more; nothing is counted where there is none."""
        spec, now = pipeline.spec.dbt_cloud, self._world.clock.now()
        if spec is None or spec.max_models_per_day is None:
            return None
        return Spent(day=day_of(now), models=max(0, spent_on(pipeline, now) + more))

    def reserved(self, visit: Visit) -> int:
        """How many models the run was counted with when it was meant."""
        return self._batcher.reserved(visit.pipeline, visit.run) if visit.run else 0


def run_url(visit: Visit, run_id: int) -> str:
    """The run's page."""
    host, account = place_of(visit.spec)
    return f"{host}/deploy/{account}/runs/{run_id}"


def note_run(run: DbtRun) -> None:
    """From here to the end of the visit, lines of the log are about this run, by its marker until it has an id."""
    more = ("…",) if len(run.assets) > NAMED else ()
    logs.note(run=run.id or run.token, assets=",".join((*run.assets[:NAMED], *more)))
