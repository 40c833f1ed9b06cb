"""The run protocol against a model of dbt Cloud: crashes at every step, lost answers, wrong ids, 429, 5xx, list lag,
cancelled and foreign runs, runs that are gone, Pipelines that name another host under a run, and two of them that share
one job and its line.

Whatever happens, a need has at most one run, no more runs are under way than the job allows, and once the faults end
each need is met: by its own run, or by somebody else's. A run that was left, or is gone, and has had its time counts no
more.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.unit.dbtcloud.protocol_model import (
    FATES,
    FATES_OF_MANY,
    NAMES,
    NO_EFFECT,
    RETRY_AFTER,
    SECOND,
    START,
    Pipe,
    Service,
)

from freshet.api.pipeline import DbtCloudSpec, Pipeline, PipelineSpec, SecretKeyRef
from freshet.api.pipeline_status import DbtCloudStatus, DbtRun, PipelineStatus
from freshet.api.view import Meta
from freshet.controllers.dbt_line import Line
from freshet.controllers.world import World
from freshet.dbtcloud import errors, protocol
from freshet.dbtcloud.actions import (
    Abandon,
    Action,
    Cancel,
    Disown,
    FetchResults,
    Finish,
    Idle,
    Leave,
    Look,
    Poll,
    Post,
    RecordId,
    Wait,
    WriteIntent,
)
from freshet.dbtcloud.marker import cause_of, find, new_token, token_in
from freshet.dbtcloud.memory import Intent, Memory
from freshet.dbtcloud.model import RunStatus
from freshet.dbtcloud.protocol import Settings

TIMES = Settings(
    service_skew=timedelta(minutes=2),
    look_every=timedelta(seconds=20),
    left_for=timedelta(minutes=3),
    left_look_every=timedelta(seconds=50),
    lost_after=timedelta(minutes=2),
)
"""A doubt is looked into a few times only, so that a test comes to what follows."""


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

    @initialize(skew=st.integers(-100, 100), limit=st.integers(1, 2), alike=st.booleans())
    def set_up(self, skew: int, limit: int, alike: bool) -> None:
        self.service.skew, self.limit, self.service.alike = timedelta(seconds=skew), limit, alike

    def new_line(self) -> Line:
        """As a process has it that has just started."""
        nobody = SimpleNamespace(add=lambda key: None)
        cache = SimpleNamespace(pipelines=Pipelines(self))
        return Line(world=cast(World, SimpleNamespace(cache=cache, queue=nobody, held={})))

    def spec(self, pipe: Pipe) -> DbtCloudSpec:
        token, host = SecretKeyRef(name="dbt-cloud"), f"https://{pipe.named}"
        return DbtCloudSpec(host=host, account_id=1, job_id=1, token_secret_ref=token, max_concurrent_runs=self.limit)

    @rule(at=st.integers(0, 1))
    def name_another_host(self, at: int) -> None:
        """What was planned for the old one comes to nothing: the Pipeline is not any more as it was seen.

        The other has asked for no quiet; that the one before did is for the account's budget to keep.
        """
        pipe = self.pipes[at]
        pipe.quiet_until = START
        pipe.named, pipe.memory, pipe.planned = 1 - pipe.named, pipe.memory.moved(), None

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
        pipe = self.pipes[at]
        self.service.create(cause="Scheduled", at=self.now, delay=timedelta(0), lag=lag * SECOND, place=pipe.named)
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

    @rule(at=st.integers(0, 1), back=st.booleans())
    @precondition(lambda self: any(pipe.followed for pipe in self.pipes))
    def lose_sight(self, at: int, back: bool) -> None:
        """The service does not know the run any more (or the token may not see it); or it does again."""
        intent = self.pipes[at].recorded
        if back:
            self.service.gone.clear()
        elif intent is not None and intent.id is not None:
            self.service.gone.add(int(intent.id))

    @rule(at=st.integers(0, 1))
    def plan(self, at: int) -> None:
        """Decide now, act later: a process may sleep in between."""
        self.pipes[at].planned = self.decide(self.pipes[at])

    def decide(self, pipe: Pipe) -> Action:
        intent = replace(pipe.recorded, elsewhere=pipe.at != pipe.named) if pipe.recorded else None
        pipe.memory = pipe.memory.seen(intent, now=self.now)
        self.made += 1
        self.line.settled(pipe.key)
        wanted = pipe.wanted
        if pipe.recorded is None and wanted:
            wanted = self.line.take(pipe.key, self.spec(pipe))
        elif pipe.recorded is None:
            self.line.leave(pipe.key)
        token = new_token(now=self.now, random=self.made.to_bytes(5, "big"))
        return protocol.decide(
            intent=intent,
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
                pipe.at = pipe.named
            case Disown(run_id=run_id):
                self.disown(pipe, run_id, fate=fate)
            case Leave(at=left_at):
                assert pipe.recorded is not None
                pipe.recorded = replace(pipe.recorded, left_at=left_at) if fate != "unreachable" else pipe.recorded
            case Poll(run_id=run_id):
                self.poll(pipe, run_id, fate=fate)
            case Cancel(run_id=run_id):
                self.cancel(pipe, run_id, fate=fate)
            case FetchResults():
                pipe.memory = pipe.memory.fetched(now=self.now, complete=fate == "well")
            case Finish(run_id=run_id):
                self.finish(pipe, run_id)
            case Abandon(reason=reason):
                self.abandon(pipe, reason=reason)
            case Idle() | Wait():
                pass

    def write(self, pipe: Pipe, action: WriteIntent, *, fate: str) -> None:
        """A renewal is for what is due by now; nothing is meant any more where nothing is."""
        if fate in ("unreachable", "refused"):
            return
        if action.renewed and not pipe.wanted:
            self.abandon(pipe, reason="NotNeeded")
            return
        intent = Intent(token=action.token, at=action.at)
        pipe.tokens[action.token] = pipe.due
        pipe.recorded, pipe.at = intent, pipe.named
        if fate == "well":
            pipe.memory = pipe.memory.wrote(intent, now=self.now)

    def post(self, pipe: Pipe, action: Post, *, fate: str, delay: timedelta, lag: timedelta) -> None:
        assert self.now >= pipe.quiet_until, "sent while the service had asked for quiet"
        assert pipe.at == pipe.named, "sent to a place that it was not meant for"
        pipe.memory = pipe.memory.posting()
        if self.now >= action.not_after:
            pipe.memory = pipe.memory.unsent(errors.Unreachable("too late"), now=self.now)
        elif fate in NO_EFFECT:
            pipe.memory = pipe.memory.unsent(NO_EFFECT[fate](), now=self.now)
            if fate == "limited":
                pipe.quiet_until = self.now + timedelta(seconds=RETRY_AFTER)
        else:
            cause = cause_of(sentence="due", token=action.token)
            run_id = self.service.create(cause=cause, at=self.now, delay=delay, lag=lag, place=pipe.named)
            lost = pipe.memory.unsent(errors.AmbiguousAnswer("timeout"), now=self.now)
            named = {"well": run_id, "wrong id": self.service.another(run_id, place=pipe.named)}.get(fate)
            pipe.memory = pipe.memory.sent(run_id=named) if named is not None else lost

    def look(self, pipe: Pipe, action: Look, *, fate: str) -> None:
        if fate in NO_EFFECT:
            pipe.memory = pipe.memory.look_failed(began=self.now)
            return
        listed = self.service.listed(now=self.now, since=action.since, place=pipe.named)
        runs = find(listed, token=action.token)
        pipe.memory = pipe.memory.looked(began=self.now, run_ids=tuple(run.id for run in runs))

    def poll(self, pipe: Pipe, run_id: int, *, fate: str) -> None:
        assert self.service.knows(run_id, place=pipe.named), "asked of a place that does not know it"
        exists, _, run = self.service.runs[run_id - 1]
        if exists > self.now or run_id in self.service.gone:
            pipe.memory = pipe.memory.poll_missed(now=self.now, not_found=True)
        elif fate in NO_EFFECT:
            pipe.memory = pipe.memory.unseen(now=self.now)
        else:
            pipe.memory = pipe.memory.polled(run, now=self.now)

    def disown(self, pipe: Pipe, run_id: int, *, fate: str) -> None:
        assert pipe.recorded is not None
        assert token_in(self.service.runs[run_id - 1][2].cause) != pipe.recorded.token, "it disowns its own run"
        if fate != "unreachable":
            pipe.recorded = replace(pipe.recorded, id=None)
            pipe.memory = pipe.memory.disowned(now=self.now)

    def cancel(self, pipe: Pipe, run_id: int, *, fate: str) -> None:
        assert pipe.recorded is not None
        assert token_in(self.service.runs[run_id - 1][2].cause) == pipe.recorded.token, "it cancels its own run"
        pipe.memory = pipe.memory.cancelling(now=self.now)
        assert pipe.memory.missing_since is None, "what is not there cannot be ended"
        if fate not in NO_EFFECT and run_id not in self.service.gone:
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

    def abandon(self, pipe: Pipe, *, reason: str) -> None:
        assert pipe.recorded is not None
        if reason == "RunOutOfReach":
            assert pipe.recorded.left_at is not None
            assert self.now >= pipe.recorded.left_at + TIMES.left_for, "given up before it had its time"
            pipe.given_up.add(pipe.recorded.token)
        elif reason == "RunNotFound":
            since, still = pipe.memory.missing_since, pipe.memory.missed_at
            assert since is not None
            assert still is not None
            assert still >= since + TIMES.lost_after, "given up before it had its time"
            pipe.given_up.add(pipe.recorded.token)
        else:
            assert not self.service.of(pipe.recorded.token), "abandoned what had been started"
        pipe.recorded, pipe.cancelled = None, None

    @invariant()
    def never_two_runs(self) -> None:
        for pipe in self.pipes:
            per_need: dict[int, int] = {}
            for token, need in pipe.tokens.items():
                if token in pipe.given_up:
                    continue
                per_need[need] = per_need.get(need, 0) + len(self.service.of(token))
            assert all(count <= 1 for count in per_need.values()), (pipe.name, per_need)

    @invariant()
    def never_too_many_at_once(self) -> None:
        if self.service.alike:  # who names one host by two names has two lines
            return
        given_up = self.pipes[0].given_up | self.pipes[1].given_up
        for place in (0, 1):
            here = [run for _, _, run in self.service.runs if self.service.places[run.id] == place and not run.done]
            ours = [run for run in here if (token := token_in(run.cause)) is not None and token not in given_up]
            assert len(ours) <= self.limit
            assert sum(pipe.recorded is not None and pipe.at == place for pipe in self.pipes) <= self.limit

    def teardown(self) -> None:
        """Without faults, everything comes to its end, whatever went before."""
        for _ in range(400):
            actions = [self.calmly(pipe) for pipe in self.pipes]
            if all(isinstance(action, Idle) for action in actions) and not any(pipe.wanted for pipe in self.pipes):
                break
            self.never_too_many_at_once()
            self.service.end(RunStatus.SUCCESS, now=self.now)
            waits = [action.until for action in actions if isinstance(action, Wait)]
            rest = waits and all(isinstance(action, Wait | Idle) for action in actions)
            self.now = max(self.now + SECOND / 2, min(waits)) if rest else self.now + SECOND / 2
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
            host = f"https://{pipe.at}"
            run = DbtRun(token=intent.token, at=intent.at, host=host, account=1, job=1) if intent else None
            status = PipelineStatus(dbt_cloud=DbtCloudStatus(run=run))
            spec = PipelineSpec(dbt_cloud=self.machine.spec(pipe))
            yield Pipeline(metadata=Meta(name=pipe.name, namespace="demo"), spec=spec, status=status)


TestProtocol: Any = Protocol.TestCase
TestProtocol.settings = settings(
    max_examples=300, stateful_step_count=50, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
