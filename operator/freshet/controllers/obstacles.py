"""Why a Job has no pod: only its Events know, and nobody tells us of those.

They are asked for at growing intervals, and never for many Jobs at once: a storm of Jobs that wait for their turn must
not become a storm of questions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from freshet.api.asset import RunInFlight
from freshet.api.workload import Job, Pod
from freshet.controllers.world import World
from freshet.core.jobs import with_obstacle

__all__ = ["Obstacles"]

PATIENCE = timedelta(seconds=3)
"""A Job without a pod for so long has an obstacle."""
LONGEST = timedelta(minutes=1)
PACE_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What is known of one Job, and when to ask again."""

    again: datetime
    message: str | None = None


class Obstacles:
    """Keeps what it found until the Job has a pod, or is no more."""

    def __init__(self, *, world: World) -> None:
        self._world = world
        self._seen: dict[str, Seen] = {}
        self._free_at = 0.0

    async def look(self, run: RunInFlight, *, job: Job, pods: Sequence[Pod]) -> RunInFlight:
        """The same run, with what stands in its way."""
        uid, now = job.metadata.uid, self._world.clock.now()
        since = job.status.start_time or job.metadata.creation_timestamp or now
        if pods:
            self._seen.pop(uid, None)
            return run
        known = self._seen.get(uid) or Seen(again=since + PATIENCE)
        if now >= known.again:
            known = Seen(again=_later(since, now), message=await self._message(run, job) or known.message)
        self._seen[uid] = known
        return run if known.message is None else _with(run, known.message)

    def again(self, uid: str) -> datetime | None:
        """When to look at that Job again; None where its pod will be heard of."""
        seen = self._seen.get(uid)
        return seen.again if seen is not None else None

    def forget(self, uid: str) -> None:
        """The Job has ended."""
        self._seen.pop(uid, None)

    async def _message(self, run: RunInFlight, job: Job) -> str | None:
        """What the newest warning says; None also where it is not our turn to ask."""
        now = self._world.clock.monotonic()
        if now < self._free_at:
            return None
        self._free_at = now + PACE_SECONDS
        events = await self._world.kube.events_about(namespace=job.namespace, uid=job.metadata.uid)
        return with_obstacle(run, events=events).message


def _later(since: datetime, now: datetime) -> datetime:
    return now + min(max(now - since, PATIENCE), LONGEST)


def _with(run: RunInFlight, message: str) -> RunInFlight:
    return msgspec.structs.replace(run, message=message)
