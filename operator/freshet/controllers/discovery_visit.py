"""What is remembered of one Pipeline's project between visits, and one visit to it."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from freshet.api.pipeline import DbtCloudSpec, Pipeline
from freshet.api.view import Key
from freshet.controllers.discovery_gather import Gatherer
from freshet.controllers.discovery_plan import Plan
from freshet.controllers.discovery_read import Reader
from freshet.controllers.discovery_seen import Read
from freshet.dbtcloud.model import Run
from freshet.dbtcloud.pacing import Pace

__all__ = ["Memory", "Visit"]


@dataclass(kw_only=True)
class Memory:
    """What this process knows of one Pipeline's project; ``look_at`` None: look now."""

    generation: int
    read: Read | None = None
    plan: Plan | None = None
    fed: set[str] = field(default_factory=set)
    runs: tuple[Run, ...] = ()
    """Newest first: those that ended and whose results were not looked at yet."""
    ran: list[Run] = field(default_factory=list)
    """Those that ended, in any order, and that no look has taken yet."""
    late: tuple[Run, ...] = ()
    """Those that have yet to leave an artifact."""
    late_at: datetime | None = None
    """When that is asked for again."""
    looked_at: datetime | None = None
    """The newest end of a run that looked at the project, or was only to."""
    environment: int | None = None
    look_at: datetime | None = None
    list_at: datetime | None = None
    """A look before that need not ask which runs there are."""
    pace: Pace = field(default_factory=Pace)

    @property
    def wake_at(self) -> datetime | None:
        """When there is something to ask for."""
        return min((at for at in (self.look_at, self.late_at) if at is not None), default=None)

    def awaited(self, now: datetime) -> tuple[Run, ...]:
        """Whose artifacts are asked for again now."""
        known = {run.id for run in self.runs}
        due = self.late_at is not None and now >= self.late_at
        return tuple(run for run in self.late if run.id not in known) if due else ()

    def wait_for(self, late: Iterable[Run], *, asked: Collection[Run], now: datetime, soonest: timedelta) -> None:
        """``late`` were found to lack something when ``asked`` were asked again, if any were: later each time."""
        found = {run.id: run for run in (*late, *(() if asked else self.late))}
        if asked or found.keys() != {run.id for run in self.late}:
            ages = [now - (run.finished_at or now) for run in found.values()]
            self.late_at = now + max(soonest, min(ages) / 2) if ages else None
        self.late = tuple(found.values())


@dataclass(frozen=True, kw_only=True)
class Visit:
    """One visit to one Pipeline."""

    key: Key
    pipeline: Pipeline
    spec: DbtCloudSpec
    memory: Memory
    reader: Reader
    gatherer: Gatherer
    now: datetime
