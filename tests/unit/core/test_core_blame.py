"""Asked on a Friday at five why a number is old, one line answers, and names the first ancestor at fault."""

import pytest
from tests.unit.core.blame_world import FIVE, LIMIT, PIPE, World, chain
from tests.unit.core.making import HOUR, MINUTE, NOW, SECOND, asset, pipeline, ran, source

from freshet.api.asset import Check, RunInFlight


def test_a_suspended_pipeline_is_named_at_the_far_end() -> None:
    world = chain().at(FIVE)
    assert world.assets["report"].status.state == "Fresh"
    assert world.pipeline is not None
    world.pipeline = pipeline(**PIPE, suspend=True)
    world.assets["report"] = asset("report", upstreams=["copy"], freshness=LIMIT, status=world.assets["report"].status)
    world.at(FIVE + 5 * MINUTE)
    line = "UpstreamStale (orders: last load 2026-11-27 16:50:00Z, Pipeline p suspended)"
    assert world.reason("report") == world.reason("copy") == line
    assert world.assets["report"].status.blame == "orders"
    assert world.reason("orders") == "Suspended: Pipeline p suspended"


def test_what_is_only_aging_does_not_call_another_stale() -> None:
    world = chain()
    world.change("report", upstreams=["copy"], freshness={"maximumLag": "1h", "warnLag": "15m"})
    assert world.at(FIVE).reason("report") == "WithinLimit"
    world.at(FIVE + 6 * MINUTE)
    told = "(orders: last load 2026-11-27 16:50:00Z, Overdue: the load of 2026-11-27 16:55:00Z has not started"
    status = world.assets["report"].status
    assert (status.state, status.blame) == ("Aging", "orders")
    assert world.reason("report").startswith(f"UpstreamAging {told}")
    assert world.at(FIVE + HOUR).reason("report").startswith(f"UpstreamStale {told}")


def test_a_failing_load_is_named_with_its_own_words() -> None:
    world = chain().at(FIVE, orders=ran("Failed", id="l2", at=FIVE, message="FileNotFound: /d.csv does not exist"))
    world.at(FIVE + 5 * MINUTE)
    assert world.reason("orders").startswith("ProducerFailing: FileNotFound: /d.csv does not exist; next load 2026-")
    failing = "ProducerFailing: FileNotFound: /d.csv does not exist"
    told = f"last load 2026-11-27 16:50:00Z, {failing}, next load 2026-11-27 17:05:00Z"
    assert world.reason("report") == f"UpstreamStale (orders: {told})"


def test_one_in_the_middle_that_did_not_follow_is_the_one_to_blame() -> None:
    world = chain(retries={"limit": 0})
    world.at(FIVE, orders=ran(id="l2", at=FIVE, version="v2", data_time=FIVE, updated_at=FIVE))
    world.at(FIVE + MINUTE, copy=ran("Failed", id="c2", at=FIVE + MINUTE, looked_at={"orders": "v2"}, message="no"))
    world.at(FIVE + 6 * MINUTE)
    then = "tried again when an upstream moves, or when asked for"
    assert world.reason("copy") == f"ProducerFailing: no; {then}"
    told = f"last built 2026-11-27 16:50:00Z, ProducerFailing: no, {then}"
    assert world.reason("report") == f"UpstreamStale (copy: {told})"
    assert (world.assets["report"].status.blame, world.assets["copy"].status.blame) == ("copy", None)


def test_what_waits_says_until_when_and_what_cannot_be_held_says_that() -> None:
    world = chain(automation={"minInterval": "30m"})
    world.at(FIVE, orders=ran(id="l2", at=FIVE, version="v2", data_time=FIVE, updated_at=FIVE))
    until = "(until 2026-11-27 17:19:50Z)"
    assert world.reason("copy") == f"WaitingMinInterval {until}: 30m after the newest build began"
    world.at(FIVE + 6 * MINUTE)
    assert world.reason("copy").startswith(f"PolicyConflict {until}: automation.minInterval (30m) is longer than")
    ready = next(k for k in world.assets["copy"].status.conditions if k.type == "Ready")
    assert (ready.status, ready.reason) == ("True", "PolicyConflict")
    assert "WaitingMinInterval: until 2026-11-27 17:19:50Z" in world.reason("report")


def test_a_load_that_never_came_is_overdue_and_a_limit_that_is_shorter_than_the_schedule_says_when_it_comes() -> None:
    world = World(source("orders", freshness={"maximumLag": "1m"}))
    early = FIVE - 10 * MINUTE
    world.at(early, orders=ran(id="l", at=early, version="v1", data_time=early, updated_at=early))
    world.at(early + 2 * MINUTE)
    late = "LagExceeded: data of 2026-11-27 16:50:00Z is older than 1m; next load 2026-11-27 16:55:00Z"
    assert world.reason("orders") == late
    assert world.wakes["orders"] == early + 6 * MINUTE
    world.at(early + 6 * MINUTE)
    assert world.reason("orders").startswith("Overdue: the load of 2026-11-27 16:55:00Z has not started")


def test_what_was_never_built_names_the_first_that_was_not() -> None:
    chain = [asset(name, upstreams=[up]) for name, up in (("a", "orders"), ("b", "a"), ("c", "b"))]
    world = World(source("orders"), *chain)
    world.at(NOW, orders=ran("Failed", id="l", message="DuplicateKeys: line 3"))
    told = "never loaded, ProducerFailing: DuplicateKeys: line 3, next load 2026-11-24 12:05:00Z"
    assert world.reason("c") == f"NeverUpdated (orders: {told})"
    assert {world.assets[name].status.blame for name in "abc"} == {"orders"}
    alone = World(asset("x", materialize={"external": {}}), asset("y", upstreams=["x"])).at(NOW)
    assert alone.reason("y") == "NeverUpdated (x: never announced, what builds it must announce a new version)"


