"""Asks dbt Cloud which runs have ended, and reads the newest manifest.

Runs of pull requests, or with another branch, schema or target, say nothing of these tables: their manifests are not
read. A manifest may have 100 MB, and one of the commit that was read last has little new to say: it is read once that
takes no more than a twentieth of the time. An artifact that does not come, again and again, although others do, is done
without in the end: one broken file must not hold up a project.
"""

import asyncio
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from freshet.api.pipeline import DbtCloudSpec
from freshet.controllers.dbt_batch import PARSE
from freshet.controllers.discovery_seen import LATE, SHARE, Glance, Read, end_of
from freshet.dbtcloud import errors, manifest
from freshet.dbtcloud.client import DbtCloud, RunQuery
from freshet.dbtcloud.foreign import judge
from freshet.dbtcloud.model import Run
from freshet.dbtcloud.project import Manifest
from freshet.runtime.clock import Clock

__all__ = ["BROKEN", "MANY", "Reader"]

FEW, MANY = 20, 100
BROKEN, MOST_BROKEN = (errors.Refused, errors.ServerError, errors.Unreachable), 3
SOONEST = timedelta(seconds=2)


class Reader:
    """Every method asks dbt Cloud, and raises what its client raises.

    A few artifacts are done without, if others come: what is refused for good (one that is too large, for example) and,
    unless ``patient``, what may come yet.
    """

    def __init__(
        self, client: DbtCloud, *, spec: DbtCloudSpec, environment: int | None, clock: Clock, patient: bool = True
    ) -> None:
        self.client, self._spec, self._environment, self.clock = client, spec, environment, clock
        self._patient, self._spare = patient, MOST_BROKEN

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
        page = await self.client.list_runs(query=query)
        ended = [run for run in page.runs if self.counts(run)]
        return replace(self.of(ended), newest=self.of(page.runs).newest, more=page.size == query.limit)

    def of(self, runs: Iterable[Run]) -> Glance:
        """These runs, which are known to count; a cancelled one may have left half of something, but a person who has
        cancelled a ``dbt parse`` does not want it at once again.
        """
        runs = tuple(runs)
        ended = [run for run in runs if run.finished_at is not None and not run.cancelled]
        parses = [run for run in runs if PARSE in (run.cause or "")]
        looked_at = max((run.finished_at for run in (*ended, *parses) if run.finished_at is not None), default=None)
        newest = max((run for run in runs if run.job == self._spec.job_id), key=lambda run: run.id, default=None)
        return Glance(runs=tuple(sorted(ended, key=end_of, reverse=True)), newest=newest, looked_at=looked_at)

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
            soon = last is not None and self.clock.now() < last.again_at
            if last is not None and last.covers(run) and (soon or not last.skipped):
                return last
            if last is not None and soon and not careful and _is_same_code(run, last.run):
                return replace(last, run=run, skipped=True)
            try:
                with suppress(errors.NotFound):
                    return await self._read(run)
            except BROKEN as error:
                broken = self.spared(error)
        if last is None and broken is not None:
            raise broken
        return self._in_vain(last) if last is not None else None

    def _in_vain(self, last: Read) -> Read:
        """One of the same commit was asked for and did not come: again a while later, as long as it may come."""
        now = self.clock.now()
        if not last.skipped or now < last.again_at:
            return last
        age = now - (last.run.finished_at or now)
        pause = max(SOONEST, last.took * SHARE, age / 2)
        return replace(last, at=now, took=pause / SHARE, skipped=age < LATE)

    def spared(self, error: errors.DbtCloudError) -> errors.DbtCloudError:
        """The same, where it can be done without what did not come. Raises it, else."""
        self._spare -= 1
        if self._spare < 0 or (self._patient and not isinstance(error, errors.Refused)):
            raise error
        return error

    async def _read(self, run: Run) -> Read:
        at, began = self.clock.now(), self.clock.monotonic()
        found = await self._manifest(run)
        return Read(manifest=found, run=run, at=at, took=timedelta(seconds=self.clock.monotonic() - began))

    async def _manifest(self, run: Run) -> Manifest:
        with tempfile.TemporaryDirectory(prefix="freshet-") as folder:
            path = Path(folder) / "manifest.json"
            await self.client.get_artifact(run_id=run.id, path=path.name, into=path)
            return await asyncio.to_thread(manifest.load, path)


def _is_same_code(run: Run, other: Run) -> bool:
    return run.git_sha is not None and run.git_sha == other.git_sha
