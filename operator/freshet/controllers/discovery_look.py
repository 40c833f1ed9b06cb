"""A look at dbt Cloud: which runs have ended, which manifest is the newest, and when to look again."""

from dataclasses import replace
from datetime import datetime, timedelta

from freshet.controllers.discovery_parse import Parser
from freshet.controllers.discovery_say import Teller
from freshet.controllers.discovery_seen import LATE, Glance
from freshet.controllers.discovery_visit import Visit
from freshet.controllers.world import World
from freshet.dbtcloud.model import Run

__all__ = ["Looker"]


class Looker:
    """Notes in the memory what it has found. Raises what the dbt Cloud client raises, and ManifestUnreadable."""

    def __init__(self, *, world: World, teller: Teller) -> None:
        self._world, self._teller = world, teller
        self._parser = Parser(world=world)

    async def look(self, visit: Visit) -> None:
        """Read the newest manifest and note, newest first, the runs that have ended since the look before.

        Both are kept before anything else may fail: the next look asks only for what came after.
        """
        memory, last = visit.memory, visit.memory.read
        again, memory.look_at = _is_known(visit), None
        glance = visit.reader.of([last.run] if again and last is not None else memory.ran)
        if last is None or not (again or memory.ran):
            glance = (await visit.reader.glance(deep=last is None)).joined(glance)
        memory.looked_at = max((at for at in (memory.looked_at, glance.looked_at) if at is not None), default=None)
        careful = memory.plan is not None and memory.plan.pruning
        memory.read = await visit.reader.newest(glance.runs, last=last, careful=careful)
        seen, left = (last.run.id, memory.runs) if last is not None else (None, ())
        known = {seen, *(run.id for run in left)}
        new = (run for run in glance.runs if last is None or (run.id not in known and _ended_after(run, last.run)))
        memory.runs = (*new, *left)
        memory.ran.clear()
        if not again or memory.list_at is None:
            memory.list_at = await self._next_list(visit, glance)
        read = memory.read
        memory.look_at = min(memory.list_at, read.again_at) if read is not None and read.skipped else memory.list_at

    async def _next_list(self, visit: Visit, glance: Glance) -> datetime:
        """A run that ended a moment ago may still leave its manifest; a project without any is parsed."""
        read, newest = visit.memory.read, glance.runs[0] if glance.runs else None
        if newest is not None and newest.finished_at is not None and (read is None or newest.id != read.run.id):
            age = visit.now - newest.finished_at
            if newest.succeeded and age < LATE:
                return visit.now + max(timedelta(seconds=self._world.settings.dbt_poll_fast), age / 2)
        parsed = self._parser.attend(
            visit.pipeline, visit.spec, glance=replace(glance, looked_at=visit.memory.looked_at), missing=read is None
        )
        if parsed.trouble is not None:
            await self._teller.say(visit.pipeline, parsed.trouble)
        slow = visit.now + timedelta(seconds=self._world.settings.discovery_every)
        return min(slow, parsed.look_at or slow)


def _is_known(visit: Visit) -> bool:
    """Is only the manifest of a known run to be read, so that nobody need be asked which runs there are?"""
    memory, last = visit.memory, visit.memory.read
    timely = memory.look_at is not None and memory.list_at is not None and visit.now < memory.list_at
    return timely and last is not None and last.skipped and not memory.ran


def _ended_after(run: Run, other: Run) -> bool:
    return run.finished_at is not None and other.finished_at is not None and run.finished_at >= other.finished_at
