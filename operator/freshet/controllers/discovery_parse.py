"""Has a project parsed that no run has looked at: once where there is no manifest at all, and where
``discovery.refreshInterval`` says so.

``dbt parse`` builds nothing and costs no model. It is a run of the job like any other: it stands in the job's line and
is sent once (:mod:`.dbt_runs`); any run that builds leaves a manifest as well and takes its place. While somebody
else's run of the job is under way it is waited for.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from freshet.api import conditions as c
from freshet.api.durations import parse_duration
from freshet.api.pipeline import DbtCloudSpec, Pipeline
from freshet.controllers.dbt_batch import PARSE
from freshet.controllers.dbt_refused import held
from freshet.controllers.discovery_seen import Glance
from freshet.controllers.world import World, dbt_key, pipeline_key
from freshet.core.case import Trouble
from freshet.dbtcloud.model import Run

__all__ = ["Parsed", "Parser"]

FAILED_AGAIN = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Parsed:
    """When to look again, and what a person should know meanwhile."""

    look_at: datetime | None = None
    trouble: Trouble | None = None


class Parser:
    """Wishes for ``dbt parse`` where it is needed."""

    def __init__(self, *, world: World) -> None:
        self._world = world

    def attend(self, pipeline: Pipeline, spec: DbtCloudSpec, *, glance: Glance, missing: bool) -> Parsed:
        """Wish for a run where one is needed. ``missing``: no run has left a manifest."""
        key, now = pipeline_key(pipeline, pipeline.name), self._world.clock.now()
        due = self._due(pipeline, spec, glance=glance, missing=missing, now=now)
        if due is None or now < due:
            self._world.parses.settle(key)
            return Parsed(look_at=due)
        newest = glance.newest
        if newest is not None and not newest.done:
            return Parsed(look_at=now + self._pause(newest, now), trouble=_waiting(missing))
        vain = self._vain(pipeline, newest, now) if missing else None
        if vain is not None:
            return vain
        self._world.parses.wish(key)
        self._world.queue.add(dbt_key(pipeline.namespace, pipeline.name))
        return Parsed(look_at=now + self._pause(None, now), trouble=_waiting(missing))

    def _due(
        self, pipeline: Pipeline, spec: DbtCloudSpec, *, glance: Glance, missing: bool, now: datetime
    ) -> datetime | None:
        interval = spec.discovery.refresh_interval
        if pipeline.spec.suspend or not (missing or interval):
            return None
        if missing or interval is None:
            return now
        return max(now, glance.looked_at + parse_duration(interval)) if glance.looked_at is not None else now

    def _vain(self, pipeline: Pipeline, newest: Run | None, now: datetime) -> Parsed | None:
        """What was refused, or a project that cannot be parsed, is not tried again at once: a person must mend it."""
        refused = held(self._world.newest(pipeline), now, parse=True)
        if refused is not None:
            trouble = Trouble(reason=refused.reason, message=refused.message)
            return Parsed(look_at=refused.until or now + FAILED_AGAIN, trouble=trouble)
        if newest is None or PARSE not in (newest.cause or ""):
            return None
        again = (newest.finished_at or now) + FAILED_AGAIN
        if now >= again:
            return None
        message = f"{newest.message}: no model is discovered until the project can be parsed ({newest.href or PARSE})"
        return Parsed(look_at=again, trouble=Trouble(reason=c.MANIFEST_UNREADABLE, message=message))

    def _pause(self, run: Run | None, now: datetime) -> timedelta:
        """Until the next look; the end of a run that freshet follows is news by itself."""
        fast, slow = self._world.settings.dbt_poll_fast, self._world.settings.dbt_poll_slow
        if run is None:
            return timedelta(seconds=max(fast, slow))
        age = (now - run.created_at).total_seconds() if run.created_at is not None else 0.0
        return timedelta(seconds=min(max(fast, age / 10), max(fast, slow)))


def _waiting(missing: bool) -> Trouble | None:
    message = "no run of the job has left a manifest yet: the project is parsed, then its models become Assets"
    return Trouble(reason=c.PARSING, message=message) if missing else None
