"""Who may start a run of a dbt Cloud job now, and who stands in line, in which order, and how that is shown.

``maxConcurrentRuns`` counts over all Pipelines that name one job. What is under way stands in their status; the line
itself is in memory: after a restart those who want a run come again.
"""

from collections.abc import Iterable, Mapping

from freshet.api import conditions
from freshet.api.pipeline import DbtCloudSpec, Pipeline
from freshet.api.view import Key
from freshet.controllers.dbt_places import Job, job_of, job_of_run
from freshet.controllers.world import World, dbt_key
from freshet.core.situation import Waiting

__all__ = ["Line", "queued"]


class Line:
    """First come, first served, per job."""

    def __init__(self, *, world: World) -> None:
        self._world = world
        self._waiting: dict[Job, list[Key]] = {}
        self._starting: dict[Key, Job] = {}
        self._shown: dict[Key, set[Key]] = {}

    def take(self, key: Key, spec: DbtCloudSpec) -> bool:
        """Take a place for a run, or stand in line, and in no other: a Pipeline may have named another job before.

        A place that is taken holds until :meth:`settled`.
        """
        job = job_of(spec)
        for other in [known for known in self._waiting if known != job]:
            self._leave(key, other)
        line = self._waiting.setdefault(job, [])
        if key not in line:
            line.append(key)
        if line.index(key) >= self._free(job):
            return False
        self._starting[key] = job
        self._leave(key, job)
        return True

    def settled(self, key: Key) -> None:
        """The run that the place was taken for is recorded, or was not started after all."""
        self._starting.pop(key, None)

    def leave(self, key: Key) -> None:
        """Nothing is wanted any more (or its run has ended): whoever waits may look."""
        self.settled(key)
        for job in list(self._waiting):
            self._leave(key, job)

    def wake(self, job: Job) -> None:
        """A run of the job has ended: those who wait look again."""
        for key in self._waiting.get(job, ()):
            self._world.queue.add(key)

    def message(self, key: Key, spec: DbtCloudSpec) -> str:
        """Where one stands, in words."""
        line = self._waiting.get(job_of(spec), [])
        place = line.index(key) + 1 if key in line else 1
        return f"{_ordinal(place)} in line for dbt Cloud job {spec.job_id}, behind runs of other Pipelines"

    def hold(self, key: Key, waiting: Mapping[str, Waiting]) -> None:
        """Show why these models of a Pipeline wait; what waited before and does not any more is let go."""
        held = {Key("Asset", key.namespace, name): why for name, why in waiting.items()}
        for asset, why in held.items():
            if self._world.held.get(asset) != why:
                self._world.held[asset] = why
                self._world.queue.add(asset)
        self._let_go(self._shown.pop(key, set()) - held.keys())
        if held:
            self._shown[key] = set(held)

    def release(self, key: Key) -> None:
        """None of a Pipeline's models waits here any more."""
        self._let_go(self._shown.pop(key, set()))

    def _let_go(self, assets: Iterable[Key]) -> None:
        for asset in assets:
            if self._world.held.pop(asset, None) is not None:
                self._world.queue.add(asset)

    def _leave(self, key: Key, job: Job) -> None:
        line = self._waiting.get(job, [])
        if key in line:
            line.remove(key)
            for behind in line:
                self._world.queue.add(behind)
        if not line:
            self._waiting.pop(job, None)

    def _free(self, job: Job) -> int:
        named = [pipeline for pipeline in self._world.cache.pipelines if _names(pipeline, job)]
        limit = min((it.spec.dbt_cloud.max_concurrent_runs for it in named if it.spec.dbt_cloud), default=1)
        under_way = {dbt_key(it.namespace, it.name) for it in self._world.cache.pipelines if _runs(it, job)}
        under_way |= {key for key, taken in self._starting.items() if taken == job}
        return limit - len(under_way)


def queued(message: str) -> Waiting:
    """Standing in line."""
    return Waiting(reason=conditions.QUEUED, message=message)


def _names(pipeline: Pipeline, job: Job) -> bool:
    return pipeline.spec.dbt_cloud is not None and job_of(pipeline.spec.dbt_cloud) == job


def _runs(pipeline: Pipeline, job: Job) -> bool:
    """Is a run of that job under way for it, whatever job it names by now?"""
    spec, run = pipeline.spec.dbt_cloud, pipeline.status.dbt_cloud.run
    return spec is not None and run is not None and job_of_run(run, spec) == job


def _ordinal(number: int) -> str:
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
