"""The culprit is named, and not what stands between, nor what is waited for meanwhile."""

from typing import Any

import msgspec
from tests.unit.core.blame_world import FIVE, LIMIT, World, chain
from tests.unit.core.making import MINUTE, asset, ran, source

from freshet.api.asset import Check

EARLY = FIVE - 10 * MINUTE
JOB = {"materialize": {"job": {"template": {}}}}


def test_one_that_was_made_anew_and_never_loaded_since_is_named_below() -> None:
    """Its Pipeline was deleted and applied again, and the first load fails: what was built before is still there."""
    world = chain()
    world.assets["orders"] = source("orders")
    world.at(EARLY + MINUTE, orders=ran("Failed", id="f", at=EARLY + MINUTE, message="FileMissing: no /d.csv"))
    world.at(FIVE + 6 * MINUTE)
    assert world.reason("copy").startswith("UpstreamStale (orders: never loaded, ProducerFailing: FileMissing: no /d")
    assert world.reason("report") == world.reason("copy")
    assert {world.assets[name].status.blame for name in ("copy", "report")} == {"orders"}


def test_one_that_was_made_anew_names_what_it_waits_for_itself() -> None:
    world = chain()
    world.assets["orders"], world.assets["copy"] = source("orders"), asset("copy", upstreams=["orders"])
    world.at(FIVE + 6 * MINUTE)
    assert world.reason("report").startswith("UpstreamStale (orders: never loaded")


def both(**more: Any) -> World:
    """A report on two sources: one is suspended, the other one loads."""
    report = asset("report", upstreams=["a", "b"], freshness=LIMIT, **JOB, **more)
    world = World(source("a"), source("b"), report)
    for name in "ab":
        world.at(EARLY, **{name: _load(f"{name}1", EARLY)})
    world.at(EARLY, report=ran(id="r1", at=EARLY, version="r1", looked_at={"a": "a1", "b": "b1"}))
    world.change("a", materialize={"source": {}}, pipeline="p", suspend=True)
    return world


def _load(version: str, at: Any, **more: Any) -> Any:
    return ran(id=version, at=at, version=version, data_time=at, updated_at=at, **more)


CULPRIT = "UpstreamStale (a: last load 2026-11-27 16:50:00Z, suspended (spec.suspend))"


def test_a_pause_that_cures_nothing_does_not_hide_the_culprit() -> None:
    world, late = both(automation={"minInterval": "10m"}), FIVE + 10 * MINUTE
    world.at(late, b=_load("b2", late))
    world.at(late, report=ran(id="r2", at=late, version="r2", looked_at={"a": "a1", "b": "b2"}))
    assert world.reason("report") == CULPRIT
    world.at(late + 5 * MINUTE, b=_load("b3", late + 5 * MINUTE))
    wait = "WaitingMinInterval (until 2026-11-27 17:19:50Z): 10m after the newest build began"
    assert world.reason("report") == f"{CULPRIT}; {wait}"
    assert world.assets["report"].status.blame == "a"


def test_a_pause_above_the_limit_that_cures_nothing_does_not_hide_the_culprit() -> None:
    world = both(automation={"minInterval": "2h"})
    world.at(FIVE + 10 * MINUTE, b=_load("b2", FIVE + 10 * MINUTE))
    assert world.reason("report").startswith(f"{CULPRIT}; PolicyConflict (until 2026-11-27 18:49:50Z): automation.min")
    assert world.assets["report"].status.blame == "a"


def test_a_check_that_failed_elsewhere_does_not_hide_the_culprit() -> None:
    world, late = both(), FIVE + 10 * MINUTE
    failed = Check(name="unique", passed=False, severity="error", at=late)
    world.at(late, b=_load("b2", late, checks=(failed,)))
    assert world.reason("report").startswith(f"{CULPRIT}; UpstreamChecksFailed: waits for b, whose check unique failed")
    assert world.assets["report"].status.blame == "a"


def test_a_pause_that_helps_is_what_is_said() -> None:
    """Both have brought news: built again, it is fresh."""
    world, late = both(automation={"minInterval": "2h"}), FIVE + 10 * MINUTE
    world.at(late, a=_load("a2", late), b=_load("b2", late))
    assert world.reason("report").startswith("PolicyConflict (until 2026-11-27 18:49:50Z): ")
    assert world.assets["report"].status.blame is None


