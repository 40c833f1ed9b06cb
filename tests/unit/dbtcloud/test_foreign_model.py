"""The cursor over runs that end in any order and show late, polls, crashes and runs of our own: each exactly once."""

from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from freshet.dbtcloud import foreign
from freshet.dbtcloud.foreign import OVERLAP
from freshet.dbtcloud.model import Run, RunStatus

START = datetime(2026, 11, 24, tzinfo=UTC)
SECOND = timedelta(seconds=1)
LAG = st.integers(0, int(OVERLAP.total_seconds()) // 2).map(lambda seconds: seconds * SECOND)


class Cursors(RuleBasedStateMachine):
    """What is recorded is one text; everything else of a process is lost when it dies."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.recorded = str(foreign.Cursor(at=START))
        self.ended: list[tuple[datetime, Run]] = []
        """(in the list from, run)"""
        self.pending: list[Run] = []
        self.caught_up = False
        self.taken: list[int] = []
        self.own: set[int] = set()

    def end(self, *, lag: timedelta) -> Run:
        run = Run(id=len(self.ended) + 1, status=RunStatus.SUCCESS, finished_at=self.now)
        self.ended.append((self.now + lag, run))
        return run

    @rule(lag=LAG)
    def foreign_run_ends(self, lag: timedelta) -> None:
        self.end(lag=lag)

    @rule(lag=LAG)
    def own_run_is_finished(self, lag: timedelta) -> None:
        """The protocol has taken its results: it is noted, and the cursor moves only where nothing else waits."""
        run = self.end(lag=lag)
        self.own.add(run.id)
        cursor = foreign.parse_cursor(self.recorded, now=self.now)
        after = foreign.advance(cursor, runs=[run])[1] if self.caught_up else foreign.noted(cursor, run=run)
        self.recorded = str(after)

    @rule(seconds=st.sampled_from([1, 30, 200, 3600]))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds * SECOND
        # A process that polls does so at least this often; one that was down starts anew, and has not caught up.
        if seconds * SECOND > OVERLAP / 4:
            self.crash()

    @rule()
    def crash(self) -> None:
        self.pending, self.caught_up = [], False

    @rule()
    def poll(self) -> None:
        cursor = foreign.parse_cursor(self.recorded, now=self.now)
        listed = [run for seen, run in self.ended if seen <= self.now and (run.finished_at or START) >= cursor.since]
        self.pending = list(foreign.advance(cursor, runs=listed)[0])
        self.caught_up = not self.pending

    @rule()
    def take_one(self) -> None:
        if not self.pending:
            return
        run = self.pending.pop(0)
        cursor = foreign.parse_cursor(self.recorded, now=self.now)
        self.taken.append(run.id)
        self.recorded = str(foreign.advance(cursor, runs=[run])[1])
        self.caught_up = not self.pending

    @invariant()
    def never_twice_and_never_ours(self) -> None:
        assert len(self.taken) == len(set(self.taken))
        assert not self.own & set(self.taken)

    def teardown(self) -> None:
        """Once everything is listed and polled, nothing is missing."""
        self.now += OVERLAP
        self.poll()
        while self.pending:
            self.take_one()
        assert set(self.taken) == {run.id for _, run in self.ended} - self.own


TestCursors = Cursors.TestCase
TestCursors.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
