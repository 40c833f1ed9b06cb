"""Runs that somebody else started: taken in the order of their end, exactly once each, also after a downtime.

The cursor in the Pipeline's status moves past a run only when every asset has taken it in. A run whose results come
late, or that cannot be read, is waited for, for a while; what is behind it in the order waits too, but no run of ours
does. Then its own end is believed, for what its commands name.
"""

from datetime import timedelta
from typing import Any, Literal

from freshet.api.view import Key
from freshet.controllers.dbt_clients import Clients
from freshet.controllers.dbt_drive import Visit, Wait
from freshet.controllers.dbt_places import job_of
from freshet.controllers.dbt_record import Recorder
from freshet.controllers.dbt_results import Results, Rewards
from freshet.controllers.world import World
from freshet.dbtcloud import errors, foreign, model
from freshet.dbtcloud.model import RunStatus
from freshet.dbtcloud.silence import steps_of
from freshet.runtime import logs

__all__ = ["Foreign", "failures_after"]

DELIVERY = timedelta(seconds=5)
COUNTS = ("Counts", "Ours")
Step = Literal["Again", "Delivering", "Idle"]
"""Delivering: some assets have taken a run in and others not yet, so that what is due cannot be told."""


class Foreign:
    """One run a visit."""

    def __init__(self, *, world: World, clients: Clients, rewards: Rewards, recorder: Recorder) -> None:
        self._world, self._clients, self._rewards, self._recorder = world, clients, rewards, recorder
        self._first = timedelta(seconds=world.settings.dbt_poll_fast) / 2
        self._patience = self._first * 300
        self._results: dict[tuple[Key, int], Results] = {}

    async def step(self, visit: Visit) -> Step:
        """Take the next run. Raises DbtCloudError and NoToken."""
        drive, now = visit.drive, self._world.clock.now()
        if drive.polled_at is None:
            return "Idle"
        await self._begin(visit)
        self._skip(visit)
        if not drive.foreign:
            return "Idle"
        run = drive.foreign[0]
        wait = drive.waits.get(run.id)
        if wait is not None and wait.again is not None and now < wait.again:
            visit.wake(wait.again)
            return "Idle"
        if self._verdict(visit, run) not in COUNTS:
            await self._pass(visit, counted=False)
            return "Again"
        if not self._world.is_explored(visit.pipeline):  # whose tests are these, and what is not tested any more?
            return "Idle"
        results = await self._fetch(visit, run)
        if results is None:
            return "Again"
        waiting = self._rewards.foreign(visit.pipeline, run, results)
        if waiting:
            visit.wake(now + DELIVERY)
            return "Delivering"
        self._rewards.tell_unknown(visit.pipeline, run, results)
        await self._pass(visit, counted=True)
        return "Again"

    def forget(self, key: Key) -> None:
        """The Pipeline is gone."""
        for known in [it for it in self._results if it[0] == key]:
            self._results.pop(known)

    async def _begin(self, visit: Visit) -> None:
        """From now on runs of this place count, also those that end while nobody looks."""
        status, (host, account, job) = visit.pipeline.status.dbt_cloud, job_of(visit.spec)
        if status.cursor is not None and (status.host, status.account, status.job) == (host, account, job):
            return
        changes: dict[str, Any] = {"host": host, "account": account, "job": job}
        if status.cursor is None or (status.host, status.account) != (host, account):
            changes["cursor"] = str(foreign.Cursor(at=self._world.clock.now()))
        if status.job is not None:
            changes |= {"failures": 0, "last_end": None}
        await self._recorder.record(visit.pipeline, **changes)

    def _skip(self, visit: Visit) -> None:
        """What the cursor has passed meanwhile."""
        cursor = foreign.parse_cursor(visit.pipeline.status.dbt_cloud.cursor, now=self._world.clock.now())
        while visit.drive.foreign and visit.drive.foreign[0].id in cursor.taken:
            visit.drive.waits.pop(visit.drive.foreign.popleft().id, None)

    def _verdict(self, visit: Visit, run: model.Run) -> foreign.Verdict:
        job, spec = visit.drive.job, visit.spec
        environment = job.environment_id if job else None
        return foreign.judge(run, job_id=spec.job_id, environment_id=environment, observe=spec.observe)

    async def _fetch(self, visit: Visit, run: model.Run) -> Results | None:
        """Its results, as complete as they get; None when they are waited for."""
        known = self._results.get((visit.key, run.id))
        if known is not None:
            return known
        drive, now = visit.drive, self._world.clock.now()
        run, results = await self._read(visit, run)
        wait = drive.waits.get(run.id) or Wait(since=now)
        if not results.complete and now < wait.since + self._patience:
            drive.waits[run.id] = wait.tried(now, first=self._first)
            return None
        if not results.complete:
            results = self._rewards.completed(visit.pipeline, run, results)
            self._tell_missing(visit, run, results)
        self._results[(visit.key, run.id)] = results
        return results

    async def _read(self, visit: Visit, run: model.Run) -> tuple[model.Run, Results]:
        """What dbt Cloud says of it now; of one that cannot be read, what the list has said."""
        drive, client = visit.drive, await self._clients.of(visit.pipeline)
        try:
            with drive.asking("run"):
                run = await client.get_run(run_id=run.id)
        except errors.DbtCloudError as error:
            if not errors.is_of_one(error):
                raise
            missing = steps_of(run, commands=self._commands(visit, run))
            results = Results(complete=False, missing=missing, trouble=error)
        else:
            with drive.asking("results"):
                results = await self._rewards.fetch(client, run, pipeline=visit.pipeline)
        if isinstance(results.trouble, errors.AuthenticationFailed):
            await self._clients.has_new_token(visit.pipeline)
        return run, results

    def _commands(self, visit: Visit, run: model.Run) -> tuple[str, ...]:
        """What a run of this job does unless it says otherwise; of another job nothing is known."""
        job = visit.drive.job
        return job.execute_steps if job is not None and run.job == job.id else ()

    def _tell_missing(self, visit: Visit, run: model.Run, results: Results) -> None:
        untold = ", ".join(results.untold)
        rest = f"; what {untold!r} built cannot be told from its words" if untold else ""
        why = f" ({results.trouble})" if results.trouble else ""
        message = (
            f"{run.message}, but run_results.json did not come{why}: what its commands name counts as it ended{rest}"
        )
        logs.note(run=str(run.id))
        self._world.tell(visit.pipeline, type="Warning", reason="ResultsMissing", message=message)

    async def _pass(self, visit: Visit, *, counted: bool) -> None:
        """The cursor moves past it, and past what follows at once and does not count."""
        drive, pipeline = visit.drive, self._world.newest(visit.pipeline)
        cursor = foreign.parse_cursor(pipeline.status.dbt_cloud.cursor, now=self._world.clock.now())
        failures = pipeline.status.dbt_cloud.failures
        taken = [drive.foreign[0]]
        for run in list(drive.foreign)[1:]:
            if self._verdict(visit, run) in COUNTS:
                break
            taken.append(run)
        for run in taken:
            _, cursor = foreign.advance(cursor, runs=[run])
            failures = failures_after(failures, run, job_id=visit.spec.job_id)
        await self._recorder.record(pipeline, cursor=str(cursor), failures=failures)
        for run in taken:
            drive.foreign.popleft()
            drive.waits.pop(run.id, None)
            self._results.pop((visit.key, run.id), None)
        if counted:
            self._world.discover(pipeline, taken[0])


def failures_after(failures: int, run: model.Run, *, job_id: int) -> int:
    """Failed runs of the job in a row: dbt Cloud deactivates it after a hundred. A cancelled one says nothing."""
    if run.job != job_id or run.cancelled:
        return failures
    return failures + 1 if run.status == RunStatus.ERROR else 0
