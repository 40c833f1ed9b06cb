"""Finds what the newest runs left in dbt Cloud and reads it: the manifest, how fresh sources are, what was built.

Runs of pull requests, or with another branch, schema or target, say nothing of these tables: their manifests are not
read. A manifest may have 100 MB, and one of the commit that was read last has little new to say: it is read once that
takes no more than a twentieth of the time. An artifact that does not come, again and again, although others do, is done
without in the end: one broken file must not hold up a project.
"""

import asyncio
import tempfile
from collections.abc import Collection, Iterable, Mapping, Set
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from freshet.api.pipeline import DbtCloudSpec
from freshet.dbtcloud import errors, manifest
from freshet.dbtcloud.client import DbtCloud, RunQuery
from freshet.dbtcloud.foreign import judge
from freshet.dbtcloud.manifest import Manifest
from freshet.dbtcloud.model import Run
from freshet.dbtcloud.outcomes import same_relation
from freshet.dbtcloud.results import Missing, StepResults, artifact_steps, merge, parse, source_steps
from freshet.dbtcloud.sources import SourceState, parse_sources
from freshet.runtime.clock import Clock

__all__ = ["LATE", "OLDEST", "Glance", "Read", "Reader"]

FEW, MANY, OLDEST = 20, 100, 1000
BROKEN, MOST_BROKEN = (errors.Refused, errors.ServerError, errors.Unreachable), 3
SOONEST, LATEST, SHARE = timedelta(seconds=2), timedelta(hours=1), 20
"""A manifest of the same commit is read, too, since packages, variables and dbt itself may have changed: after so many
times what reading the last one took, and so long at most.
"""
LATE = timedelta(minutes=10)
"""A run's artifacts may come so long after its end."""


@dataclass(frozen=True, kw_only=True)
class Read:
    """A manifest, the newest run whose code it is, when it was read and how long that took.

    ``skipped``: the run has left one of the same commit that was not read yet.
    """

    manifest: Manifest
    run: Run
    at: datetime
    took: timedelta = timedelta(0)
    skipped: bool = False

    @property
    def again_at(self) -> datetime:
        """From then on a manifest of the same commit is worth reading."""
        return self.at + min(LATEST, self.took * SHARE)

    def covers(self, run: Run) -> bool:
        """Is the run not newer than what was read?"""
        return _end(run) <= _end(self.run)


@dataclass(frozen=True, kw_only=True)
class Glance:
    """``runs`` that count and have ended, newest first; ``newest`` of the job itself, whatever its kind and state;
    ``more``: there may be older ones.
    """

    runs: tuple[Run, ...]
    newest: Run | None = None
    more: bool = False

    def joined(self, other: "Glance") -> "Glance":
        """With what the other one saw: the list may lag behind a run whose end is known."""
        runs = {run.id: run for run in (*other.runs, *self.runs)}
        ids = [run for run in (self.newest, other.newest) if run is not None]
        newest = max(ids, key=lambda run: run.id, default=None)
        return Glance(runs=tuple(sorted(runs.values(), key=_end, reverse=True)), newest=newest)


