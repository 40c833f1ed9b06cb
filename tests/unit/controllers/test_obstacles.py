"""Events about Jobs without a pod are asked for seldom, and never about many at once."""

from datetime import datetime, timedelta
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

from tests.support.runtime import ManualClock

from freshet.api.asset import RunInFlight
from freshet.api.view import Meta, parse
from freshet.api.workload import Job, Pod
from freshet.controllers.obstacles import Obstacles


class Place:
    """A clock, and the questions that were asked."""

    def __init__(self, *, says: str | None = "quota exceeded") -> None:
        self.clock, self.says = ManualClock(), says
        self.asked: list[str] = []
        kube = SimpleNamespace(events_about=self.events_about)
        self.began = self.clock.now()
        self.obstacles = Obstacles(world=SimpleNamespace(clock=self.clock, kube=kube))  # type: ignore[arg-type]

    async def events_about(self, *, namespace: str, uid: str) -> list[dict[str, Any]]:
        self.asked.append(uid)
        return [{"type": "Warning", "reason": "FailedCreate", "message": self.says}] if self.says else []

    async def look(self, uid: str = "j", *, pods: tuple[Pod, ...] = ()) -> str | None:
        meta = Meta(name=uid, namespace="ns", uid=uid, creation_timestamp=self.began)
        run = await self.obstacles.look(RunInFlight(id=uid), job=Job(metadata=meta), pods=pods)
        return run.message


async def test_intervals_grow_and_what_was_found_stays_said() -> None:
    place = Place()
    assert await place.look() is None
    assert place.obstacles.again("j") == place.began + timedelta(seconds=3)
    moments = []
    for _ in range(400):
        place.clock.move(1)
        before = len(place.asked)
        said = await place.look()
        if len(place.asked) > before:
            moments.append(int((place.clock.now() - place.began).total_seconds()))
        assert place.clock.seconds < 1003 or said == "FailedCreate: quota exceeded"
    assert moments[:5] == [3, 6, 12, 24, 48]
    assert [later - earlier for earlier, later in pairwise(moments[6:])] == [60] * (len(moments) - 7)


async def test_many_at_once_are_not_asked_about_at_once() -> None:
    place = Place()
    place.clock.move(5)
    for n in range(1000):
        await place.look(f"j{n}")
    assert place.asked == ["j0"]
    again = [place.obstacles.again(f"j{n}") for n in range(1000)]
    assert all(at is not None and at > place.clock.now() for at in again)
    place.clock.move(5)
    assert await place.look("j7") == "FailedCreate: quota exceeded"


def running(began: datetime, *, ready: bool) -> Pod:
    state = {"running": {"startedAt": began.isoformat()}}
    status = {"containerStatuses": [{"name": "freshet", "ready": ready, "state": state}]}
    return parse({"metadata": {"name": "p", "namespace": "ns", "uid": "p1"}, "status": status}, type=Pod)


WAITS = "WaitingForWarehouse: the lake, since 12:00:00 UTC"


async def test_of_many_that_wait_together_each_has_its_turn() -> None:
    place = Place()
    place.clock.move(5)
    told = {}
    for _ in range(30):
        told = {n: await place.look(f"j{n}") for n in range(20)}
        place.clock.move(0.1)
    assert set(told.values()) == {"FailedCreate: quota exceeded"}
    assert len(place.asked) <= 31


async def test_a_pod_that_is_not_ready_says_what_it_waits_for() -> None:
    place = Place(says=f"Readiness probe failed: {WAITS}\n")
    waits = (running(place.began, ready=False),)
    assert await place.look(pods=waits) is None
    assert place.obstacles.again("j") == place.began + timedelta(seconds=8)
    place.clock.move(8)
    assert await place.look(pods=waits) == WAITS
    assert place.asked == ["p1"]
    place.clock.move(1)
    assert await place.look(pods=waits) == WAITS
    assert await place.look(pods=(running(place.began, ready=True),)) is None
    assert place.asked == ["p1"]
    assert place.obstacles.again("j") is None


async def test_a_probe_that_failed_otherwise_says_nothing_of_a_wait() -> None:
    place = Place(says="Readiness probe failed: command timed out")
    place.clock.move(9)
    assert await place.look(pods=(running(place.began, ready=False),)) is None


async def test_what_kept_the_pod_away_is_forgotten_once_it_runs() -> None:
    place = Place()
    place.clock.move(4)
    assert await place.look() == "FailedCreate: quota exceeded"
    assert await place.look(pods=(running(place.began + timedelta(seconds=4), ready=False),)) is None


async def test_a_pod_or_an_end_settles_it() -> None:
    place = Place(says=None)
    place.clock.move(5)
    assert await place.look() is None
    assert await place.look(pods=(Pod(metadata=Meta(name="p")),)) is None
    assert place.obstacles.again("j") is None
    await place.look()
    place.obstacles.forget("j")
    assert place.obstacles.again("j") is None
