"""kill -9 of the operator around the creation of a Job: never a second Job for one need, never a lost one."""

import random
import time
from pathlib import Path

import pytest
from tests.cluster.conftest import OperatorFactory
from tests.support.freshet_objects import Place, user_job
from tests.support.operator import OperatorProcess
from tests.support.tripwire import Trap, Tripwire
from tests.support.waiting import wait_for

ROUNDS = 20
MARTS = tuple(f"mart-{number}" for number in range(5))
SPREAD_SECONDS = 0.25


def jobs_for(place: Place, asset: str, version: str) -> list[str]:
    """Names of the asset's Jobs, ended ones too, that were launched for that version of ``raw``."""
    wanted = f'"version": "{version}"'
    return [
        job["metadata"]["name"]
        for job in place.jobs(asset)
        if wanted in job["metadata"]["annotations"]["freshet.dev/versions"]
    ]


STEPS = [
    pytest.param(Trap("POST", "/jobs", "before"), id="before the Job is made"),
    pytest.param(Trap("POST", "/jobs", "after"), id="after the Job is made, its answer lost"),
    pytest.param(Trap("PATCH", "/assets/mart/status", "before"), id="before the status says Updating"),
    pytest.param(Trap("PATCH", "/assets/mart/status", "after"), id="after the status says Updating"),
    pytest.param(Trap("PATCH", "/assets/mart/status", "before", body='"Succeeded"'), id="before the end is recorded"),
    pytest.param(Trap("PATCH", "/assets/mart/status", "after", body='"Succeeded"'), id="after the end is recorded"),
]


@pytest.fixture
def ready_mart(place: Place) -> Place:
    """``raw`` v1, and ``mart`` built from it, by an operator that is gone."""
    place.add_asset("raw")
    place.add_asset("mart", upstreams=["raw"], materialize=user_job())
    return place


@pytest.mark.parametrize("trap", STEPS)
def test_killed_at_each_step_of_a_launch(
    ready_mart: Place, operator_factory: OperatorFactory, operator_kubeconfig: Path, tmp_path: Path, trap: Trap
) -> None:
    place, operators = ready_mart, []
    with Tripwire(kubeconfig=operator_kubeconfig, folder=tmp_path, kill=lambda: operators[0].kill()) as wire:
        operator = operator_factory(kubeconfig=wire.kubeconfig)
        operators.append(operator.start())
        place.wait_status("mart", state="Missing")
        wire.traps.append(trap)
        place.announce("raw", "v1")
        if trap.body:
            place.finish(place.wait_job("mart"))
        wait_for(trap.fired.is_set, what="the operator is killed")
        operator.start()
        if not trap.body:
            place.finish(place.wait_job("mart"))
        place.wait_status("mart", considered={"raw": "v1"}, state="Fresh")
        place.quiet(operator)
        assert len(jobs_for(place, "mart", "v1")) == 1
        assert len(place.jobs("mart")) == 1


def test_killed_at_random(place: Place, operator: OperatorProcess) -> None:
    """Even rounds are killed while Jobs are launched, odd ones while their ends are recorded."""
    chance = random.Random(7)
    place.add_asset("raw")
    for mart in MARTS:
        place.add_asset(mart, upstreams=["raw"], materialize=user_job())
    for number in range(ROUNDS):
        version = f"v{number}"
        place.announce("raw", version)
        if number % 2 == 0:
            kill_and_start(operator, after=chance.uniform(0, SPREAD_SECONDS))
        jobs = [place.wait_job(mart) for mart in MARTS]
        for job in jobs:
            place.end_pod(job)
        if number % 2 == 1:
            kill_and_start(operator, after=chance.uniform(0, SPREAD_SECONDS))
        for mart in MARTS:
            place.wait_status(mart, considered={"raw": version}, state="Fresh")
            assert len(jobs_for(place, mart, version)) == 1


def kill_and_start(operator: OperatorProcess, *, after: float) -> None:
    """kill -9 in the middle of things, and another process in its place."""
    time.sleep(after)
    operator.kill()
    operator.start(wait=False)


def test_down_while_upstreams_moved_three_times(place: Place, operator: OperatorProcess) -> None:
    place.add_asset("raw")
    place.add_asset("mart", upstreams=["raw"], materialize=user_job())
    place.announce("raw", "v1")
    place.build("mart")
    place.wait_status("mart", state="Fresh")
    operator.kill()
    for version in ("v2", "v3", "v4"):
        place.announce("raw", version)
    operator.start()
    place.build("mart")
    place.wait_status("mart", considered={"raw": "v4"}, state="Fresh")
    place.quiet(operator)
    assert len(place.jobs("mart")) == 2


def test_a_run_that_ended_and_was_deleted_while_nobody_looked_is_not_lost(
    place: Place, operator: OperatorProcess
) -> None:
    """What it made is not known any more: it is Cancelled, and the next move builds again."""
    place.add_asset("raw")
    place.add_asset("mart", upstreams=["raw"], materialize=user_job())
    place.announce("raw", "v1")
    job = place.wait_job("mart")
    place.wait_status("mart", state="Updating")
    operator.kill()
    place.delete("jobs", job["metadata"]["name"])
    wait_for(lambda: not place.jobs("mart"), what="the Job is gone")
    operator.start()
    place.wait_status("mart", lambda it: it.get("lastRun", {}).get("outcome") == "Cancelled")
    place.announce("raw", "v2")
    place.build("mart")
    place.wait_status("mart", considered={"raw": "v2"}, state="Fresh")