class Reader:
    """Every method asks dbt Cloud, and raises what its client raises.

    A few artifacts are done without, if others come: what is refused for good (one that is too large, for example) and,
    unless ``patient``, what may come yet.
    """

    def __init__(
        self, client: DbtCloud, *, spec: DbtCloudSpec, environment: int | None, clock: Clock, patient: bool = True
    ) -> None:
        self._client, self._spec, self._environment, self._clock = client, spec, environment, clock
        self._patient, self._spare = patient, MOST_BROKEN
        self.missed: dict[int, Run] = {}
        """Runs of which an artifact was not there, or only a part of it."""
        self.unasked: frozenset[str] = frozenset()
        """Nodes that none of the ``OLDEST`` newest runs has built: older ones were not asked."""

    async def glance(self, *, deep: bool, offset: int = 0) -> Glance:
        """The newest runs, but for the ``offset`` newest; ``deep``: ``MANY`` of them, with their steps."""
        spec = self._spec
        whole = spec.observe != "Job" and self._environment is not None
        query = RunQuery(
            job_id=None if whole else spec.job_id,
            environment_id=self._environment if whole else None,
            limit=MANY if deep else FEW,
            offset=offset,
            related=("trigger", "run_steps") if deep else ("trigger",),
        )
        page = await self._client.list_runs(query=query)
        ended = [run for run in page.runs if self.counts(run)]
        return replace(self.of(ended), newest=self.of(page.runs).newest, more=page.size == query.limit)

    def of(self, runs: Iterable[Run]) -> Glance:
        """These runs, which are known to count; a cancelled one may have left half of something."""
        runs = tuple(runs)
        ended = [run for run in runs if run.finished_at is not None and not run.cancelled]
        newest = max((run for run in runs if run.job == self._spec.job_id), key=lambda run: run.id, default=None)
        return Glance(runs=tuple(sorted(ended, key=_end, reverse=True)), newest=newest)

    def counts(self, run: Run) -> bool:
        """Does the run say something of these tables?"""
        spec = self._spec
        verdict = judge(run, job_id=spec.job_id, environment_id=self._environment, observe=spec.observe)
        return verdict in ("Counts", "Ours") and run.finished_at is not None

    async def newest(self, runs: Iterable[Run], *, last: Read | None, careful: bool) -> Read | None:
        """The newest manifest that is there; ``careful``: the same commit is read again at once.

        Raises ManifestUnreadable, too.
        """
        broken: errors.DbtCloudError | None = None
        for run in runs:
            soon = last is not None and self._clock.now() < last.again_at
            if last is not None and last.covers(run) and (soon or not last.skipped):
                return last
            if last is not None and soon and not careful and _is_same_code(run, last.run):
                return replace(last, run=run, skipped=True)
            try:
                with suppress(errors.NotFound):
                    return await self._read(run)
            except BROKEN as error:
                broken = self._spared(error)
        if last is None and broken is not None:
            raise broken
        return self._in_vain(last) if last is not None else None

    def _in_vain(self, last: Read) -> Read:
        """One of the same commit was asked for and did not come: again a while later, as long as it may come."""
        now = self._clock.now()
        if not last.skipped or now < last.again_at:
            return last
        age = now - (last.run.finished_at or now)
        pause = max(SOONEST, last.took * SHARE, age / 2)
        return replace(last, at=now, took=pause / SHARE, skipped=age < LATE)

    def _spared(self, error: errors.DbtCloudError) -> errors.DbtCloudError:
        """The same, where it can be done without what did not come. Raises it, else."""
        self._spare -= 1
        if self._spare < 0 or (self._patient and not isinstance(error, errors.Refused)):
            raise error
        return error

    async def _read(self, run: Run) -> Read:
        at, began = self._clock.now(), self._clock.monotonic()
        found = await self._manifest(run)
        return Read(manifest=found, run=run, at=at, took=timedelta(seconds=self._clock.monotonic() - began))

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
                broken = self._spared(error)
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
            glance = await self.glance(deep=True, offset=offset)
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
                raw = await self._client.get_artifact(run_id=run.id, path="sources.json", step=step)
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
        now = self._clock.now() + self._client.skew
        young = [run for run in self.missed.values() if run.finished_at is not None and now < run.finished_at + LATE]
        return tuple(sorted(young, key=_end, reverse=True))

    async def _manifest(self, run: Run) -> Manifest:
        with tempfile.TemporaryDirectory(prefix="freshet-") as folder:
            path = Path(folder) / "manifest.json"
            await self._client.get_artifact(run_id=run.id, path=path.name, into=path)
            return await asyncio.to_thread(manifest.load, path)

    async def _steps(self, run: Run, of: Manifest) -> StepResults:
        run = await self._with_steps(run)
        pages = []
        for step, command in artifact_steps(run):
            try:
                raw = await self._client.get_artifact(run_id=run.id, path="run_results.json", step=step)
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
        return await self._client.get_run(run_id=run.id, related=("trigger", "run_steps"))


def _end(run: Run) -> tuple[datetime, int]:
    assert run.finished_at is not None
    return run.finished_at, run.id


def _is_same_code(run: Run, other: Run) -> bool:
    return run.git_sha is not None and run.git_sha == other.git_sha


def _is_about(relation: str | None, model: manifest.Model | None) -> bool:
    return model is not None and same_relation(relation, model.relation) is not False
