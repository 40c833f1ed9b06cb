"""What a look has found is not lost where a later part of it fails; manifests of one commit are read now and then."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from freshet.controllers.discovery_look import Looker
from freshet.controllers.discovery_read import Reader
from freshet.controllers.discovery_seen import Read
from freshet.controllers.discovery_visit import Memory
from freshet.dbtcloud.errors import NotFound, ServerError
from freshet.dbtcloud.model import Run

START = datetime(2026, 1, 1, tzinfo=UTC)


def run_at(minutes: float, *, sha: str | None = "abc") -> Run:
    at = START + timedelta(minutes=minutes)
    return Run(id=int(minutes * 10) + 1, job_definition_id=1, status=10, git_sha=sha, created_at=at, finished_at=at)


class Stub(Reader):
    """A Reader whose manifests are named after their runs; reading takes a while, or fails."""

    def __init__(self, *, takes: float = 0.0) -> None:
        self.now, self.takes, self.fails, self.asked = START, takes, list[type[Exception]](), list[int]()
        self.ticks = 0.0
        clock: Any = SimpleNamespace(now=lambda: self.now, monotonic=lambda: self.ticks)
        client: Any = None
        spec: Any = SimpleNamespace(job_id=1)
        super().__init__(client, spec=spec, environment=1, clock=clock)

    async def _manifest(self, run: Run) -> Any:
        self.asked.append(run.id)
        self.ticks += self.takes
        if self.fails:
            raise self.fails.pop(0)("it did not answer")
        return f"of {run.id}"


async def newest(stub: Stub, runs: Iterable[Run], last: Read | None, *, careful: bool = False) -> Read:
    read = await stub.newest(runs, last=last, careful=careful)
    assert read is not None
    return read


@pytest.mark.parametrize(("takes", "pause"), [(0.1, 2.0), (10.0, 200.0), (1000.0, 3600.0)])
async def test_a_manifest_of_the_same_commit_is_read_a_while_later(takes: float, pause: float) -> None:
    stub = Stub(takes=takes)
    first = await newest(stub, [run_at(0)], None)
    later = run_at(0.5)
    skipped = await newest(stub, [later, run_at(0)], first)
    assert (skipped.manifest, skipped.run.id, skipped.skipped) == (first.manifest, later.id, True)
    assert skipped.again_at == START + timedelta(seconds=pause)
    stub.now = skipped.again_at - timedelta(seconds=1)
    assert await newest(stub, [later, run_at(0)], skipped) == skipped
    stub.now = skipped.again_at
    read = await newest(stub, [later, run_at(0)], skipped)
    assert (read.manifest, read.skipped) == (f"of {later.id}", False)
    assert await newest(stub, [later, run_at(0)], read) == read
    assert stub.asked == [run_at(0).id, later.id]


async def test_another_commit_is_read_at_once_and_so_is_what_may_have_vanished() -> None:
    stub = Stub()
    first = await newest(stub, [run_at(0)], None)
    assert (await newest(stub, [run_at(0.5, sha="def")], first)).manifest == "of 6"
    assert (await newest(stub, [run_at(0.5)], first, careful=True)).manifest == "of 6"
    stub.fails = [NotFound]
    assert (await newest(stub, [run_at(0.7, sha="def"), run_at(0.5, sha="def")], first)).manifest == "of 6"


def visit_of(stub: Stub, memory: Memory) -> Any:
    return SimpleNamespace(memory=memory, reader=stub, now=stub.now, pipeline=None, spec=None)


async def test_runs_are_kept_where_the_manifest_or_the_next_look_fails() -> None:
    stub = Stub()
    looker: Any = object.__new__(Looker)
    first = await newest(stub, [run_at(0)], None)
    memory = Memory(generation=1, read=first, ran=[run_at(1, sha="def")])
    stub.fails = [ServerError]
    with pytest.raises(ServerError):
        await looker.look(visit_of(stub, memory))
    assert ([run.id for run in memory.ran], memory.runs) == ([11], ())

    async def fail(visit: Any, glance: Any) -> datetime:
        raise ServerError("it did not answer")

    looker._next_list = fail
    with pytest.raises(ServerError):
        await looker.look(visit_of(stub, memory))
    assert ([run.id for run in memory.runs], memory.ran) == ([11], [])

    memory.ran = [run_at(2, sha="ghi")]

    async def later(visit: Any, glance: Any) -> datetime:
        return START + timedelta(hours=1)

    looker._next_list = later
    await looker.look(visit_of(stub, memory))
    assert [run.id for run in memory.runs] == [21, 11]
    assert memory.look_at == START + timedelta(hours=1)


async def test_a_manifest_that_was_left_for_later_is_read_without_asking_for_runs() -> None:
    stub = Stub(takes=1.0)
    looker: Any = object.__new__(Looker)

    async def later(visit: Any, glance: Any) -> datetime:
        return START + timedelta(minutes=15)

    async def list_runs(*, deep: bool, offset: int = 0) -> Any:
        raise AssertionError("which run it is was known")

    looker._next_list = later
    stub.glance = list_runs  # type: ignore[method-assign]
    memory = Memory(generation=1, read=await newest(stub, [run_at(0)], None), ran=[run_at(0.1)])
    await looker.look(visit_of(stub, memory))
    assert (memory.look_at, stub.asked) == (START + timedelta(seconds=20), [1])
    stub.now = START + timedelta(seconds=20)
    await looker.look(visit_of(stub, memory))
    assert stub.asked == [1, 2]
    assert memory.look_at == memory.list_at == START + timedelta(minutes=15)


async def test_one_that_does_not_come_is_asked_for_later_each_time_and_not_for_ever() -> None:
    stub = Stub(takes=0.1)
    read = await newest(stub, [run_at(0.5)], await newest(stub, [run_at(0)], None))
    assert read.skipped
    pauses = []
    while read.skipped:
        stub.now, stub.fails = max(read.again_at, START + timedelta(minutes=1)), [NotFound]
        read = await newest(stub, [read.run], read)
        pauses.append(read.again_at - stub.now)
    assert pauses == sorted(pauses)
    assert timedelta(seconds=2) <= pauses[0] < timedelta(minutes=1)
    assert len(stub.asked) < 20
    assert await newest(stub, [read.run], read) == read
    assert read.manifest == "of 1"


def test_what_a_run_has_not_left_yet_is_asked_for_later_each_time() -> None:
    memory, second = Memory(generation=1), timedelta(seconds=1)
    run, other = run_at(0), run_at(0.1)
    memory.wait_for([run], asked=(), now=START + second, soonest=second)
    assert (memory.awaited(START + second), memory.wake_at) == ((), START + 2 * second)
    memory.wait_for([], asked=(), now=START + 1.5 * second, soonest=second)
    assert memory.wake_at == START + 2 * second, "a visit in between changes nothing"
    assert memory.awaited(START + 2 * second) == (run,)
    memory.wait_for([run], asked=[run], now=START + 10 * second, soonest=second)
    assert memory.wake_at == START + 15 * second
    memory.wait_for([other], asked=(), now=START + 11 * second, soonest=second)
    assert {it.id for it in memory.late} == {run.id, other.id}
    memory.wait_for([], asked=[run, other], now=START + 20 * second, soonest=second)
    assert (memory.late, memory.wake_at) == ((), None)


async def test_a_run_is_kept_once_however_often_it_is_seen() -> None:
    """What came of it is asked for as long as its sources.json is late: at each look the list shows it again."""
    stub = Stub()
    looker: Any = object.__new__(Looker)

    async def later(visit: Any, glance: Any) -> datetime:
        return stub.now + timedelta(minutes=1)

    async def list_runs(*, deep: bool, offset: int = 0) -> Any:
        return stub.of([run_at(0), run_at(1, sha="def"), run_at(2, sha="def")])

    looker._next_list = later
    stub.glance = list_runs  # type: ignore[method-assign]
    memory = Memory(generation=1, read=await newest(stub, [run_at(0)], None))
    stub.fails = [NotFound] * 20
    for minute in range(3, 8):
        stub.now = START + timedelta(minutes=minute)
        await looker.look(visit_of(stub, memory))
        assert [run.id for run in memory.runs] == [21, 11]
