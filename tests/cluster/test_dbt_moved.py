"""A Pipeline that names another host under a run: the run belongs to the place that it was sent to."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.dbt_place import CHAIN, chain, chain_is_built_from, cloud, move, runs_of
from tests.support.dbtcloud import DbtCloudStandIn
from tests.support.freshet_objects import Place
from tests.support.kube import Object
from tests.support.waiting import wait_for

GRAPH = CHAIN
ELSEWHERE = {"git_branch": "somebody-elses"}
"""Such a run counts for nothing."""
pytestmark = pytest.mark.usefixtures("watcher")


@pytest.fixture
def other(tmp_path: Path) -> Iterator[DbtCloudStandIn]:
    """Another dbt Cloud, with a job and an account of the same numbers."""
    with DbtCloudStandIn(folder=tmp_path / "other", executor="scripted", graph=CHAIN) as running:
        yield running


def name_place(place: Place, host: str, **spec: str) -> None:
    """As a person edits it."""
    place.patch("pipelines", "shop", {"spec": {**spec, "dbtCloud": {"host": host}}})


def under_way(place: Place, stand_in: DbtCloudStandIn, version: str) -> Object:
    """The run for that version, which takes its time, as the stand-in has it and the operator knows it."""
    stand_in.graph({**CHAIN, "seconds": 300.0})
    move(place, version)
    number = wait_for(lambda: cloud(place).get("run", {}).get("id"), what="its id is known")
    return next(run for run in runs_of(stand_in) if str(run["id"]) == number)


def is_followed(place: Place, stand_in: DbtCloudStandIn, run: Object) -> None:
    """Its end is seen, whatever it is."""
    stand_in.api("POST", f"/runs/{run['id']}/cancel/")
    last = place.wait_status("stg", lambda it: it["lastRun"]["outcome"] == "Cancelled" and not it.get("run"))["lastRun"]
    assert last["id"] == str(run["id"])
    wait_for(lambda: not cloud(place).get("run"), what="nothing is under way any more")


def out_of_reach(place: Place) -> bool:
    condition: Object = place.condition("shop", "DbtCloudReady", plural="pipelines")
    return condition.get("reason") == "RunOutOfReach"


def test_a_run_is_followed_again_where_its_place_is_named_again_or_has_another_name(
    place: Place, stand_in: DbtCloudStandIn, other: DbtCloudStandIn
) -> None:
    chain(place, stand_in)
    run = under_way(place, stand_in, "v2")
    name_place(place, other.url)
    wait_for(lambda: out_of_reach(place), what="it is told")
    assert place.status("stg")["state"] == "Updating"
    name_place(place, stand_in.url)
    is_followed(place, stand_in, run)
    run = under_way(place, stand_in, "v3")
    name_place(place, same := stand_in.url.replace("127.0.0.1", "localhost"))
    wait_for(lambda: cloud(place)["run"]["host"] == same, what="it is found there")
    is_followed(place, stand_in, run)
    assert (len(runs_of(stand_in)), len(runs_of(other))) == (3, 0)


def test_a_run_that_was_left_has_its_time_and_then_what_is_due_is_asked_of_the_new_place(
    place: Place, stand_in: DbtCloudStandIn, other: DbtCloudStandIn
) -> None:
    chain(place, stand_in)
    run = under_way(place, stand_in, "v2")
    strangers = [other.wait(other.start_foreign(**ELSEWHERE)["id"]) for _ in runs_of(stand_in)]
    assert strangers[-1]["id"] == run["id"], "the other place has an ended run of that id"
    name_place(place, other.url, timeout="6s")
    wait_for(lambda: cloud(place)["run"].get("leftAt"), what="it is known that it was left")
    stand_in.forget_requests()
    ours = wait_for(lambda: runs_of(other)[len(strangers) :], what="the other place is asked")
    chain_is_built_from(place, "v2")
    assert place.status("stg")["version"] == str(ours[0]["id"])
    assert len(runs_of(other)) == len(strangers) + 1
    told = [event for event in place.all("events") if event["reason"] in {"RunOutOfReach", "RunGivenUp"}]
    assert sorted(event["reason"] for event in told) == ["RunGivenUp", "RunOutOfReach"]
    assert all(f"run {run['id']} in account 1 at {stand_in.url}" in event["message"] for event in told)
    assert not stand_in.requests(), "the new token is not for the old place"
    assert not place.status("stg").get("failures")
