"""How dbt Cloud is, as the condition ``DbtCloudReady`` of the Pipeline: what a person must act on comes first."""

from datetime import datetime, timedelta

import msgspec

from freshet.api import conditions as c
from freshet.api.pipeline import Pipeline
from freshet.api.pipeline_status import DbtRun
from freshet.api.view import Key
from freshet.controllers.dbt_clients import Clients
from freshet.controllers.dbt_drive import Visit
from freshet.controllers.dbt_places import place_of, told, which
from freshet.controllers.dbt_refused import said, trouble_of
from freshet.controllers.world import World
from freshet.core.blame import clock
from freshet.core.case import Trouble
from freshet.core.drafts import Draft, settle
from freshet.dbtcloud import selection
from freshet.dbtcloud.memory import Memory
from freshet.dbtcloud.pacing import Pace

__all__ = ["Health", "pause_after"]

SAID_AT = 10
"""Failed runs in a row from which on a person is told, and runs are spaced out."""
MISSED = timedelta(minutes=1)
ENDS = timedelta(minutes=10)
"""How long a run may take to end once it was cancelled."""
CAREFUL_AT = 90
"""dbt Cloud deactivates a job after a hundred."""
FIRST, LONGEST, CAREFUL = timedelta(minutes=1), timedelta(hours=1), timedelta(hours=24)


def pause_after(failures: int) -> timedelta:
    """How long to wait after that many failed runs of the job in a row."""
    if failures < SAID_AT:
        return timedelta(0)
    return CAREFUL if failures >= CAREFUL_AT else min(FIRST * 2 ** min(failures - SAID_AT, 20), LONGEST)


class Health:
    """Writes the condition; only transitions are written."""

    def __init__(self, *, world: World, clients: Clients) -> None:
        self._world = world
        self._clients = clients

    async def know_job(self, visit: Visit) -> None:
        """Read the job's definition: once per generation of the spec, and now and then, so that a wrong Secret or id
        shows before a run is due. Raises NoToken and what the client raises.
        """
        drive, now = visit.drive, self._world.clock.now()
        if drive.knows_job(visit.pipeline, now):
            return
        client = await self._clients.of(visit.pipeline, fresh=True)
        with drive.asking("job"):
            drive.job = await client.get_job(job_id=visit.spec.job_id)
        drive.job_read_at, drive.job_generation = now, visit.pipeline.metadata.generation

    async def settle(self, visit: Visit) -> None:
        """Record what is the matter, or that nothing is."""
        trouble, drive = self._trouble(visit), visit.drive
        if trouble is None and not drive.answered:
            return
        draft = Draft(type=c.DBT_CLOUD_READY, status="True", reason=c.REACHABLE, message=_lost(visit))
        if trouble is not None:
            draft = Draft(type=c.DBT_CLOUD_READY, status="False", reason=trouble.reason, message=trouble.message)
        newest = self._newest(visit)
        if newest is None:
            return
        old, generation = newest.status.conditions, newest.metadata.generation
        settled = settle(old=old, drafts=[draft], generation=generation, now=self._world.clock.now())
        known = c.find(old, type=c.DBT_CLOUD_READY)
        others = tuple(condition for condition in old if condition.type != c.DBT_CLOUD_READY)
        status = msgspec.structs.replace(newest.status, conditions=(*others, *settled))
        written = settled[0] != known and await self._world.write_status(newest, status)
        if written and trouble is not None and (known is None or known.reason != trouble.reason):
            self._world.tell(newest, type="Warning", reason=trouble.reason, message=trouble.message)

    def _trouble(self, visit: Visit) -> Trouble | None:
        drive, now = visit.drive, self._world.clock.now()
        if drive.pace.reason is not None:
            return trouble_of(drive.pace.reason, drive.pace.message + _again(drive.pace))
        if drive.unread.reason is not None:
            return trouble_of(drive.unread.reason, drive.unread.message)
        if drive.job is not None and drive.job.deactivated:
            message = f"dbt Cloud has deactivated job {visit.spec.job_id}: mend what fails and activate it there"
            return Trouble(reason=c.JOB_FAILING, message=message)
        refusal, pipeline = drive.refused(visit.pipeline, now), self._world.newest(visit.pipeline)
        if refusal is not None:
            return refusal.trouble
        refused = said(pipeline)
        if refused is not None:
            return Trouble(reason=refused.reason, message=refused.message)
        run = pipeline.status.dbt_cloud.run
        if run is not None and run.left_at is not None:
            return Trouble(reason=c.RUN_OUT_OF_REACH, message=_left(run, visit))
        if run is not None and _is_missing(drive.memory):
            return Trouble(reason=c.RUN_NOT_FOUND, message=_missing(run, visit))
        if run is not None and drive.uncancelled is not None:
            message = f"{drive.uncancelled}; until then {which(run, visit.spec)} goes on to the end that it comes to"
            return Trouble(reason=c.AUTHENTICATION_FAILED, message=message)
        since = drive.memory.cancelled_since
        if run is not None and since is not None and now >= since + ENDS:
            return Trouble(reason=c.RUN_NOT_ENDING, message=_endless(run, visit, since))
        failures = pipeline.status.dbt_cloud.failures
        if failures < SAID_AT:
            return None
        message = (
            f"{failures} runs of dbt Cloud job {visit.spec.job_id} in a row have failed, and dbt Cloud deactivates a "
            f"job after 100: look at its newest run; until one succeeds, runs are {pause_after(failures)} apart"
        )
        return Trouble(reason=c.JOB_FAILING, message=message)

    def _newest(self, visit: Visit) -> Pipeline | None:
        return self._world.cache.pipelines.get(Key("Pipeline", visit.key.namespace, visit.key.name))


def _again(pace: Pace) -> str:
    """What comes back by itself is tried again by itself."""
    if pace.reason != c.UNREACHABLE or pace.blocked_until is None:
        return ""
    return f"; next try {clock(pace.blocked_until)}"


def _left(run: DbtRun, visit: Visit) -> str:
    named = told(place_of(visit.spec))
    return (
        f"{which(run, visit.spec)} cannot be followed, since dbtCloud names {named}: name the place of the run again; "
        "else what is due is asked anew when the timeout of its models has passed"
    )


def _is_missing(memory: Memory) -> bool:
    """For longer than a run that was just made may be unknown?"""
    since, still = memory.missing_since, memory.missed_at
    return since is not None and still is not None and still >= since + MISSED


def _missing(run: DbtRun, visit: Visit) -> str:
    return (
        f"dbt Cloud answers that there is no {which(run, visit.spec)} (it is gone, or the token may not see it): when "
        "its models' timeout has passed, half an hour at least, what is due is asked anew"
    )


def _endless(run: DbtRun, visit: Visit, since: datetime) -> str:
    return (
        f"{which(run, visit.spec)} goes on although its end has been asked for since {clock(since)}: end it there; "
        "it may be building, so nothing else is started until dbt Cloud says that it has ended, or does not know it"
    )


def _lost(visit: Visit) -> str:
    """What the job's own commands do and ours, which replace them, do not."""
    job = visit.drive.job
    if job is None or visit.spec.mode != "Select":
        return ""
    steps = job.execute_steps
    lost = selection.lost_by_override(execute_steps=steps, generate_docs=bool(job.generate_docs))
    missing = [word for word in lost if word not in visit.spec.command]
    if not missing:
        return ""
    return f"runs replace the job's own commands, and with them: {', '.join(missing)}; see dbtCloud.command and mode"
