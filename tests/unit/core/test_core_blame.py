"""Asked on a Friday at five why a number is old, one line answers: scenarios, and what the reader is told in each."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec
import pytest
from tests.unit.core.making import HOUR, MINUTE, NOW, SECOND, asset, pipeline, ran, source

from freshet.api.asset import Asset, AssetStatus, Check, RunInFlight
from freshet.api.pipeline import Pipeline
from freshet.core import blame
from freshet.core.decide import Decision, Observed, decide
from freshet.core.lineage import Graph, key_of
from freshet.core.outcome import Ended
from freshet.core.situation import Waiting, definition_of
from freshet.core.state import Trouble

LIMIT = {"maximumLag": "15m"}
PIPE = {"sources": [{"asset": "orders", "csv": {"path": "/d.csv"}}], "schedule": "*/5 * * * *"}
FIVE = datetime(2026, 11, 27, 17, tzinfo=NOW.tzinfo)


class World:
    """Assets and one Pipeline, decided about until nothing changes any more, as the operator would."""

    def __init__(self, *assets: Asset, **pipe: Any) -> None:
        self.assets = {it.name: it for it in assets}
        self.pipeline: Pipeline | None = pipeline(**{**PIPE, **pipe})
        self.graph, self.words = Graph(), blame.Words()
        self.troubles: dict[str, Trouble] = {}
        self.held: dict[str, Waiting] = {}
        self.active: dict[str, RunInFlight] = {}
        self.wakes: dict[str, datetime | None] = {}

    def at(self, now: datetime, **ended: Ended) -> "World":
        """The world at that time, after those runs have ended."""
        for _ in range(len(self.assets) + 2):
            before = dict(self.assets)
            for name in before:
                self._visit(name, now, ended)
            if before == self.assets:
                return self
        raise AssertionError("it never settles")

    def _visit(self, name: str, now: datetime, ended: Mapping[str, Ended]) -> None:
        it = self.assets[name]
        self._see(it)
        decision = self._decide(it, now, ended)
        self.wakes[name] = decision.wake_at
        self.assets[name] = msgspec.structs.replace(it, status=decision.status)
        self._see(self.assets[name])

    def _see(self, it: Asset) -> None:
        self.graph.put(it)
        self.graph.settle()

    def _decide(self, it: Asset, now: datetime, ended: Mapping[str, Ended]) -> Decision:
        found = {key_of(other): other for other in self.assets.values()}
        known = definition_of(it, self.pipeline if it.spec.pipeline else None)
        return decide(
            Observed(
                asset=it,
                pipeline=self.pipeline if it.spec.pipeline else None,
                upstreams={up: self.assets[up] for up in it.spec.upstreams if up in self.assets},
                now=now,
                ended=[replace(run, definition=known) for name, run in ended.items() if name == it.name],
                cycle=self.graph.cycle(key_of(it)),
                find=self.assets.get,
                trouble=self.troubles.get(it.name),
                held=self.held.get(it.name),
                active=self.active.get(it.name),
                data_time=self.graph.preview,
                blame=lambda state: blame.ancestor(state, graph=self.graph, find=found.get, words=self.words),
            )
        )

    def reason(self, name: str) -> str:
        return self.assets[name].status.reason or ""

    def change(self, name: str, **spec: Any) -> None:
        changed = asset(name, status=self.assets[name].status, **spec)
        self.assets[name] = changed


def chain(**more: Any) -> World:
    """A source, a copy of it, a report on that; all built ten minutes before five, with the same data."""
    copy = asset("copy", upstreams=["orders"], freshness=LIMIT, **more)
    world = World(source("orders"), copy, asset("report", upstreams=["copy"], freshness=LIMIT))
    early = FIVE - 10 * MINUTE
    load = ran(id="l", at=early, version="v1", data_time=early, updated_at=early)
    world.at(early, orders=load)
    world.at(early, copy=ran(id="c", at=early, version="c1", looked_at={"orders": "v1"}))
    return world.at(early, report=ran(id="r", at=early, version="r1", looked_at={"copy": "c1"}))


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


def test_a_schedule_that_is_new_has_missed_nothing() -> None:
    world = World(source("orders"), schedule="0 6 * * *")
    world.at(NOW, orders=ran(id="l", version="v1", data_time=NOW, updated_at=NOW))
    world.pipeline = pipeline(**PIPE)
    world.at(NOW + 3 * HOUR)
    assert world.reason("orders") == "NoPolicy"
    world.at(NOW + 3 * HOUR + 6 * MINUTE)
    assert world.reason("orders").startswith("Overdue: the load of 2026-11-24 15:05:00Z")


def test_what_was_never_built_names_the_first_that_was_not() -> None:
    chain = [asset(name, upstreams=[up]) for name, up in (("a", "orders"), ("b", "a"), ("c", "b"))]
    world = World(source("orders"), *chain)
    world.at(NOW, orders=ran("Failed", id="l", message="DuplicateKeys: line 3"))
    told = "never loaded, ProducerFailing: DuplicateKeys: line 3, next load 2026-11-24 12:05:00Z"
    assert world.reason("c") == f"NeverUpdated (orders: {told})"
    assert {world.assets[name].status.blame for name in "abc"} == {"orders"}
    alone = World(asset("x", materialize={"external": {}}), asset("y", upstreams=["x"])).at(NOW)
    assert alone.reason("y") == "NeverUpdated (x: never announced, what builds it must announce a new version)"


def test_an_interrupted_load_says_why() -> None:
    locked = "WarehouseUnavailable: the file is locked"
    world = World(source("orders", freshness=LIMIT))
    world.at(NOW, orders=ran("Interrupted", id="l", message=locked))
    said = f"RetryScheduled (until 2026-11-24 12:00:30Z): after a run that was interrupted: {locked}"
    assert (world.reason("orders"), world.assets["orders"].status.state) == (said, "Missing")
    world.at(NOW + MINUTE, orders=ran(id="l2", at=NOW + MINUTE, version="v1", data_time=NOW, updated_at=NOW))
    world.at(NOW + HOUR, orders=ran("Interrupted", id="l3", at=NOW + HOUR, message=locked))
    assert world.reason("orders") == f"RunInterrupted: {locked}; next load 2026-11-24 13:05:00Z"


def test_an_input_that_never_changes_is_named_below() -> None:
    world = World(
        source("orders", freshness={"maximumUnchanged": "2h"}),
        asset("copy", upstreams=["orders"], freshness={"maximumLag": "3h"}),
    )
    load = ran(id="l", version="v1", data_time=NOW, updated_at=NOW)
    world.at(NOW, orders=load)
    world.at(NOW, copy=ran(id="c", version="c1", looked_at={"orders": "v1"})).at(NOW + 4 * HOUR)
    assert "InputUnchanged: its content has not changed since" in world.reason("copy")


def test_a_root_that_is_being_built_says_since_when_and_not_when_its_next_run_was_due() -> None:
    world, late = chain(), FIVE + 6 * MINUTE
    world.active["orders"] = RunInFlight(id="l2", cause="schedule", started_at=FIVE)
    world.at(late)
    line = "UpstreamStale (orders: last load 2026-11-27 16:50:00Z, load running since 2026-11-27 17:00:00Z)"
    assert world.reason("report") == world.reason("copy") == line
    world.active["orders"] = RunInFlight(id="l2", cause="schedule", message="no node fits")
    world.at(late)
    assert world.reason("copy") == "UpstreamStale (orders: last load 2026-11-27 16:50:00Z, PodNotStarted: no node fits)"
    del world.active["orders"]
    world.at(late, orders=ran("Failed", id="l2", at=late, message="no"))
    world.active["orders"] = RunInFlight(id="l3", cause="schedule", started_at=late + MINUTE)
    world.at(late + MINUTE)
    assert world.reason("copy").endswith("ProducerFailing: no, load running since 2026-11-27 17:07:00Z)")


def test_one_that_was_never_loaded_is_being_loaded() -> None:
    world = World(source("orders"), asset("copy", upstreams=["orders"]))
    world.active["orders"] = RunInFlight(id="l", cause="never loaded", started_at=NOW)
    world.at(NOW)
    assert world.reason("copy") == "NeverUpdated (orders: never loaded, load running since 2026-11-24 12:00:00Z)"


def test_a_run_that_left_the_table_as_it_was_is_the_reason_also_below() -> None:
    world, late = chain(), FIVE + 6 * MINUTE
    world.at(FIVE, orders=ran(id="l2", at=FIVE, version="v2", data_time=FIVE, updated_at=FIVE))
    reused = ran("Unchanged", id="c2", at=FIVE + MINUTE, looked_at={"orders": "v2"}, message="reused")
    world.at(FIVE + MINUTE, copy=reused).at(late)
    told = "its run of 2026-11-27 17:01:00Z looked at orders and left the table as it was (reused)"
    why = f"{told}; it is built again when an upstream moves"
    assert world.reason("copy") == f"LagExceeded: data of 2026-11-27 16:50:00Z is older than 15m; {why}"
    assert world.reason("report") == f"UpstreamStale (copy: last built 2026-11-27 16:50:00Z, {why})"


def test_one_that_waits_for_all_names_those_that_have_not_moved() -> None:
    both = {"upstreams": ["orders", "rates"], "freshness": LIMIT, "automation": {"when": "AllUpstreamsUpdated"}}
    world, early = World(source("orders"), source("rates"), asset("both", **both)), FIVE - 10 * MINUTE
    for name in ("orders", "rates"):
        world.at(early, **{name: ran(id=name, at=early, version="v1", data_time=early, updated_at=early)})
    built = ran(id="b", at=early + MINUTE, version="b1", looked_at={"orders": "v1", "rates": "v1"})
    world.at(early + MINUTE, both=built)
    world.at(FIVE, orders=ran(id="l2", at=FIVE, version="v2", data_time=FIVE, updated_at=FIVE))
    world.at(FIVE + 6 * MINUTE)
    assert "rates" in world.reason("both")
    world.at(FIVE + 7 * MINUTE, rates=ran("Unchanged", id="r2", at=early + 30 * SECOND, data_time=FIVE))
    assert "waits until rates is updated, too (automation.when is AllUpstreamsUpdated)" in world.reason("both")


def test_one_whose_input_is_not_known_says_so() -> None:
    world = chain()
    status = msgspec.structs.replace(world.assets["copy"].status, consumed={})
    world.assets["copy"] = msgspec.structs.replace(world.assets["copy"], status=status)
    world.at(FIVE + 6 * MINUTE)
    assert "; what it has of orders is not known, so its data counts as of its build; " in world.reason("copy")


def test_one_that_nothing_starts_says_so() -> None:
    world = World(asset("x", materialize={"job": {"template": {}}}, freshness=LIMIT))
    world.at(NOW, x=ran(id="r", version="v1", data_time=NOW)).at(NOW + HOUR)
    assert world.reason("x").endswith(
        "; it has no upstreams that could start it: built only when asked, or set automation.when to Cron"
    )


def test_data_that_is_old_by_its_own_column_says_so() -> None:
    count = {"materialize": {"count": {"dataTimeColumn": "at"}}}
    world = chain(**count)
    built = ran(id="c2", at=FIVE, version="c2", looked_at={"orders": "v1"}, data_time=FIVE - HOUR)
    world.at(FIVE, copy=built)
    assert "; its newest row is that old by at, though" in world.reason("copy")


def test_an_attempt_that_is_earned_says_when_it_comes() -> None:
    """Used up, and then an upstream has moved: no more often than maxBackoff."""
    world = chain(retries={"limit": 0, "maxBackoff": "1h"})
    world.at(FIVE, orders=ran(id="l2", at=FIVE, version="v2", data_time=FIVE, updated_at=FIVE))
    world.at(FIVE + MINUTE, copy=ran("Failed", id="c2", at=FIVE + MINUTE, looked_at={"orders": "v2"}, message="no"))
    at = FIVE + 5 * MINUTE
    world.at(at, orders=ran(id="l3", at=at, version="v3", data_time=at, updated_at=at)).at(at + MINUTE)
    assert world.reason("copy") == "ProducerFailing: no; next try 2026-11-27 18:00:50Z"
    assert world.reason("report").endswith("ProducerFailing: no, next try 2026-11-27 18:00:50Z)")


def test_an_interrupted_root_says_when_it_is_tried_again() -> None:
    world, late = chain(), FIVE + 10 * MINUTE
    world.at(FIVE, orders=ran(id="l2", at=FIVE, version="v2", data_time=FIVE, updated_at=FIVE))
    world.at(late, copy=ran("Interrupted", id="c2", at=late, message="the node went"))
    assert world.reason("report").endswith("RunInterrupted: the node went, next try 2026-11-27 17:10:30Z)")


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


@pytest.mark.parametrize(
    ("facts", "line"),
    [
        ({"when": "Manual"}, "built only when asked (automation.when is Manual)"),
        ({"when": "Cron", "schedule": "0 6 * * *"}, "next build 2026-11-25 06:00:00Z"),
    ],
)
def test_what_will_happen_by_itself_or_not(facts: dict[str, str], line: str) -> None:
    world = World(asset("x", automation=facts, freshness=LIMIT))
    world.at(NOW, x=ran(id="r", version="v1", data_time=NOW)).at(NOW + HOUR)
    assert world.reason("x").endswith(f"; {line}")


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


def test_a_check_that_failed_is_named_where_it_holds_something_back() -> None:
    world = chain()
    failed = Check(name="unique_id", passed=False, severity="error", message="3 rows", at=FIVE)
    world.at(FIVE, orders=ran(id="l2", at=FIVE, version="v2", data_time=FIVE, updated_at=FIVE, checks=(failed,)))
    assert world.reason("copy").startswith("UpstreamChecksFailed: waits for orders, whose check unique_id failed")
    assert world.assets["copy"].status.blame == "orders"


def test_an_exporter_that_died_is_said_in_one_line() -> None:
    world = World(source("orders", freshness={"maximumUnchanged": "2h"}))
    world.at(NOW, orders=ran(id="l", version="v1", data_time=NOW, updated_at=NOW))
    late = NOW + 2 * HOUR
    world.at(late, orders=ran("Unchanged", id="l2", at=late, data_time=late))
    still = "its content has not changed since 2026-11-24 12:00:00Z, for more than 2h"
    assert world.reason("orders") == f"InputUnchanged: {still}; next load 2026-11-24 14:05:00Z"


def test_a_suspended_one_that_is_late_says_that_nothing_will_come() -> None:
    world = chain()
    world.change("copy", upstreams=["orders"], freshness=LIMIT, suspend=True)
    assert world.at(FIVE).reason("copy") == "Suspended: suspended (spec.suspend)"
    assert world.at(FIVE + 6 * MINUTE).reason("copy") == "ProducerSuspended: suspended (spec.suspend)"


def test_a_cancelled_run_says_what_is_waited_for() -> None:
    world = World(asset("x", materialize={"job": {"template": {}}}, freshness=LIMIT))
    world.at(NOW, x=ran(id="r", version="v1", data_time=NOW))
    world.at(NOW + HOUR, x=ran("Cancelled", id="r2", at=NOW + HOUR))
    assert "cancelled: it waits for an upstream to move" in world.reason("x")


def test_lines_hold_no_ages_so_that_time_alone_writes_nothing() -> None:
    world = chain()
    world.pipeline = pipeline(**PIPE, suspend=True)
    world.at(FIVE + HOUR)
    before = dict(world.assets)
    world.at(FIVE + 100 * HOUR)
    assert world.assets == before


def test_what_is_said_of_a_root_is_found_once_for_all_below(monkeypatch: pytest.MonkeyPatch) -> None:
    many = [asset(f"a{n}", upstreams=["orders"], freshness=LIMIT) for n in range(100)]
    world = World(source("orders"), *many)
    world.at(NOW, orders=ran(id="l", version="v1", data_time=NOW, updated_at=NOW))
    world.at(NOW, **{it.name: ran(id=it.name, version="a", looked_at={"orders": "v1"}) for it in many})
    asked, why = list[str](), blame.why
    monkeypatch.setattr(blame, "why", lambda it: asked.append(it.name) or why(it))  # type: ignore[func-returns-value]
    world.at(NOW + HOUR)
    assert {world.assets[it.name].status.blame for it in many} == {"orders"}
    assert len(asked) <= 2, "once, and once more when it is overdue itself"


def test_the_line_is_one_and_is_short() -> None:
    said = blame.why(source("s", status=AssetStatus(**_failed("x\ny " * 500))))
    assert "\n" not in said
    assert len(said) <= 400
    assert said.endswith(", next load 2026-11-24 12:05:00Z"), "however long the message is"


def _failed(message: str) -> dict[str, Any]:
    world = World(source("orders")).at(NOW, orders=ran("Failed", id="l", message=message))
    status = world.assets["orders"].status
    return {"conditions": status.conditions, "last_run": status.last_run, "policy": status.policy}
