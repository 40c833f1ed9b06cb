"""What the run protocol is held against: a dbt Cloud, two Pipelines of it, and what may become of a request."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from freshet.api.view import Key
from freshet.controllers.world import dbt_key
from freshet.dbtcloud import errors
from freshet.dbtcloud.actions import Action
from freshet.dbtcloud.marker import token_in
from freshet.dbtcloud.memory import Intent, Memory
from freshet.dbtcloud.model import Run, RunStatus, Trigger

__all__ = ["FATES", "FATES_OF_MANY", "NAMES", "NO_EFFECT", "RETRY_AFTER", "SECOND", "START", "Pipe", "Service"]

START = datetime(2026, 11, 24, tzinfo=UTC)
SECOND = timedelta(seconds=1)
RETRY_AFTER = 40.0
NAMES = ("shop", "next")
FATES = st.sampled_from(
    ["well", "well", "well", "lost answer", "wrong id", "server error", "unreachable", "limited", "refused", "crash"]
)
"""What becomes of a request. Lost answer, wrong id (of another run), crash: it took effect. Server error: it had none,
but nobody can know.
"""
FATES_OF_MANY = st.lists(FATES, min_size=12, max_size=30)
NO_EFFECT: dict[str, Callable[[], errors.DbtCloudError]] = {
    "server error": lambda: errors.AmbiguousAnswer("502", code=502),
    "unreachable": lambda: errors.Unreachable("no connection"),
    "limited": lambda: errors.RateLimited("429", code=429, retry_after=RETRY_AFTER),
    "refused": lambda: errors.Refused("400", code=400),
}


@dataclass
class Service:
    """dbt Cloud: a POST takes effect within its timeout or never; a run shows in the list within the lag."""

    runs: list[tuple[datetime, datetime, Run]] = field(default_factory=list)
    """(exists from, listed from, run), by id."""
    skew: timedelta = timedelta(0)
    places: dict[int, int] = field(default_factory=dict)
    """Run → the host that it was sent to."""
    alike: bool = False
    """Both hosts are names of one."""
    gone: set[int] = field(default_factory=set)
    """Runs that it does not know any more."""

    def create(self, *, cause: str, at: datetime, delay: timedelta, lag: timedelta, place: int) -> int:
        number = len(self.runs) + 1
        self.places[number] = place
        run = Run(id=number, status=RunStatus.RUNNING, created_at=at + delay + self.skew, trigger=Trigger(cause=cause))
        self.runs.append((at + delay, at + delay + lag, run))
        return number

    def another(self, run: int, *, place: int) -> int | None:
        """The newest of the others that the place knows, if there is one."""
        return next((it for it in range(len(self.runs), 0, -1) if it != run and self.knows(it, place=place)), None)

    def knows(self, run: int, *, place: int) -> bool:
        return self.alike or self.places[run] == place

    def listed(self, *, now: datetime, since: datetime, place: int) -> list[Run]:
        here = [entry for entry in self.runs if self.knows(entry[2].id, place=place)]
        return [run for _, seen, run in here if seen <= now and self.is_there(run, since)]

    def is_there(self, run: Run, since: datetime) -> bool:
        return run.id not in self.gone and (run.created_at is None or run.created_at >= since)

    def end(self, status: RunStatus, *, now: datetime, only: int | None = None) -> None:
        """Runs that exist come to their end."""
        for at, (exists, seen, run) in enumerate(self.runs):
            if exists <= now and not run.done and only in (None, run.id):
                ended = Run(id=run.id, status=status, created_at=run.created_at, trigger=run.trigger)
                self.runs[at] = (exists, seen, ended)

    def of(self, token: str) -> list[Run]:
        return [run for *_, run in self.runs if token_in(run.cause) == token]


@dataclass
class Pipe:
    """One Pipeline. `due` counts needs, `met` those that are met; `tokens` maps each token to its need."""

    name: str
    recorded: Intent | None = None
    cancelled: str | None = None
    """Why the run is to end: recorded beside the intent."""
    memory: Memory = field(default_factory=Memory)
    planned: Action | None = None
    due: int = 0
    met: int = 0
    tokens: dict[str, int] = field(default_factory=dict)
    theirs: set[int] = field(default_factory=set)
    """Needs that somebody else's run has met."""
    quiet_until: datetime = START
    named: int = 0
    """The host that it names."""
    at: int = 0
    """The host that the recorded intent is for."""
    given_up: set[str] = field(default_factory=set)
    """Tokens of runs that were left and have had their time."""

    @property
    def key(self) -> Key:
        return dbt_key("demo", self.name)

    @property
    def wanted(self) -> bool:
        return self.due > self.met

    @property
    def followed(self) -> bool:
        return self.recorded is not None and self.recorded.id is not None
