"""Data cannot be newer than the look that saw it: a time that is to come keeps nothing fresh, and is said once."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec
import pytest
from tests.unit.core.blame_world import FIVE, LIMIT, World
from tests.unit.core.making import HOUR, MINUTE, SECOND, asset, pipeline, ran, source

from freshet.api.asset import Asset, AssetStatus, Check
from freshet.controllers.tell import transitions
from freshet.core.outcome import is_recorded

FAR = datetime(2062, 1, 1, tzinfo=FIVE.tzinfo)
COLUMN = {"asset": "orders", "csv": {"path": "/d.csv"}, "dataTimeColumn": "event_time"}
WARNING = (
    "max(event_time) is {}, which was to come when it was seen: the data counts as of 2026-11-27 17:00:00Z. "
    "Is its time zone right (a time without one is taken as UTC)?"
)


def shop(claim: datetime, **more: Any) -> World:
    """A source whose newest row claims that time, loaded at five, and a copy of it."""
    world = World(source("orders", freshness=LIMIT), asset("copy", upstreams=["orders"], freshness=LIMIT), **more)
    world.at(FIVE, orders=load("v1", claim, FIVE))
    return world.at(FIVE, copy=ran(id="c", at=FIVE, version="c1", looked_at={"orders": "v1"}))


def load(version: str, claim: datetime, at: datetime, *, outcome: str = "Succeeded", made: Any = None) -> Any:
    made = made or at
    return ran(outcome, id=f"l{at}", at=at, version=version, data_time=claim, updated_at=made)


def states(world: World) -> list[str | None]:
    return [world.assets[name].status.state for name in ("orders", "copy")]


def warnings(world: World, name: str = "orders") -> list[str]:
    return [check.message for check in world.assets[name].status.checks if not check.passed]


@pytest.mark.parametrize("claim", [FIVE + 2 * HOUR, FAR])
def test_a_row_that_is_to_come_keeps_nothing_fresh(claim: datetime) -> None:
    world = shop(claim, sources=[COLUMN])
    assert states(world) == ["Fresh", "Fresh"]
    assert world.assets["orders"].status.data_time == FIVE
    assert states(world.at(FIVE + 16 * MINUTE)) == ["Stale", "Stale"]
    assert warnings(world) == [WARNING.format(f"{claim:%Y-%m-%d %H:%M:%SZ}")]


def test_a_later_look_at_the_same_rows_moves_nothing_even_when_their_time_has_come() -> None:
    world = shop(FIVE + 2 * HOUR, sources=[COLUMN])
    for late in (FIVE + HOUR, FIVE + 3 * HOUR):
        world.at(late, orders=load("v1", FIVE + 2 * HOUR, late, outcome="Unchanged", made=FIVE))
        assert (world.assets["orders"].status.data_time, states(world)) == (FIVE, ["Stale", "Stale"])
        assert len(warnings(world)) == 1


def test_new_rows_are_as_recent_as_their_load_while_the_odd_one_is_there() -> None:
    world, late = shop(FAR, sources=[COLUMN]), FIVE + HOUR
    world.at(late, orders=load("v2", FAR, late))
    status = world.assets["orders"].status
    assert (status.data_time, status.history[0].data_time, status.state) == (late, late, "Fresh")


def test_once_the_rows_are_right_the_warning_goes() -> None:
    world, late = shop(FAR, sources=[COLUMN]), FIVE + HOUR
    world.at(late, orders=load("v2", late - MINUTE, late))
    assert (world.assets["orders"].status.data_time, warnings(world)) == (late - MINUTE, [])


def test_clocks_that_differ_by_seconds_are_not_worth_a_word() -> None:
    world = shop(FIVE + 30 * SECOND)
    assert (world.assets["orders"].status.data_time, world.assets["orders"].status.checks) == (FIVE, ())


def test_a_load_that_is_as_recent_as_its_start_moves_on_with_each_look() -> None:
    """Without a column, that nothing has changed is news."""
    world, late = shop(FIVE - SECOND), FIVE + HOUR
    world.at(late, orders=load("v1", late - SECOND, late, outcome="Unchanged", made=FIVE))
    assert (world.assets["orders"].status.data_time, states(world)) == (late - SECOND, ["Fresh", "Fresh"])


def test_a_column_that_is_given_up_holds_nothing_back() -> None:
    world, late = shop(FAR, sources=[COLUMN]), FIVE + HOUR
    world.pipeline = pipeline(sources=[{"asset": "orders", "csv": {"path": "/d.csv"}}])
    world.at(late, orders=load("v1", late - SECOND, late, outcome="Unchanged", made=FIVE))
    assert (world.assets["orders"].status.data_time, warnings(world)) == (late - SECOND, [])


def test_the_newest_row_of_a_count_is_no_newer_than_the_count() -> None:
    world = World(asset("n", materialize={"count": {"relation": "a.b", "dataTimeColumn": "event_time"}}))
    world.at(FIVE, n=ran(id="n1", at=FIVE, version="n1", data_time=FAR))
    assert world.assets["n"].status.data_time == FIVE
    assert warnings(world, "n") == [WARNING.format("2062-01-01 00:00:00Z")]


def test_what_dbt_finds_loaded_in_the_future_was_loaded_when_it_was_found() -> None:
    world = World(asset("raw", materialize={"external": {}}))
    for hours in (0, 1, 3):
        found = ran(id=f"{hours}", at=FIVE + hours * HOUR, executor="External", version="v1",
                    data_time=FIVE + 2 * HOUR, updated_at=FIVE + 2 * HOUR)  # fmt: skip
        status = world.at(FIVE + hours * HOUR, raw=found).assets["raw"].status
        assert (status.data_time, status.last_updated_at, len(warnings(world, "raw"))) == (FIVE, FIVE, 1)


def announced(world: World, **notes: str) -> AssetStatus:
    """After that annotation."""
    it = world.assets["x"]
    told = {**it.metadata.annotations, **{f"freshet.dev/{key.replace('_', '-')}": text for key, text in notes.items()}}
    meta = msgspec.structs.replace(it.metadata, annotations=told)
    world.assets["x"] = msgspec.structs.replace(it, metadata=meta)
    return world.assets["x"].status


def external() -> World:
    return World(asset("x", materialize={"external": {}}, freshness=LIMIT))


def at(world: World, now: datetime, **notes: str) -> Asset:
    announced(world, **notes)
    return world.at(now).assets["x"]


def test_an_announced_time_that_is_to_come_counts_as_of_its_announcement_and_is_written_once() -> None:
    world = external()
    first = at(world, FIVE, materialized="v1", data_time="2062-01-01T00:00:00Z")
    assert (first.status.data_time, first.status.state) == (FIVE, "Fresh")
    assert at(world, FIVE + MINUTE).status == first.status, "seen again, it says nothing new"
    assert at(world, FIVE + HOUR).status.state == "Stale"
    told = "its data time is 2062-01-01 00:00:00Z, which was to come when it was seen: the data counts as of "
    assert warnings(world, "x") == [f"{told}2026-11-27 17:00:00Z. Is its time zone right?"]


def test_an_announced_time_whose_time_has_come_meanwhile_says_nothing_new() -> None:
    world = external()
    at(world, FIVE, materialized="v1", data_time="2026-11-27T19:00:00Z")
    assert at(world, FIVE + 3 * HOUR).status.data_time == FIVE


def test_an_announced_time_is_corrected_under_the_same_version() -> None:
    """Downwards, too: who edits the annotation means it."""
    world = external()
    at(world, FIVE, materialized="v1", data_time="2062-01-01T00:00:00Z")
    mended = at(world, FIVE + MINUTE, data_time="2026-11-27T16:30:00Z").status
    assert (mended.data_time, mended.history[0].data_time) == (FIVE - 30 * MINUTE, FIVE - 30 * MINUTE)
    assert (mended.version, mended.state, warnings(world, "x")) == ("v1", "Stale", [])
    assert mended.last_run is not None
    assert mended.last_run.message == "its data is of 2026-11-27 16:30:00Z, says the annotation"
    later = at(world, FIVE + 2 * MINUTE, data_time="2026-11-27T16:55:00Z").status
    assert (later.data_time, later.version, later.state) == (FIVE - 5 * MINUTE, "v1", "Fresh")
    assert at(world, FIVE + 3 * MINUTE).status == later


def test_what_was_announced_before_that_was_remembered_is_corrected_upwards_only() -> None:
    known = AssetStatus(version="v1", data_time=FIVE, last_handled_trigger="v1", last_updated_at=FIVE)
    world = World(asset("x", materialize={"external": {}}, status=known))
    assert at(world, FIVE + HOUR, materialized="v1", data_time="2026-11-27T16:30:00Z").status.data_time == FIVE
    assert at(world, FIVE + HOUR, data_time="2026-11-27T17:30:00Z").status.data_time == FIVE + 30 * MINUTE


def test_it_is_an_event_once() -> None:
    told = Check(name="dataTime", passed=False, severity="warn", message="max(at) is 2062-…", at=FIVE)
    before, after = AssetStatus(), AssetStatus(checks=(told,))
    assert list(transitions(before, after)) == [("Warning", "DataTimeAhead", "max(at) is 2062-…")]
    assert list(transitions(after, after)) == []


def test_the_clock_of_a_node_that_is_ahead_keeps_nothing_fresh() -> None:
    """Nor does it hide the loads that follow, which end before that."""
    world = World(source("orders", freshness=LIMIT))
    world.at(FIVE, orders=load("v1", FIVE + 24 * HOUR, FIVE + 24 * HOUR))
    status = world.assets["orders"].status
    assert (status.data_time, status.last_updated_at, status.last_checked_at, status.state) == (
        FIVE,
        FIVE,
        FIVE,
        "Fresh",
    )
    assert warnings(world)[0].endswith("the data counts as of 2026-11-27 17:00:00Z. Is the clock right where it ran?")
    assert states_of(world, FIVE + 16 * MINUTE) == "Stale"
    late = FIVE + 20 * MINUTE
    world.at(late, orders=load("v1", late, late, outcome="Unchanged", made=FIVE))
    assert (world.assets["orders"].status.data_time, warnings(world)) == (late, [])


def test_what_a_clock_told_that_was_ahead_is_corrected_by_the_next_look() -> None:
    """The operator's own was, say."""
    wrong = AssetStatus(version="v1", data_time=FIVE + 24 * HOUR, last_updated_at=FIVE)
    world = World(source("orders", freshness=LIMIT, status=wrong))
    assert states_of(world, FIVE) == "Fresh"
    world.at(FIVE + MINUTE, orders=load("v1", FIVE + MINUTE, FIVE + MINUTE, outcome="Unchanged", made=FIVE))
    assert world.assets["orders"].status.data_time == FIVE + MINUTE
    assert states_of(world, FIVE + 16 * MINUTE) == "Stale"


