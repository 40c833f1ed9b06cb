"""Gathers what runs left beside their manifests: what they built, what their tests found, how fresh sources are."""

from collections.abc import Collection, Iterable, Mapping, Set
from dataclasses import replace
from datetime import timedelta

from freshet.controllers.discovery_read import BROKEN, MANY, Reader
from freshet.controllers.discovery_seen import LATE, Glance, end_of
from freshet.dbtcloud import errors
from freshet.dbtcloud.model import Run
from freshet.dbtcloud.outcomes import same_relation
from freshet.dbtcloud.project import Manifest, Model
from freshet.dbtcloud.results import Missing, StepResults, merge, parse
from freshet.dbtcloud.sources import SourceState, parse_sources
from freshet.dbtcloud.steps import artifact_steps, source_steps

__all__ = ["OLDEST", "Gatherer"]

OLDEST = 1000
JUST = timedelta(seconds=30)
"""So long after a run's end nothing is built that its results may tell to be there."""


class Gatherer:
    """Every method asks dbt Cloud, and raises what its client raises."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.missed: dict[int, Run] = {}
        """Runs of which an artifact was not there, or only a part of it."""
        self.unasked: frozenset[str] = frozenset()
        """Nodes that none of the ``OLDEST`` newest runs has built: older ones were not asked."""

    async def results(
        self, runs: Iterable[Run], *, wanted: Collection[str], of: Manifest
    ) -> list[tuple[Run, StepResults]]:
        """What the runs (newest first) built of the wanted nodes, as far back as it takes to know each."""
        found, left, broken = [], set(wanted), None
        for run in runs:
            if not left:
                break
            try:
                steps = await self._steps(run, of)
            except BROKEN as error:
                broken = self._reader.spared(error)
                continue
            kept = {key: node for key, node in steps.nodes.items() if key in left and node.built}
            mine = {key: node for key, node in kept.items() if _is_about(node.relation, of.models.get(key))}
            found.append((run, replace(steps, nodes=mine)))
            left -= mine.keys()
        if broken is not None and not found:  # what is not known to be built would be built
            raise broken
        return found

    async def older_results(self, *, wanted: Collection[str], of: Manifest) -> list[tuple[Run, StepResults]]:
        """The same, of the runs before the ``MANY`` newest, as far back as it takes, but not for ever (``unasked``)."""
        found, left, glance = list[tuple[Run, StepResults]](), set(wanted), Glance(runs=(), more=True)
        for offset in range(MANY, OLDEST, MANY):
            if not left or not glance.more:
                break
            glance = await self._reader.glance(deep=True, offset=offset)
            more = await self.results(glance.runs, wanted=left, of=of)
            left -= {key for _, steps in more for key in steps.nodes}
            found += more
        self.unasked = frozenset(left) if glance.more else frozenset()
        return found

    async def states(self, runs: Iterable[Run], *, wanted: Set[str]) -> dict[str, tuple[SourceState, Run]]:
        """How fresh dbt found the wanted sources to be, by the newest run (they come newest first) that looked at each.

        Several runs may look at a part of them. One that looked and has nothing to add ends the search.
        """
        known: dict[str, tuple[SourceState, Run]] = {}
        for run in runs:
            if wanted <= known.keys():
                break
            found = await self.sources(run)
            new = {key: (state, run) for key, state in found.items() if key in wanted and key not in known}
            if wanted & found.keys() and not new:
                break
            known |= new
        return known

    async def sources(self, run: Run) -> Mapping[str, SourceState]:
        """How fresh dbt found the sources to be in that run, by all of its steps; nothing where it did not look."""
        run, states = await self._with_steps(run), dict[str, SourceState]()
        for step in source_steps(run):
            try:
                raw = await self._reader.client.get_artifact(run_id=run.id, path="sources.json", step=step)
            except errors.NotFound:
                raw = None
            except errors.Refused:
                continue
            found = parse_sources(raw)
            if isinstance(found, Missing):
                self.missed[run.id] = run
            else:
                states |= found
        return states

    @property
    def late(self) -> tuple[Run, ...]:
        """Of the runs that lacked an artifact, those that may get it yet, newest first."""
        return self._younger(LATE)

    @property
    def just_ended(self) -> bool:
        """Does what a run left take a moment to come?"""
        return bool(self._younger(JUST))

    def _younger(self, age: timedelta) -> tuple[Run, ...]:
        now = self._reader.clock.now() + self._reader.client.skew
        young = [run for run in self.missed.values() if run.finished_at is not None and now < run.finished_at + age]
        return tuple(sorted(young, key=end_of, reverse=True))

    async def _steps(self, run: Run, of: Manifest) -> StepResults:
        run = await self._with_steps(run)
        pages = []
        for step, command in artifact_steps(run):
            try:
                raw = await self._reader.client.get_artifact(run_id=run.id, path="run_results.json", step=step)
            except errors.NotFound:
                raw = None
            page = parse(raw, command=command, tests=of.tests, models=of.models)
            if isinstance(page, Missing):
                self.missed[run.id] = run
            else:
                pages.append(page)
        return merge(pages)

    async def _with_steps(self, run: Run) -> Run:
        """The service leaves steps empty where they were not asked for."""
        if run.run_steps:
            return run
        return await self._reader.client.get_run(run_id=run.id, related=("trigger", "run_steps"))


def _is_about(relation: str | None, model: Model | None) -> bool:
    return model is not None and same_relation(relation, model.relation) is not False
