"""The cursor over runs that end in any order and show late, polls, crashes and runs of our own: each exactly once, down
to the asset, whose version is always that of the newest build that it has been told of.
"""

from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tests.unit.core.making import model, policy, ran, up, ups

from freshet.api.asset import AssetStatus
from freshet.core.outcome import Ended, is_recorded, record
from freshet.dbtcloud import foreign
from freshet.dbtcloud.foreign import OVERLAP
from freshet.dbtcloud.model import Run, RunStatus

START = datetime(2026, 11, 24, tzinfo=UTC)
SECOND = timedelta(seconds=1)
IT = model("m", upstreams=["a"])
UPSTREAMS = ups(up("a", "a1"))
OUTCOMES = st.sampled_from(["Succeeded", "Succeeded", "Failed", "Unchanged"])
OWN = st.sampled_from(["Succeeded", "Failed", "Unchanged", "Skipped", "Cancelled", "Interrupted"])
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
        self.asset = AssetStatus()
        self.outcomes: dict[int, str] = {}
        self.unread: list[Run] = []
        """Runs of ours that ended, and whose results are still to come."""
        self.told: list[Run] = []

    def end(self, outcome: str, *, lag: timedelta) -> Run:
        run = Run(id=len(self.ended) + 1, status=RunStatus.SUCCESS, finished_at=self.now)
        self.ended.append((self.now + lag, run))
        self.outcomes[run.id] = outcome
        return run

    @rule(lag=LAG, outcome=OUTCOMES)
    def foreign_run_ends(self, lag: timedelta, outcome: str) -> None:
        self.end(outcome, lag=lag)

    @rule(lag=LAG, outcome=OWN)
    def own_run_ends(self, lag: timedelta, outcome: str) -> None:
        run = self.end(outcome, lag=lag)
        self.own.add(run.id)
        self.unread.append(run)

    @rule()
    def own_run_is_finished(self) -> None:
        """The protocol has taken its results: it is noted, and the cursor moves only where nothing else waits."""
        if not self.unread:
            return
        run = self.unread.pop(0)
        self.take_in(run, foreign=False)
        cursor = foreign.parse_cursor(self.recorded, now=self.now)
        after = foreign.advance(cursor, runs=[run])[1] if self.caught_up else foreign.noted(cursor, run=run)
        self.recorded = str(after)

    @rule(seconds=st.sampled_from([1, 30, 200, 3600]))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds * SECOND
        while seconds * SECOND > OVERLAP / 4 and self.unread:
            self.own_run_is_finished()
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
        meant = {run.id for run in self.unread}
        self.pending = [run for run in foreign.advance(cursor, runs=listed)[0] if run.id not in meant]
        self.caught_up = not self.pending

    @rule()
    def take_one(self) -> None:
        if not self.pending:
            return
        run = self.pending.pop(0)
        cursor = foreign.parse_cursor(self.recorded, now=self.now)
        self.taken.append(run.id)
        self.take_in(run, foreign=True)
        self.recorded = str(foreign.advance(cursor, runs=[run])[1])
        self.caught_up = not self.pending

    def take_in(self, run: Run, *, foreign: bool) -> None:
        """Handed to the asset until it is recorded there: news once, or what is known to be none."""
        ended = self.meaning(run, foreign=foreign)
        if not is_recorded(self.asset, ended):
            self.asset = record(asset=IT, status=self.asset, run=ended, policy=policy(), upstreams=UPSTREAMS)
        assert is_recorded(self.asset, ended)
        self.told.append(run)

    def meaning(self, run: Run, *, foreign: bool) -> Ended:
        outcome, at = self.outcomes[run.id], run.finished_at or START
        version = str(run.id) if outcome == "Succeeded" else None
        return ran(
            outcome, id=str(run.id), at=at, version=version, executor="DbtCloud", foreign=foreign, looked_at={"a": "a1"}
        )

    @invariant()
    def the_asset_is_at_the_newest_build_that_it_was_told_of(self) -> None:
        built = [(run.finished_at, run.id) for run in self.told if self.outcomes[run.id] == "Succeeded"]
        newest = max(built, default=(None, None))
        assert (self.asset.last_updated_at, self.asset.version) == (newest[0], newest[1] and str(newest[1]))

    @invariant()
    def a_need_that_a_newer_build_has_met_has_neither_failures_nor_a_retry(self) -> None:
        builds = [run.id for run in self.told if self.outcomes[run.id] == "Succeeded"]
        failed = [run.id for run in self.told if self.outcomes[run.id] == "Failed" and run.id in self.own]
        if builds and max(failed, default=0) < max(builds):
            assert self.asset.failures == 0

    @invariant()
    def the_history_is_in_the_order_of_their_ends(self) -> None:
        ends = [item.finished_at for item in self.asset.history]
        assert ends == sorted(ends, key=lambda end: end or START, reverse=True)

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
