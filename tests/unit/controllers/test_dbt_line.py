"""The line of a job over all Pipelines that name it, and how a job that keeps failing is spared."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from tests.unit.core.making import NOW

from freshet.api.pipeline import DbtCloudSpec, SecretKeyRef
from freshet.api.pipeline_status import DbtRun
from freshet.api.view import Key
from freshet.controllers.dbt_health import pause_after
from freshet.controllers.dbt_line import Line, queued
from freshet.controllers.dbt_places import job_of


def spec(*, job: int = 1, limit: int = 1, host: str = "https://cloud.getdbt.com") -> DbtCloudSpec:
    reference = SecretKeyRef(name="s")
    return DbtCloudSpec(host=host, account_id=1, job_id=job, token_secret_ref=reference, max_concurrent_runs=limit)


def place(*specs: DbtCloudSpec) -> tuple[Line, list[Any], list[Key], Any]:
    """A line, the Pipelines p0, p1, … of a cache, the keys that were woken, and the world."""
    pipelines = [
        SimpleNamespace(
            namespace="ns",
            name=f"p{number}",
            spec=SimpleNamespace(dbt_cloud=it),
            status=SimpleNamespace(dbt_cloud=SimpleNamespace(run=None)),
        )
        for number, it in enumerate(specs)
    ]
    woken: list[Key] = []
    queue = SimpleNamespace(add=woken.append)
    world: Any = SimpleNamespace(cache=SimpleNamespace(pipelines=pipelines), queue=queue, held={})
    return Line(world=world), pipelines, woken, world


def key(number: int) -> Key:
    return Key("DbtCloud", "ns", f"p{number}")


def starts(pipeline: Any, **where: Any) -> None:
    pipeline.status.dbt_cloud.run = DbtRun(token="t", at=NOW, **where)


def test_first_come_first_served() -> None:
    line, pipelines, woken, _ = place(spec(), spec(), spec())
    assert line.take(key(0), spec())
    assert not line.take(key(1), spec())
    assert not line.take(key(2), spec())
    assert line.message(key(2), spec()).startswith("2nd in line for dbt Cloud job 1")
    starts(pipelines[0])
    line.settled(key(0))
    assert not line.take(key(2), spec()), "what is recorded holds the place"
    pipelines[0].status.dbt_cloud.run = None
    line.wake(job_of(spec()))
    assert woken == [key(1), key(2)]
    assert not line.take(key(2), spec()), "not before who came first"
    assert line.take(key(1), spec())


def test_two_that_change_places_do_not_wait_for_each_other() -> None:
    one, two = spec(job=1), spec(job=2)
    line, pipelines, woken, _ = place(one, two)
    for pipeline, it in zip(pipelines, (one, two), strict=True):
        starts(pipeline, host=it.host, account=1, job=it.job_id)
    assert not line.take(key(0), one)
    assert not line.take(key(1), two)
    for pipeline, it in zip(pipelines, (two, one), strict=True):
        pipeline.spec.dbt_cloud, pipeline.status.dbt_cloud.run = it, None
    woken.clear()
    assert not line.take(key(0), two), "the other came first"
    assert line.take(key(1), one), "it has left the line of the job that it named before"
    assert key(0) in woken
    line.settled(key(1))
    assert line.take(key(0), two)


def test_a_place_that_is_taken_holds_before_it_is_recorded_and_is_given_back() -> None:
    line, _, _, _ = place(spec(), spec())
    assert line.take(key(0), spec())
    assert not line.take(key(1), spec())
    line.leave(key(0))
    assert line.take(key(1), spec())


def test_the_smallest_limit_of_those_who_name_the_job_holds() -> None:
    line, _, _, _ = place(spec(limit=3), spec(limit=2), spec(limit=3), spec(job=2))
    assert [line.take(key(number), spec()) for number in range(3)] == [True, True, False]
    assert line.take(key(3), spec(job=2)), "another job has a line of its own"


def test_a_run_counts_for_the_job_that_it_is_one_of() -> None:
    """Whatever job its Pipeline names by now."""
    line, pipelines, _, _ = place(spec(job=2), spec(), spec(job=2))
    starts(pipelines[0], host="https://cloud.getdbt.com", account=1, job=1)
    assert not line.take(key(1), spec()), "job 1 is busy"
    assert line.take(key(2), spec(job=2))


def test_who_leaves_wakes_those_behind() -> None:
    line, _, woken, _ = place(spec(), spec(), spec())
    line.take(key(0), spec())
    line.take(key(1), spec())
    line.take(key(2), spec())
    woken.clear()
    line.leave(key(1))
    assert woken == [key(2)]
    assert line.message(key(2), spec()).startswith("1st in line")


def test_what_is_shown_is_told_to_whom_it_concerns_and_let_go() -> None:
    line, _, woken, world = place(spec())
    a, b = Key("Asset", "ns", "a"), Key("Asset", "ns", "b")
    line.hold(key(0), {"a": queued("1st"), "b": queued("1st")})
    line.hold(key(0), {"a": queued("1st"), "b": queued("1st")})
    assert woken == [a, b]
    line.hold(key(0), {"a": queued("2nd")})
    assert (woken[2:], world.held) == ([a, b], {a: queued("2nd")})
    line.release(key(0))
    assert world.held == {}


@pytest.mark.parametrize(
    ("failures", "minutes"), [(0, 0), (9, 0), (10, 1), (12, 4), (16, 60), (89, 60), (90, 24 * 60), (99, 24 * 60)]
)
def test_a_job_that_keeps_failing_runs_ever_more_rarely(failures: int, minutes: int) -> None:
    assert pause_after(failures) == timedelta(minutes=minutes)
