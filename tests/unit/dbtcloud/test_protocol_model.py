"""The run protocol against a model of dbt Cloud: crashes at every step, lost answers, list lag, foreign runs.

Whatever happens, a need has at most one run, and once the faults end each need has exactly one and is finished.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from freshet.dbtcloud import errors, protocol
from freshet.dbtcloud.actions import (
    Abandon,
    Action,
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
from freshet.dbtcloud.marker import cause_of, find, new_token
from freshet.dbtcloud.memory import Intent, Memory
from freshet.dbtcloud.model import Run, RunStatus, Trigger
from freshet.dbtcloud.protocol import Settings

START = datetime(2026, 11, 24, tzinfo=UTC)
TIMES = Settings(service_skew=timedelta(minutes=2))
SECOND = timedelta(seconds=1)
FATES = st.sampled_from(["well", "well", "well", "lost answer", "no effect", "crash before", "crash after"])


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


class Protocol(RuleBasedStateMachine):
    """One Pipeline. `need` counts what is due; `runs_of` maps each token to the need that it was made for."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.service = Service()
        self.recorded: Intent | None = None
        self.memory = Memory()
        self.due = 0
        self.met = 0
        self.tokens: dict[str, int] = {}
        self.planned: Action | None = None
        self.made = 0

    @initialize(skew=st.integers(-100, 100))
    def set_clock(self, skew: int) -> None:
        self.service.skew = timedelta(seconds=skew)

    @rule()
    @precondition(lambda self: self.due == self.met)
    def need(self) -> None:
        self.due += 1

    @rule(seconds=st.sampled_from([0.1, 1, 4, 6, 20, 31, 75, 600]))
    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    @rule()
    def crash(self) -> None:
        self.memory, self.planned = Memory(), None

    @rule(lag=st.integers(0, 30))
    def foreign_run(self, lag: int) -> None:
        self.service.create(cause="Scheduled", at=self.now, delay=timedelta(0), lag=lag * SECOND)

    @rule(status=st.sampled_from([RunStatus.SUCCESS, RunStatus.ERROR, RunStatus.CANCELLED]))
    def runs_end(self, status: RunStatus) -> None:
        for at, (exists, seen, run) in enumerate(self.service.runs):
            if exists <= self.now and not run.done:
                ended = Run(id=run.id, status=status, created_at=run.created_at, trigger=run.trigger)
                self.service.runs[at] = (exists, seen, ended)

    @rule()
    def plan(self) -> None:
        """Decide now, act later: a process may sleep in between."""
        self.planned = self.decide()

    def decide(self) -> Action:
        self.memory = self.memory.seen(self.recorded, now=self.now)
        self.made += 1
        token = new_token(now=self.now, random=self.made.to_bytes(5, "big"))
        wanted = self.due > self.met
        return protocol.decide(
            intent=self.recorded, memory=self.memory, wanted=wanted, now=self.now, settings=TIMES, new_token=token
        )

    @rule(fate=FATES, delay=st.integers(0, 30), lag=st.integers(0, 30))
    def step(self, fate: str, delay: int, lag: int) -> None:
        """Decide and act at once, with time passing only where there is nothing to do."""
        if self.due == self.met and self.recorded is None:
            self.need()
        self.plan()
        assert self.planned is not None
        action = self.planned
        self.act(fate, delay, lag)
        self.now = max(self.now, action.until) if isinstance(action, Wait) else self.now + SECOND / 10

    @rule(fates=st.lists(FATES, min_size=3, max_size=8), delay=st.integers(0, 30), lag=st.integers(0, 30))
    def steps(self, fates: list[str], delay: int, lag: int) -> None:
        for fate in fates:
            self.step(fate, delay, lag)

    @rule(fate=FATES, delay=st.integers(0, 30), lag=st.integers(0, 30))
    @precondition(lambda self: self.planned is not None)
    def act(self, fate: str, delay: int, lag: int) -> None:
        assert self.planned is not None
        action, self.planned = self.planned, None
        if fate == "crash before":
            return self.crash()
        self.perform(action, fate=fate, delay=delay * SECOND, lag=lag * SECOND)
        return self.crash() if fate == "crash after" else None

    def perform(self, action: Action, *, fate: str, delay: timedelta, lag: timedelta) -> None:
        match action:
            case WriteIntent():
                self.write(action, fate=fate)
            case Post():
                self.post(action, fate=fate, delay=delay, lag=lag)
            case Look():
                self.look(action, fate=fate)
            case RecordId(run_id=run_id):
                assert self.recorded is not None
                self.recorded = Intent(token=self.recorded.token, at=self.recorded.at, id=str(run_id))
            case Poll(run_id=run_id):
                self.poll(run_id, fate=fate)
            case FetchResults():
                self.memory = self.memory.fetched(now=self.now, complete=fate == "well")
            case Finish(run_id=run_id):
                self.finish(run_id)
            case Abandon():
                self.abandon()
            case Idle() | Wait():
                pass

    def write(self, action: WriteIntent, *, fate: str) -> None:
        if fate == "no effect":
            return
        intent = Intent(token=action.token, at=action.at)
        self.tokens.setdefault(action.token, self.due)
        self.recorded = intent
        if fate == "well":
            self.memory = self.memory.wrote(intent, now=self.now)

    def post(self, action: Post, *, fate: str, delay: timedelta, lag: timedelta) -> None:
        self.memory = self.memory.posting()
        if self.now >= action.not_after:
            self.memory = self.memory.unsent(errors.Unreachable("too late"), now=self.now)
        elif fate == "no effect":
            error = errors.Unreachable("refused") if delay < 10 * SECOND else errors.AmbiguousAnswer("502")
            self.memory = self.memory.unsent(error, now=self.now)
        else:
            cause = cause_of(sentence="due", token=action.token)
            run_id = self.service.create(cause=cause, at=self.now, delay=delay, lag=lag)
            answered = fate == "well"
            self.memory = (
                self.memory.sent(run_id=run_id)
                if answered
                else self.memory.unsent(errors.AmbiguousAnswer("timeout"), now=self.now)
            )

    def look(self, action: Look, *, fate: str) -> None:
        if fate == "no effect":
            self.memory = self.memory.look_failed(began=self.now)
            return
        runs = find(self.service.listed(now=self.now, since=action.since), token=action.token)
        self.memory = self.memory.looked(began=self.now, run_ids=tuple(run.id for run in runs))

    def poll(self, run_id: int, *, fate: str) -> None:
        exists, _, run = self.service.runs[run_id - 1]
        if fate == "no effect" or exists > self.now:
            self.memory = self.memory.poll_missed(now=self.now, not_found=exists > self.now)
        else:
            self.memory = self.memory.polled(run, now=self.now)

    def finish(self, run_id: int) -> None:
        assert self.recorded is not None
        assert self.recorded.id == str(run_id)
        assert self.service.runs[run_id - 1][2].done
        self.met = max(self.met, self.tokens[self.recorded.token])
        self.recorded = None

    def abandon(self) -> None:
        assert self.recorded is not None
        assert not self.ours(self.recorded.token), "abandoned what had been started"
        self.recorded = None

    def ours(self, token: str) -> list[Run]:
        return [run for *_, run in self.service.runs if f"[freshet:{token}]" in run.cause]

    @invariant()
    def never_two_runs(self) -> None:
        per_need: dict[int, int] = {}
        for token, need in self.tokens.items():
            per_need[need] = per_need.get(need, 0) + len(self.ours(token))
        assert all(count <= 1 for count in per_need.values()), per_need

    def teardown(self) -> None:
        """Without faults, everything comes to its end, whatever went before."""
        self.crash()
        for _ in range(400):
            action = self.decide()
            if isinstance(action, Idle):
                break
            self.perform(action, fate="well", delay=timedelta(0), lag=timedelta(0))
            self.runs_end(RunStatus.SUCCESS)
            self.now = max(self.now + SECOND / 2, action.until) if isinstance(action, Wait) else self.now + SECOND / 2
        assert self.due == self.met, "a need was forgotten"
        self.never_two_runs()
        started = {need for token, need in self.tokens.items() if self.ours(token)}
        assert started == set(range(1, self.due + 1))


TestProtocol = Protocol.TestCase
TestProtocol.settings = settings(
    max_examples=200, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
