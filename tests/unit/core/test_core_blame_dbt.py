"""Models of dbt Cloud that are late: the service, the line of the job, and what was skipped for a failure above."""

from typing import Any

import msgspec
import pytest
from tests.unit.core.blame_world import FIVE, LIMIT, World, chain
from tests.unit.core.making import MINUTE, asset, ran, source

from freshet.api.asset import RunInFlight
from freshet.core import blame
from freshet.core.situation import Waiting

AWAY = "dbt Cloud does not answer; next try 2026-11-27 17:05:00Z"


def models() -> World:
    """``orders``, of which a new version has come at five, and two models, one upon the other."""
    built = {"materialize": {"dbtCloud": {"uniqueId": "model.shop.copy"}}, "pipeline": "p"}
    world = chain(**built)
    world.change("report", upstreams=["copy"], freshness=LIMIT, **built)
    return world.at(FIVE, orders=ran(id="l2", at=FIVE, version="v2", data_time=FIVE, updated_at=FIVE))


@pytest.mark.parametrize(
    ("held", "line"),
    [
        (Waiting(reason="Unreachable", message=AWAY), f"DbtCloudUnreachable: {AWAY}"),
        (Waiting(reason="Queued", message="2nd in line for job 1"), "Queued: 2nd in line for job 1"),
    ],
)
def test_what_is_due_says_what_dbt_cloud_does_and_so_does_what_is_below(held: Waiting, line: str) -> None:
    world = models()
    world.held["copy"] = held
    world.at(FIVE + 6 * MINUTE)
    assert world.reason("copy") == line
    assert world.reason("report") == f"UpstreamStale (copy: last built 2026-11-27 16:50:00Z, {line})"


def test_a_run_that_nobody_can_ask_about_does_not_just_go_on() -> None:
    world = models()
    run = RunInFlight(id="7", executor="DbtCloud", cause="updated: orders", started_at=FIVE)
    world.active["copy"] = run
    assert world.at(FIVE + MINUTE).reason("copy") == "RunInFlight: updated: orders"
    said = "RunInFlight (since 2026-11-27 17:00:00Z): updated: orders"
    assert world.at(FIVE + 6 * MINUTE).reason("copy") == said, "it is late"
    world.active["copy"] = msgspec.structs.replace(run, message=f"DbtCloudUnreachable: {AWAY}")
    world.at(FIVE + 6 * MINUTE)
    assert (world.assets["copy"].status.state, world.reason("copy")) == ("Updating", f"DbtCloudUnreachable: {AWAY}")
    updating = next(k for k in world.assets["copy"].status.conditions if k.type == "Updating")
    assert (updating.status, updating.reason, updating.message) == ("True", "DbtCloudUnreachable", AWAY)
    assert f"copy: last built 2026-11-27 16:50:00Z, DbtCloudUnreachable: {AWAY}" in world.reason("report")


def skipped_models(**retries: Any) -> World:
    """m1 has failed on what is new in orders; m2 reads m1, and m3 m2, both also orders: dbt has skipped them."""
    world, early = World(source("orders")), FIVE - 10 * MINUTE
    above = {"m1": ["orders"], "m2": ["orders", "m1"], "m3": ["orders", "m2"]}
    for name, upstreams in above.items():
        facts = {"dbtCloud": {"uniqueId": f"model.shop.{name}"}}
        world.assets[name] = asset(
            name, upstreams=upstreams, materialize=facts, pipeline="p", retries=retries, freshness=LIMIT
        )
    world.at(early, orders=ran(id="l", at=early, version="v1", data_time=early, updated_at=early))
    for name in above:
        seen = {"orders": "v1", **{it: f"{it}-1" for it in above if it in above[name]}}
        world.at(early, **{name: ran(id=f"{name}-1", at=early, version=f"{name}-1", looked_at=seen)})
    world.at(FIVE, orders=ran(id="l2", at=FIVE, version="v2", data_time=FIVE, updated_at=FIVE))
    ended = {name: ran("Skipped", id="7", at=FIVE, message="skipped") for name in ("m2", "m3")}
    return world.at(FIVE, m1=ran("Failed", id="7", at=FIVE, looked_at={"orders": "v2"}, message="no\nrow"), **ended)


def waits_for(world: World, name: str) -> tuple[str | None, str]:
    return world.assets[name].status.blame, world.reason(name)


@pytest.mark.parametrize(
    ("retries", "then"),
    [
        ({"limit": 0}, "tried again when an upstream moves, or when asked for"),
        ({"limit": 5, "backoff": "10m"}, "next try 2026-11-27 17:10:00Z"),
    ],
)
def test_what_was_skipped_names_the_one_that_failed_its_error_and_its_next_try(
    retries: dict[str, Any], then: str
) -> None:
    world = skipped_models(**retries)
    line = f"WaitingForUpstream: waits for m1, which failed: no row; {then}"
    assert [waits_for(world, name) for name in ("m2", "m3")] == [("m1", line)] * 2
    world.active["m1"] = RunInFlight(id="8", executor="DbtCloud", started_at=FIVE + MINUTE)
    world.at(FIVE + MINUTE)
    assert waits_for(world, "m3")[1].endswith("m1, which failed: no row; build running since 2026-11-27 17:01:00Z")


def test_what_was_skipped_follows_a_chain_whoever_is_looked_at_first() -> None:
    world = skipped_models(limit=0)
    for name in ("m2", "m3"):
        status = msgspec.structs.replace(world.assets[name].status, blame=None, reason=None)
        world.assets[name] = msgspec.structs.replace(world.assets[name], status=status)
    world._visit("m3", FIVE, {})
    assert world.assets["m3"].status.blame == "m1"


def test_the_error_of_another_leaves_room_for_the_time_that_follows_also_below() -> None:
    world = skipped_models(limit=5, backoff="10m")
    failed = msgspec.structs.replace(world.assets["m1"].status.last_run, message="x y " * 500)
    status = msgspec.structs.replace(world.assets["m1"].status, last_run=failed)
    world.assets["m1"] = msgspec.structs.replace(world.assets["m1"], status=status)
    world.at(FIVE + MINUTE)
    assert world.reason("m3").endswith("; next try 2026-11-27 17:10:00Z")
    assert blame.why(world.assets["m3"]).endswith("; next try 2026-11-27 17:10:00Z")


def test_where_nothing_above_has_failed_any_more_the_highest_that_was_skipped_is_named() -> None:
    world = skipped_models()
    world.active["m2"] = RunInFlight(id="9", executor="DbtCloud", started_at=FIVE + MINUTE)
    news = ran(id="8", at=FIVE + MINUTE, version="m1-2", looked_at={"orders": "v2"})
    world.at(FIVE + MINUTE, m1=news)
    line = "WaitingForUpstream: waits for m2, which was skipped; build running since 2026-11-27 17:01:00Z"
    assert waits_for(world, "m3") == ("m2", line)
