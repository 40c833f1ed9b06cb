"""A run of ours that cannot be asked for while dbt Cloud answers for all else: it holds up nothing else, a person is
told, and in the end what the list of runs tells of its end is believed.
"""

from datetime import timedelta

from freshet.controllers.dbt_clients import Clients
from freshet.controllers.dbt_drive import Visit, Wait
from freshet.controllers.world import World
from freshet.dbtcloud import errors

__all__ = ["Unread"]

FASTS = 150
"""So many of the shortest pauses between polls the run is waited for once the list has told of its end,"""
TRIES = 10
"""and so often it is asked for meanwhile, at least."""


class Unread:
    """``failed`` each time."""

    def __init__(self, *, world: World, clients: Clients) -> None:
        self._world, self._clients = world, clients
        self._fast = timedelta(seconds=world.settings.dbt_poll_fast)

    async def failed(self, visit: Visit, run_id: int, error: errors.DbtCloudError) -> None:
        """Asking for it has failed. Raises what is no trouble of this one run."""
        drive, now = visit.drive, self._world.clock.now()
        missing = isinstance(error, errors.NotFound)
        drive.memory = drive.memory.poll_missed(now=now, not_found=True) if missing else drive.memory.unseen(now=now)
        if not errors.is_of_one(error):
            raise error
        if isinstance(error, errors.AuthenticationFailed):
            await self._clients.has_new_token(visit.pipeline)
        drive.ended.discard(run_id)  # else it is asked for again at once, without end; each list tells of it anew
        if not missing:
            drive.unread = drive.unread.failed(error, now=now, jitter=1.0)
        if drive.told is not None and drive.told.id == run_id:
            self._wait(visit, run_id, error)

    def _wait(self, visit: Visit, run_id: int, error: errors.DbtCloudError) -> None:
        """It has ended, as the list tells; what was read from the run itself would say more."""
        drive, now = visit.drive, self._world.clock.now()
        wait = drive.waits[run_id] = (drive.waits.get(run_id) or Wait(since=now)).tried(now, first=self._fast)
        if drive.told is None or wait.tries < TRIES or now < wait.since + self._fast * FASTS:
            return
        drive.memory = drive.memory.polled(drive.told, now=now)
        drive.heard()
        message = f"{error}; that {drive.told.message} is told by the list of runs, and counts"
        self._world.tell(visit.pipeline, type="Warning", reason="RunUnreadable", message=message)