def still(*names: str, limits: dict[str, str], **more: Any) -> World:
    """Sources, those that are given a limit for their content, and a copy of all that has one too."""
    sources = [source(n, freshness={"maximumUnchanged": limits[n]} if n in limits else {}) for n in names]
    copy = asset("copy", upstreams=list(names), freshness={"maximumUnchanged": "1h"}, **JOB, **more)
    world = World(*sources, copy, asset("far", upstreams=["copy"], freshness={"maximumUnchanged": "1h"}, **JOB))
    for place, name in enumerate(names):
        world.at(FIVE + place * MINUTE, **{name: _load(f"{name}1", FIVE + place * MINUTE)})
    seen = {name: f"{name}1" for name in names}
    world.at(FIVE + 5 * MINUTE, copy=ran(id="c1", at=FIVE + 5 * MINUTE, version="c1", looked_at=seen))
    return world.at(FIVE + 5 * MINUTE, far=ran(id="f1", at=FIVE + 5 * MINUTE, version="f1", looked_at={"copy": "c1"}))


def checked(world: World, late: Any) -> World:
    """Each source was looked at and found unchanged."""
    for name in world.assets.keys() - {"copy", "far"}:
        of = world.assets[name].status
        world.at(late, **{name: ran("Unchanged", id=f"{name}9", at=late, version=of.version, data_time=late)})
    return world.at(late)


def test_content_that_stands_still_names_the_first_ancestor_whose_content_does() -> None:
    world = checked(still("orders", limits={"orders": "2h"}), FIVE + 121 * MINUTE)
    told = "its content has not changed since 2026-11-27 17:00:00Z, for more than 2h, next load 2026-11-27 19:05:00Z"
    line = f"InputUnchanged (orders: last load 2026-11-27 19:01:00Z, InputUnchanged: {told})"
    assert (world.reason("copy"), world.reason("far")) == (line, line)
    assert {world.assets[name].status.blame for name in ("copy", "far")} == {"orders"}
    fresh = next(k for k in world.assets["copy"].status.conditions if k.type == "Fresh")
    assert (fresh.reason, fresh.message) == ("InputUnchanged", line)


def test_of_several_inputs_that_stand_still_the_one_past_its_own_limit_is_named_else_the_one_that_moved_last() -> None:
    late = FIVE + 121 * MINUTE
    assert checked(still("a", "b", limits={"a": "2h"}), late).assets["copy"].status.blame == "a"
    assert checked(still("a", "b", limits={}), late).assets["copy"].status.blame == "b"


def test_what_never_changes_by_design_is_not_blamed_for_standing_still() -> None:
    world = still("a", "b", limits={})
    world.change("b", materialize={"source": {}}, pipeline="p", dataTime="Static")
    assert checked(world, FIVE + 121 * MINUTE).assets["copy"].status.blame == "a"


def test_one_that_has_not_taken_in_what_moved_stands_still_by_itself() -> None:
    world, late = still("orders", limits={}, automation={"when": "Manual"}), FIVE + 121 * MINUTE
    world.at(late, orders=_load("orders2", late))
    assert world.reason("copy").startswith("InputUnchanged: its content has not changed since 2026-11-27 17:05:00Z")
    assert world.assets["far"].status.blame == "copy"


def test_a_ring_above_what_stands_still_is_walked_once() -> None:
    world = checked(still("orders", limits={}), FIVE + 121 * MINUTE)
    ring = msgspec.structs.replace(world.assets["copy"].spec, upstreams=("copy",))
    status = msgspec.structs.replace(world.assets["copy"].status, considered={"copy": "c1"}, consumed={})
    world.assets["copy"] = msgspec.structs.replace(world.assets["copy"], spec=ring, status=status)
    assert world.at(FIVE + 122 * MINUTE).assets["copy"].status.blame is None


def test_a_load_that_an_outage_ended_comes_back_with_its_schedule_also_for_those_below() -> None:
    """Nothing retries a load before that."""
    world, late = chain(), FIVE + 16 * MINUTE
    world.at(late, orders=ran("Interrupted", id="i", at=late, message="WarehouseLocked: by dbt"))
    assert world.reason("report").endswith("RunInterrupted: WarehouseLocked: by dbt, next load 2026-11-27 17:20:00Z)")