def test_an_input_that_never_changes_is_named_below() -> None:
    world = World(
        source("orders", freshness={"maximumUnchanged": "2h"}),
        asset("copy", upstreams=["orders"], freshness={"maximumLag": "3h"}),
    )
    load = ran(id="l", version="v1", data_time=NOW, updated_at=NOW)
    world.at(NOW, orders=load)
    world.at(NOW, copy=ran(id="c", version="c1", looked_at={"orders": "v1"})).at(NOW + 4 * HOUR)
    assert "InputUnchanged: its content has not changed since" in world.reason("copy")


def test_what_was_consumed_stays_as_recent_as_its_last_check_however_many_versions_follow() -> None:
    """Unchanged and checked over a weekend, then changed every minute, while the copy is built once an hour."""
    world = chain(automation={"minInterval": "30m"})
    monday = FIVE + 63 * HOUR
    world.at(monday, orders=ran("Unchanged", id="l2", at=monday, version="v1", data_time=monday))
    for n in range(12):
        at = monday + n * SECOND
        world.active["copy"] = RunInFlight(id="c2", started_at=monday)
        world.at(at, orders=ran(id=f"n{n}", at=at, version=f"w{n}", data_time=at, updated_at=at))
    assert all(item.version != "v1" for item in world.assets["orders"].status.history)
    del world.active["copy"]
    world.at(monday + MINUTE, copy=ran("Failed", id="c2", at=monday + MINUTE, looked_at={"orders": "w0"}))
    fresh = next(k for k in world.assets["copy"].status.conditions if k.type == "Fresh")
    assert (fresh.status, fresh.reason) == ("True", "WithinLimit")
    assert world.assets["copy"].status.consumed["orders"].data_time == monday


def test_where_builds_are_judged_the_one_that_brings_nothing_new_is_named() -> None:
    """Checked and found unchanged, its data is fresh; built it is not, and for that only the source could be blamed."""
    judged = {**LIMIT, "basis": "Update"}
    world = chain()
    world.change("report", upstreams=["copy"], freshness=judged)
    late = FIVE + 6 * MINUTE
    world.at(late, orders=ran("Unchanged", id="l2", at=late, data_time=late))
    line = "InputUnchanged (orders: last load 2026-11-27 17:06:00Z, next load 2026-11-27 17:10:00Z)"
    assert (world.assets["copy"].status.state, world.assets["report"].status.state) == ("Fresh", "Stale")
    assert (world.reason("report"), world.assets["report"].status.blame) == (line, "orders")
    fresh = next(k for k in world.assets["report"].status.conditions if k.type == "Fresh")
    assert (fresh.status, fresh.reason, fresh.message) == ("False", "InputUnchanged", line)
    news = ran(id="l3", at=late, version="v2", data_time=late, updated_at=late)
    world.at(late + MINUTE, orders=news, copy=ran(id="c2", at=late, version="c2", looked_at={"orders": "v2"}))
    assert world.assets["report"].status.blame is None, "it is its own turn"


@pytest.mark.parametrize("when", ["Manual", "Missing", "Cron"])
def test_where_builds_are_judged_and_upstreams_start_none_nobody_else_is_to_blame(when: str) -> None:
    schedule = {"schedule": "0 6 * * *"} if when == "Cron" else {}
    world = chain()
    world.change(
        "report", upstreams=["copy"], freshness={**LIMIT, "basis": "Update"}, automation={"when": when, **schedule}
    )
    world.at(FIVE + 6 * MINUTE)
    assert world.reason("report").startswith("LagExceeded: last update of 2026-11-27 16:50:00Z is older than 15m; ")
    assert world.assets["report"].status.blame is None


def test_a_cycle_is_named_below_it() -> None:
    world = World(asset("a", upstreams=["b"]), asset("b", upstreams=["a"]), asset("c", upstreams=["b"])).at(NOW)
    assert world.reason("a").startswith("CycleDetected: a → b → a")
    assert "CycleDetected" in world.reason("c")


def test_a_check_that_failed_is_said_with_what_its_asset_does() -> None:
    """Not with a time at which nothing will happen."""
    world = chain()
    failed = Check(name="unique", passed=False, severity="error", message="3 rows", at=FIVE)
    world.at(FIVE, orders=ran(id="l2", at=FIVE, version="v2", data_time=FIVE, updated_at=FIVE, checks=(failed,)))
    held = "UpstreamChecksFailed: waits for orders, whose check unique failed, "
    assert world.reason("copy") == f"{held}next load 2026-11-27 17:05:00Z"
    world.active["orders"] = RunInFlight(id="l3", cause="schedule", started_at=FIVE + 5 * MINUTE)
    assert world.at(FIVE + 5 * MINUTE).reason("copy") == f"{held}load running since 2026-11-27 17:05:00Z"
    del world.active["orders"]
    world.at(FIVE + 6 * MINUTE, orders=ran("Failed", id="l3", at=FIVE + 6 * MINUTE, message="no such file"))
    told = "ProducerFailing: no such file, next load 2026-11-27 17:10:00Z"
    assert world.reason("copy") == held + told
    world.pipeline = pipeline(**PIPE, suspend=True)
    world.at(FIVE + HOUR)
    assert (world.assets["copy"].status.blame, world.reason("copy")) == ("orders", f"{held}Pipeline p suspended")


def test_lines_hold_no_ages_so_that_time_alone_writes_nothing() -> None:
    world = chain()
    world.pipeline = pipeline(**PIPE, suspend=True)
    world.at(FIVE + HOUR)
    before = dict(world.assets)
    world.at(FIVE + 100 * HOUR)
    assert world.assets == before
