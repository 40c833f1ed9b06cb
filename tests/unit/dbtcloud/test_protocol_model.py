"""The run protocol against a model of dbt Cloud: crashes at every step, lost answers, 429, 5xx, list lag, cancelled
and foreign runs, and two Pipelines that share one job and its line.

Whatever happens, a need has at most one run, no more runs are under way than the job allows, and once the faults end
each need is met: by its own run, or by somebody else's.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from freshet.api.pipeline import (
    DbtCloudSpec,
    DbtCloudStatus,
    DbtRun,
    Pipeline,
    PipelineSpec,
    PipelineStatus,
    SecretKeyRef,
)
from freshet.api.view import Key, Meta
from freshet.controllers.dbt_line import Line
from freshet.controllers.world import World, dbt_key
from freshet.dbtcloud import errors, protocol
from freshet.dbtcloud.actions import (
    Abandon,
    Action,
    Cancel,
    FetchResults,
    Finish,
    Idle,
    Look,
    Poll,
    Post,
    RecordId,
    Wait,
    WriteIntent,
)
from freshet.dbtcloud.marker import cause_of, find, new_token, token_in
from freshet.dbtcloud.memory import Intent, Memory
from freshet.dbtcloud.model import Run, RunStatus, Trigger
from freshet.dbtcloud.protocol import Settings

START = datetime(2026, 11, 24, tzinfo=UTC)
TIMES = Settings(service_skew=timedelta(minutes=2), look_every=timedelta(seconds=20))
"""A doubt is looked into a few times only, so that a test comes to what follows."""
SECOND = timedelta(seconds=1)
RETRY_AFTER = 40.0
NAMES = ("shop", "next")
FATES = st.sampled_from(
    ["well", "well", "well", "lost answer", "server error", "unreachable", "limited", "refused", "crash"]
)
"""What becomes of a request. Lost answer, crash: it took effect. Server error: it had none, but nobody can know."""
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

    def create(self, *, cause: str, at: datetime, delay: timedelta, lag: timedelta) -> int:
        number = len(self.runs) + 1
        run = Run(id=number, status=RunStatus.RUNNING, created_at=at + delay + self.skew, trigger=Trigger(cause=cause))
        self.runs.append((at + delay, at + delay + lag, run))
        return number

    def listed(self, *, now: datetime, since: datetime) -> list[Run]:
        return [run for _, seen, run in self.runs if seen <= now and (run.created_at or now) >= since]

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

    @property
    def key(self) -> Key:
        return dbt_key("demo", self.name)

    @property
    def wanted(self) -> bool:
        return self.due > self.met

    @property
    def followed(self) -> bool:
        return self.recorded is not None and self.recorded.id is not None


class Protocol(RuleBasedStateMachine):
    """Two Pipelines of one job in one process, and dbt Cloud."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.service = Service()
        self.pipes = [Pipe(name) for name in NAMES]
        self.limit = 1
        self.made = 0
        self.line = self.new_line()

    @initialize(skew=st.integers(-100, 100), limit=st.integers(1, 2))
    def set_up(self, skew: int, limit: int) -> None:
        self.service.skew, self.limit = timedelta(seconds=skew), limit

    def new_line(self) -> Line:
        """As a process has it that has just started."""
        nobody = SimpleNamespace(add=lambda key: None)
        cache = SimpleNamespace(pipelines=Pipelines(self))
        return Line(world=cast(World, SimpleNamespace(cache=cache, queue=nobody, held={})))

    @property
    def spec(self) -> DbtCloudSpec:
        token = SecretKeyRef(name="dbt-cloud")
        return DbtCloudSpec(account_id=1, job_id=1, token_secret_ref=token, max_concurrent_runs=self.limit)

    @rule(at=st.integers(0, 1))
    def need(self, at: int) -> None:
        if not self.pipes[at].wanted:
            self.pipes[at].due += 1

    @rule(seconds=st.sampled_from([0.1, 1, 4, 6, 20, 31, 75, 600]))
    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    @rule()
    def crash(self) -> None:
        """The process dies, for both."""
        for pipe in self.pipes:
            pipe.memory, pipe.planned = Memory(), None
        self.line = self.new_line()

    @rule(lag=st.integers(0, 30), at=st.integers(0, 1), meets=st.booleans())
    def foreign_run(self, lag: int, at: int, meets: bool) -> None:
        """Somebody else runs the job; it may build just what is due."""
        self.service.create(cause="Scheduled", at=self.now, delay=timedelta(0), lag=lag * SECOND)
        pipe = self.pipes[at]
        if meets and pipe.wanted:
            pipe.theirs.add(pipe.due)
            pipe.met = pipe.due

    @rule(status=st.sampled_from([RunStatus.SUCCESS, RunStatus.ERROR, RunStatus.CANCELLED]))
    def runs_end(self, status: RunStatus) -> None:
        self.service.end(status, now=self.now)

    @rule(at=st.integers(0, 1))
    @precondition(lambda self: any(pipe.followed for pipe in self.pipes))
    def take_too_long(self, at: int) -> None:
        """A timeout, or a suspension: the run that is known is to end."""
        if self.pipes[at].followed:
            self.pipes[at].cancelled = "Timeout"

    @rule(at=st.integers(0, 1))
    def plan(self, at: int) -> None:
        """Decide now, act later: a process may sleep in between."""
        self.pipes[at].planned = self.decide(self.pipes[at])

    def decide(self, pipe: Pipe) -> Action:
        pipe.memory = pipe.memory.seen(pipe.recorded, now=self.now)
        self.made += 1
        self.line.settled(pipe.key)
        wanted = pipe.wanted
        if pipe.recorded is None and wanted:
            wanted = self.line.take(pipe.key, self.spec)
        elif pipe.recorded is None:
            self.line.leave(pipe.key)
        token = new_token(now=self.now, random=self.made.to_bytes(5, "big"))
        return protocol.decide(
            intent=pipe.recorded,
            memory=pipe.memory,
            wanted=wanted,
            now=self.now,
            settings=TIMES,
            new_token=token,
            cancel=pipe.cancelled,
        )

    @rule(at=st.integers(0, 1), fates=FATES_OF_MANY, delay=st.integers(0, 30), lag=st.integers(0, 30))
    def live(self, at: int, fates: list[str], delay: int, lag: int) -> None:
        """Decide and act at once, many times; time passes where there is nothing to do but wait."""
        for fate in fates:
            self.need(at)
            self.plan(at)
            action = self.pipes[at].planned
            self.act(at, fate, delay, lag)
            self.now = max(self.now, action.until) if isinstance(action, Wait) else self.now + SECOND / 10

    @rule(first=st.integers(0, 1), seconds=st.sampled_from([0, 2, 8]), delay=st.integers(0, 30))
    def decide_together(self, first: int, seconds: float, delay: int) -> None:
        """Both know what to do before either does it."""
        for at in (0, 1):
            self.need(at)
            self.plan(at)
        self.now += timedelta(seconds=seconds)
        for at in (first, 1 - first):
            self.act(at, "well", delay, 0)

    @rule(at=st.integers(0, 1), fate=FATES, delay=st.integers(0, 30), lag=st.integers(0, 30))
    def act(self, at: int, fate: str, delay: int, lag: int) -> None:
        pipe = self.pipes[at]
        action, pipe.planned = pipe.planned, None
        if action is None:
            return
        self.perform(pipe, action, fate=fate, delay=delay * SECOND, lag=lag * SECOND)
        self.line.settled(pipe.key)
        if fate == "crash":
            self.crash()

    def perform(self, pipe: Pipe, action: Action, *, fate: str, delay: timedelta, lag: timedelta) -> None:
        match action:
            case WriteIntent():
                self.write(pipe, action, fate=fate)
            case Post():
                self.post(pipe, action, fate=fate, delay=delay, lag=lag)
            case Look():
                self.look(pipe, action, fate=fate)
            case RecordId(run_id=run_id):
                assert pipe.recorded is not None
                pipe.recorded = Intent(token=pipe.recorded.token, at=pipe.recorded.at, id=str(run_id))
            case Poll(run_id=run_id):
                self.poll(pipe, run_id, fate=fate)
            case Cancel(run_id=run_id):
                self.cancel(pipe, run_id, fate=fate)
            case FetchResults():
                pipe.memory = pipe.memory.fetched(now=self.now, complete=fate == "well")
            case Finish(run_id=run_id):
                self.finish(pipe, run_id)
            case Abandon():
                self.abandon(pipe)
            case Idle() | Wait():
                pass

    def write(self, pipe: Pipe, action: WriteIntent, *, fate: str) -> None:
        """A renewal is for what is due by now; nothing is meant any more where nothing is."""
        if fate in ("unreachable", "refused"):
            return
        if action.renewed and not pipe.wanted:
            self.abandon(pipe)
            return
        intent = Intent(token=action.token, at=action.at)
        pipe.tokens[action.token] = pipe.due
        pipe.recorded = intent
        if fate == "well":
            pipe.memory = pipe.memory.wrote(intent, now=self.now)

    def post(self, pipe: Pipe, action: Post, *, fate: str, delay: timedelta, lag: timedelta) -> None:
        assert self.now >= pipe.quiet_until, "sent while the service had asked for quiet"
        pipe.memory = pipe.memory.posting()
        if self.now >= action.not_after:
            pipe.memory = pipe.memory.unsent(errors.Unreachable("too late"), now=self.now)
        elif fate in NO_EFFECT:
            pipe.memory = pipe.memory.unsent(NO_EFFECT[fate](), now=self.now)
            if fate == "limited":
                pipe.quiet_until = self.now + timedelta(seconds=RETRY_AFTER)
        else:
            cause = cause_of(sentence="due", token=action.token)
            run_id = self.service.create(cause=cause, at=self.now, delay=delay, lag=lag)
            lost = pipe.memory.unsent(errors.AmbiguousAnswer("timeout"), now=self.now)
            pipe.memory = pipe.memory.sent(run_id=run_id) if fate == "well" else lost

    def look(self, pipe: Pipe, action: Look, *, fate: str) -> None:
        if fate in NO_EFFECT:
            pipe.memory = pipe.memory.look_failed(began=self.now)
            return
        runs = find(self.service.listed(now=self.now, since=action.since), token=action.token)
        pipe.memory = pipe.memory.looked(began=self.now, run_ids=tuple(run.id for run in runs))

    def poll(self, pipe: Pipe, run_id: int, *, fate: str) -> None:
        exists, _, run = self.service.runs[run_id - 1]
        if exists > self.now:
            pipe.memory = pipe.memory.poll_missed(now=self.now, not_found=True)
        elif fate in NO_EFFECT:
            pipe.memory = pipe.memory.unseen(now=self.now)
        else:
            pipe.memory = pipe.memory.polled(run, now=self.now)

    def cancel(self, pipe: Pipe, run_id: int, *, fate: str) -> None:
        assert pipe.recorded is not None
        assert token_in(self.service.runs[run_id - 1][2].cause) == pipe.recorded.token, "it cancels its own run"
        pipe.memory = pipe.memory.cancelling(now=self.now)
        if fate not in NO_EFFECT:
            self.service.end(RunStatus.CANCELLED, now=self.now, only=run_id)

    def finish(self, pipe: Pipe, run_id: int) -> None:
        """What we cancelled is not built: it is due again, for another run."""
        assert pipe.recorded is not None
        assert pipe.recorded.id == str(run_id)
        run = self.service.runs[run_id - 1][2]
        assert run.done
        assert token_in(run.cause) == pipe.recorded.token, "somebody else's run was taken for ours"
        pipe.met = max(pipe.met, pipe.tokens[pipe.recorded.token])
        if run.cancelled and pipe.cancelled is not None and not pipe.wanted:
            pipe.due += 1
        pipe.recorded, pipe.cancelled = None, None

    def abandon(self, pipe: Pipe) -> None:
        assert pipe.recorded is not None
        assert not self.service.of(pipe.recorded.token), "abandoned what had been started"
        pipe.recorded = None

    @invariant()
    def never_two_runs(self) -> None:
        for pipe in self.pipes:
            per_need: dict[int, int] = {}
            for token, need in pipe.tokens.items():
                per_need[need] = per_need.get(need, 0) + len(self.service.of(token))
            assert all(count <= 1 for count in per_need.values()), (pipe.name, per_need)

    @invariant()
    def never_too_many_at_once(self) -> None:
        ours = [run for _, _, run in self.service.runs if token_in(run.cause) is not None]
        assert sum(not run.done for run in ours) <= self.limit
        assert sum(pipe.recorded is not None for pipe in self.pipes) <= self.limit

    def teardown(self) -> None:
        """Without faults, everything comes to its end, whatever went before."""
        for _ in range(400):
            actions = [self.calmly(pipe) for pipe in self.pipes]
            if all(isinstance(action, Idle) for action in actions) and not any(pipe.wanted for pipe in self.pipes):
                break
            self.never_too_many_at_once()
            self.service.end(RunStatus.SUCCESS, now=self.now)
            waits = [action.until for action in actions if isinstance(action, Wait)]
            self.now = max(self.now + SECOND / 2, min(waits)) if len(waits) == 2 else self.now + SECOND / 2
        self.never_two_runs()
        for pipe in self.pipes:
            assert not pipe.wanted, "a need was forgotten"
            started = {need for token, need in pipe.tokens.items() if self.service.of(token)}
            assert started | pipe.theirs == set(range(1, pipe.due + 1))

    def calmly(self, pipe: Pipe) -> Action:
        """One step without faults."""
        action = self.decide(pipe)
        self.perform(pipe, action, fate="well", delay=timedelta(0), lag=timedelta(0))
        self.line.settled(pipe.key)
        return action


class Pipelines:
    """What the cache shows of them."""

    def __init__(self, machine: Protocol) -> None:
        self.machine = machine

    def __iter__(self) -> Iterator[Pipeline]:
        for pipe in self.machine.pipes:
            intent = pipe.recorded
            run = DbtRun(token=intent.token, at=intent.at) if intent else None
            status = PipelineStatus(dbt_cloud=DbtCloudStatus(run=run))
            spec = PipelineSpec(dbt_cloud=self.machine.spec)
            yield Pipeline(metadata=Meta(name=pipe.name, namespace="demo"), spec=spec, status=status)


TestProtocol: Any = Protocol.TestCase
TestProtocol.settings = settings(
    max_examples=300, stateful_step_count=50, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
