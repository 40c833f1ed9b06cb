"""What a run waits for that nobody tells us of: why a Job has no pod, and what a pod that is not ready waits for. Only
Events know.

They are asked for at growing intervals, and never for many Jobs at once: a storm of Jobs that wait for their turn must
not become a storm of questions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import msgspec

from freshet.api.asset import RunInFlight
from freshet.api.workload import Job, Pod
from freshet.controllers.world import World
from freshet.core.jobs import with_obstacle
from freshet.core.waits import told, unready

__all__ = ["Obstacles"]

PATIENCE = timedelta(seconds=3)
"""A Job without a pod for so long has an obstacle."""
PROBED = timedelta(seconds=8)
"""A pod that runs for so long and is not ready has been asked by its kubelet (freshet.core.manifests.pods.WAITS)."""
LONGEST = timedelta(minutes=1)
PACE_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What is known about ``uid`` (a Job, or its pod), and when to ask again; ``its_turn``: others will not, then."""

    uid: str
    again: datetime
    message: str | None = None
    its_turn: bool = False


class Obstacles:
    """Keeps what it found until the Job has a pod that is ready, or is no more."""

    def __init__(self, *, world: World) -> None:
        self._world = world
        self._seen: dict[str, Seen] = {}
        self._free_at = 0.0

    async def look(self, run: RunInFlight, *, job: Job, pods: Sequence[Pod]) -> RunInFlight:
        """The same run, with what stands in its way."""
        now, waiting = self._world.clock.now(), unready(pods)
        if pods and waiting is None:
            self._seen.pop(job.metadata.uid, None)
            return run
        uid = waiting.uid if waiting else job.metadata.uid
        since = waiting.since if waiting else job.status.start_time or job.metadata.creation_timestamp or now
        known = self._seen.get(job.metadata.uid)
        if known is None or known.uid != uid:
            known = Seen(uid=uid, again=since + (PROBED if waiting else PATIENCE))
        if now >= known.again:
            wait = timedelta() if known.its_turn else self._turn()
            if wait:
                known = replace(known, again=now + wait, its_turn=True)
            else:
                message = await self._message(run, job, uid) or known.message
                known = Seen(uid=uid, again=_later(since, now), message=message)
        self._seen[job.metadata.uid] = known
        return run if known.message is None else _with(run, known.message)

    def again(self, uid: str) -> datetime | None:
        """When to look at that Job again; None where its pod will be heard of."""
        seen = self._seen.get(uid)
        return seen.again if seen is not None else None

    def forget(self, uid: str) -> None:
        """The Job has ended."""
        self._seen.pop(uid, None)

    def set_back(self) -> None:
        """The clock was: none of the times to ask again is right."""
        self._seen.clear()

    def _turn(self) -> timedelta:
        """How long until one more may ask; that moment is kept for it, so that of many each has its turn."""
        now = self._world.clock.monotonic()
        turn = max(now, self._free_at)
        self._free_at = turn + PACE_SECONDS
        return timedelta(seconds=turn - now)

    async def _message(self, run: RunInFlight, job: Job, uid: str) -> str | None:
        """What the newest Event says."""
        events = await self._world.kube.events_about(namespace=job.namespace, uid=uid)
        return with_obstacle(run, events=events).message if uid == job.metadata.uid else told(events)


def _later(since: datetime, now: datetime) -> datetime:
    return now + min(max(now - since, PATIENCE), LONGEST)


def _with(run: RunInFlight, message: str) -> RunInFlight:
    return msgspec.structs.replace(run, message=message)