def states_of(world: World, now: datetime) -> str | None:
    return world.at(now).assets["orders"].status.state


LEFT = (
    "freshet.dev/data-time='{}' is left aside, since it is no time with an offset: write it like 2026-11-27T17:0{}:00Z"
)


@pytest.mark.parametrize("odd", ["yesterday", "2026-11-27", "2026-11-27T16:00:00", "0001-01-01T00:00:00+05:00"])
def test_an_announced_time_that_cannot_be_read_is_said_until_it_can(odd: str) -> None:
    world = external()
    first = at(world, FIVE, materialized="v1", data_time=odd).status
    assert (first.data_time, first.state, warnings(world, "x")) == (FIVE, "Fresh", [LEFT.format(odd, 0)])
    assert list(transitions(AssetStatus(), first)) == [("Warning", "DataTimeUnreadable", LEFT.format(odd, 0))]
    assert at(world, FIVE + MINUTE).status == first
    assert warnings(world, "x") == [LEFT.format(odd, 0)]
    again = at(world, FIVE + MINUTE, materialized="v2").status
    assert (warnings(world, "x"), list(transitions(first, again))) == ([LEFT.format(odd, 1)], [])
    mended = at(world, FIVE + 2 * MINUTE, data_time="2026-11-27T17:30:00+01:00").status
    assert (mended.data_time, mended.state, warnings(world, "x")) == (FIVE - 30 * MINUTE, "Stale", [])


