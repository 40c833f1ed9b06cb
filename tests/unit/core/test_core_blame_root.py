"""What is said of the one at fault: what it does now, and when something happens by itself."""

from typing import Any

import msgspec
import pytest
from tests.unit.core.blame_world import FIVE, LIMIT, PIPE, World, chain
from tests.unit.core.making import HOUR, MINUTE, NOW, SECOND, asset, pipeline, ran, source

from freshet.api.asset import AssetStatus, RunInFlight
from freshet.core import blame


def test_a_schedule_that_is_new_has_missed_nothing() -> None:
    world = World(source("orders"), schedule="0 6 * * *")
    world.at(NOW, orders=ran(id="l", version="v1", data_time=NOW, updated_at=NOW))
    world.pipeline = pipeline(**PIPE)
    world.at(NOW + 3 * HOUR)
    assert world.reason("orders") == "NoPolicy"
    world.at(NOW + 3 * HOUR + 6 * MINUTE)
    assert world.reason("orders").startswith("Overdue: the load of 2026-11-24 15:05:00Z")


def test_an_interrupted_load_says_why() -> None:
    locked = "WarehouseUnavailable: the file is locked"
    world = World(source("orders", freshness=LIMIT))
    world.at(NOW, orders=ran("Interrupted", id="l", message=locked))
    said = f"RetryScheduled (until 2026-11-24 12:00:30Z): after a run that was interrupted: {locked}"
    assert (world.reason("orders"), world.assets["orders"].status.state) == (said, "Missing")
    world.at(NOW + MINUTE, orders=ran(id="l2", at=NOW + MINUTE, version="v1", data_time=NOW, updated_at=NOW))
    world.at(NOW + HOUR, orders=ran("Interrupted", id="l3", at=NOW + HOUR, message=locked))
    assert world.reason("orders") == f"RunInterrupted: {locked}; next load 2026-11-24 13:05:00Z"


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


def test_what_comes_next_is_said_however_long_the_error_is() -> None:
    long = "x\ny " * 400
    failed = World(source("orders")).at(NOW, orders=ran("Failed", id="l", message=long)).reason("orders")
    assert failed.startswith("ProducerFailing: x y x y ")
    assert failed.endswith("…; next load 2026-11-24 12:05:00Z")
    broken = ran("Interrupted", id="i", at=NOW + HOUR, message=long)
    world = World(source("orders", freshness=LIMIT))
    world.at(NOW, orders=ran(id="l", version="v1", data_time=NOW, updated_at=NOW))
    assert world.at(NOW + HOUR, orders=broken).reason("orders").endswith("…; next load 2026-11-24 13:05:00Z")
    assert max(len(failed), len(world.reason("orders"))) == 512


def test_how_long_it_waits_is_said_however_much_is_to_be_said_of_the_culprit() -> None:
    name = "o" * 52
    pipe = {"sources": [{"asset": name, "csv": {"path": "/d.csv"}}]}
    pause = {"automation": {"minInterval": "2h"}, "freshness": LIMIT, "materialize": {"job": {"template": {}}}}
    world = World(source(name), source("b"), asset("report", upstreams=[name, "b"], **pause), **pipe)
    world.at(NOW, **{up: ran(id=up, version="v1", data_time=NOW, updated_at=NOW) for up in (name, "b")})
    world.at(NOW, report=ran(id="r", version="r1", looked_at={name: "v1", "b": "v1"}))
    world.at(NOW + HOUR, **{name: ran("Failed", id="f", at=NOW + HOUR, message="x y " * 200)})
    world.at(NOW + HOUR, b=ran(id="b2", at=NOW + HOUR, version="v2", data_time=NOW + HOUR, updated_at=NOW + HOUR))
    assert world.reason("report").startswith(
        f"UpstreamStale ({name}: last load 2026-11-24 12:00:00Z, ProducerFailing: "
    )
    assert "; PolicyConflict (until 2026-11-24 13:59:50Z): " in world.reason("report")


def _failed(message: str) -> dict[str, Any]:
    world = World(source("orders")).at(NOW, orders=ran("Failed", id="l", message=message))
    status = world.assets["orders"].status
    return {"conditions": status.conditions, "last_run": status.last_run, "policy": status.policy}
