"""What this process remembers of one Pipeline's dbt Cloud job. Lost in a crash, by design: what matters is recorded."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from freshet.api.pipeline import DbtCloudSpec, Pipeline
from freshet.api.pipeline_status import DbtRun
from freshet.api.view import Key
from freshet.controllers.dbt_places import Place, place_of, place_of_run
from freshet.controllers.dbt_results import Results
from freshet.core.case import Trouble
from freshet.dbtcloud import model
from freshet.dbtcloud.memory import Intent, Memory
from freshet.dbtcloud.pacing import Pace

__all__ = ["Drive", "Refusal", "Visit", "Wait", "intent_of"]

JOB_AGE = timedelta(hours=1)
LONGEST = timedelta(seconds=30)


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """The Secret with the token cannot be read: left alone until then, or until the spec changes."""

    trouble: Trouble
    until: datetime
    generation: int


@dataclass(frozen=True, kw_only=True)
class Wait:
    """One run that cannot be read yet, or whose results are late: since when, and when it is asked for again."""

    since: datetime
    tries: int = 0
    again: datetime | None = None

    def tried(self, now: datetime, *, first: timedelta) -> "Wait":
        """In vain once more."""
        return replace(self, tries=self.tries + 1, again=now + min(LONGEST, first * 2 ** min(self.tries, 20)))


@dataclass(kw_only=True)
class Drive:
    """One per Pipeline with a job."""

    place: Place | None = None
    """What it is known of."""
    memory: Memory = field(default_factory=Memory)
    results: Results | None = None
    pace: Pace = field(default_factory=Pace)
    answered: bool = False
    """Has dbt Cloud answered anything to this process?"""
    refusal: Refusal | None = None
    job: model.Job | None = None
    job_read_at: datetime | None = None
    job_generation: int = -1
    polled_at: datetime | None = None
    poll_now: bool = False
    poked_at: datetime | None = None
    awaited: dict[int, datetime] = field(default_factory=dict)
    """Runs whose end a webhook has told of and that are in no list yet, with the time of that."""
    listed: int | None = None
    """The id under which the list has the run that is meant."""
    ended: set[int] = field(default_factory=set)
    """Runs of ours whose end was seen in the list."""
    foreign: deque[model.Run] = field(default_factory=deque)
    """Runs that ended and are not taken yet, in the order of their end."""
    uncancelled: str | None = None
    """Why the run's end may not be asked for."""
    told: model.Run | None = None
    """The run of ours as the list has it, once it has ended."""
    unread: Pace = field(default_factory=Pace)
    """How asking for the run of ours fails while others are answered: it is told, and holds up nothing."""
    waits: dict[int, Wait] = field(default_factory=dict)
    """By the id of the run that is waited for."""
    asked: str = ""
    """The kind of request that was made last."""
    failed_generation: int | None = None
    """The generation of the spec with which the newest request failed."""

    def refused(self, pipeline: Pipeline, now: datetime) -> Refusal | None:
        """The refusal that holds now; a spec that has changed is looked at anew."""
        refusal, generation = self.refusal, pipeline.metadata.generation
        return refusal if refusal is not None and refusal.generation == generation and now < refusal.until else None

    def answers(self, pipeline: Pipeline, now: datetime) -> bool:
        """Does dbt Cloud answer? That it takes no run of ours, or that runs fail, says nothing of what others leave."""
        return self.answered and self.pace.reason is None and self.refused(pipeline, now) is None

    def knows_job(self, pipeline: Pipeline, now: datetime) -> bool:
        """Is what is known of the job recent, and of this spec?"""
        fresh = self.job_read_at is not None and now < self.job_read_at + JOB_AGE
        return self.job is not None and fresh and self.job_generation == pipeline.metadata.generation

    def at(self, place: Place) -> "Drive":
        """The same, where the Pipeline names that place; else what is known of another: nearly nothing."""
        if self.place in (None, place):
            self.place = place
            return self
        return Drive(place=place, memory=self.memory.moved())

    @contextmanager
    def asking(self, what: str) -> Iterator[None]:
        """A request of that kind; an answer says that this kind is answered, and nothing of others."""
        self.asked = what
        yield
        self.pace, self.answered = self.pace.succeeded(what), True

    def heard(self) -> None:
        """The run of ours is known, or gone."""
        self.unread = Pace()
        if self.memory.run is not None:
            self.waits.pop(self.memory.run.id, None)

    def clear_run(self) -> None:
        """The intent is gone."""
        self.heard()
        self.memory, self.results = Memory(), None
        self.ended.clear()
        self.listed = self.told = self.uncancelled = None

    def sit_out(self, now: datetime) -> None:
        """Nothing is answered: what is waited for can come only afterwards, and has its whole time then."""
        self.waits.clear()
        self.unread = Pace()
        self.memory = self.memory.put_off(now=now)


@dataclass(frozen=True, kw_only=True)
class Visit:
    """One visit to one job: as things are now."""

    key: Key
    pipeline: Pipeline
    spec: DbtCloudSpec
    drive: Drive
    wakes: list[datetime] = field(default_factory=list)

    @property
    def run(self) -> DbtRun | None:
        """The run that is meant or under way."""
        return self.pipeline.status.dbt_cloud.run

    def wake(self, at: datetime | None) -> None:
        """Come back then, if nothing happens before."""
        if at is not None:
            self.wakes.append(at)


def intent_of(run: DbtRun | None, spec: DbtCloudSpec) -> Intent | None:
    """The part of it that the protocol is about."""
    if run is None:
        return None
    elsewhere = place_of_run(run, spec) != place_of(spec)
    return Intent(token=run.token, at=run.at, id=run.id, elsewhere=elsewhere, left_at=run.left_at)
