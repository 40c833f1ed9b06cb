"""Has a project parsed that no run has looked at: once where there is no manifest at all, and where
``discovery.refreshInterval`` says so.

``dbt parse`` builds nothing and costs no model. A second one does no harm, so that it needs no intent: while any run of
the job is under way, or one was asked for a moment ago, none is started.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from freshet.api import conditions as c
from freshet.api.durations import parse_duration
from freshet.api.pipeline import DbtCloudSpec, Pipeline
from freshet.api.view import Key
from freshet.controllers.dbt_clients import Clients
from freshet.controllers.discovery_read import Glance
from freshet.controllers.world import World, pipeline_key
from freshet.core.state import Trouble
from freshet.dbtcloud import errors
from freshet.dbtcloud.client import TriggerRequest
from freshet.dbtcloud.model import Run

__all__ = ["Parsed", "Parser"]

CAUSE = "freshet: parse the project, to find its models"
STEP = "dbt parse"
LISTED = timedelta(minutes=2)
"""A run that was asked for is in the list by then."""
FAILED_AGAIN = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Parsed:
    """When to look again, and what a person should know meanwhile."""

    look_at: datetime | None = None
    trouble: Trouble | None = None


class Parser:
    """Asks for ``dbt parse``."""

    def __init__(self, *, world: World, clients: Clients) -> None:
        self._world, self._clients = world, clients
        self._asked: dict[Key, datetime] = {}

    async def attend(self, pipeline: Pipeline, spec: DbtCloudSpec, *, glance: Glance, missing: bool) -> Parsed:
        """Start a run where one is needed. ``missing``: no run has left a manifest."""
        now = self._world.clock.now()
        due = self._due(pipeline, spec, glance=glance, missing=missing, now=now)
        if due is None:
            return Parsed()
        if now < due:
            return Parsed(look_at=due)
        if glance.newest is not None and not glance.newest.done:
            return Parsed(look_at=now + self._pause(glance.newest, now), trouble=_waiting(missing))
        if missing and glance.newest is not None and glance.newest.cause == CAUSE and not glance.newest.succeeded:
            return self._failed(glance.newest, now) or await self._start(pipeline, spec, missing=missing)
        return await self._start(pipeline, spec, missing=missing)

    def _due(
        self, pipeline: Pipeline, spec: DbtCloudSpec, *, glance: Glance, missing: bool, now: datetime
    ) -> datetime | None:
        interval = spec.discovery.refresh_interval
        asked = self._asked.get(pipeline_key(pipeline, pipeline.name))
        earliest = asked + LISTED if asked is not None and not _is_listed(glance, asked) else now
        if pipeline.spec.suspend or not (missing or interval):
            return None
        if missing or interval is None:
            return earliest
        ended = [run.finished_at for run in glance.runs if run.finished_at is not None]
        return max(earliest, max(ended) + parse_duration(interval)) if ended else earliest

    async def _start(self, pipeline: Pipeline, spec: DbtCloudSpec, *, missing: bool) -> Parsed:
        client, now = await self._clients.of(pipeline, fresh=True), self._world.clock.now()
        self._asked[pipeline_key(pipeline, pipeline.name)] = now
        request = TriggerRequest(cause=CAUSE, steps_override=(STEP,))
        # Where the answer is lost, the list will say whether it was started.
        with suppress(errors.AmbiguousAnswer):
            await client.trigger_run(job_id=spec.job_id, request=request)
        return Parsed(look_at=now + self._pause(None, now), trouble=_waiting(missing))

    def _failed(self, run: Run, now: datetime) -> Parsed | None:
        """A project that cannot be parsed is not tried again at once: a person must mend it."""
        again = (run.finished_at or now) + FAILED_AGAIN
        if now >= again:
            return None
        message = f"{run.message}: no model is discovered until the project can be parsed ({run.href or STEP})"
        return Parsed(look_at=again, trouble=Trouble(reason=c.MANIFEST_UNREADABLE, message=message))

    def _pause(self, run: Run | None, now: datetime) -> timedelta:
        fast, slow = self._world.settings.dbt_poll_fast, self._world.settings.dbt_poll_slow
        age = (now - run.created_at).total_seconds() if run is not None and run.created_at is not None else 0.0
        return timedelta(seconds=min(max(fast, age / 10), max(fast, slow)))


def _is_listed(glance: Glance, asked: datetime) -> bool:
    newest = glance.newest
    return newest is not None and newest.created_at is not None and newest.created_at >= asked - timedelta(seconds=5)


def _waiting(missing: bool) -> Trouble | None:
    message = "no run of the job has left a manifest yet: the project is parsed, then its models become Assets"
    return Trouble(reason=c.PARSING, message=message) if missing else None