def test_an_announced_time_that_becomes_unreadable_changes_nothing_and_is_said() -> None:
    world = external()
    first = at(world, FIVE, materialized="v1", data_time="2026-11-27T16:55:00Z").status
    odd = at(world, FIVE + MINUTE, data_time="16:58").status
    assert (odd.data_time, odd.version, warnings(world, "x")) == (first.data_time, "v1", [LEFT.format("16:58", 1)])
    assert at(world, FIVE + 2 * MINUTE).status == odd


def test_a_load_of_such_a_node_is_taken_in_once_whatever_follows() -> None:
    """Its Job is there for a while, and says by then when it ended."""
    world = World(source("orders", freshness=LIMIT))
    world.at(FIVE, orders=load("v1", FIVE + 24 * HOUR, FIVE + 24 * HOUR))
    late = FIVE + 5 * MINUTE
    second = load("v1", late, late, outcome="Unchanged", made=FIVE)
    world.at(late, orders=second)
    first = replace(load("v1", FIVE + 24 * HOUR, FIVE), id=f"l{FIVE + 24 * HOUR}")
    assert is_recorded(world.assets["orders"].status, first)
    assert is_recorded(world.assets["orders"].status, second)


def test_the_next_load_is_reckoned_by_the_right_clock_once_it_is_set_right() -> None:
    """It was five hours ahead when the schedule was first seen."""
    world = World(source("orders"))
    assert "next load 2026-11-27 22:05:00Z" in world.at(FIVE + 5 * HOUR).reason("orders")
    assert "next load 2026-11-27 17:05:00Z" in world.at(FIVE).reason("orders")
