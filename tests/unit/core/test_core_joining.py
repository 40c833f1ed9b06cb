"""May a model join a run that others have made necessary?"""

from typing import Any

import pytest
from tests.unit.core.making import HOUR, MINUTE, NOW, built, model, pipeline, up, ups

from freshet.api.asset import Asset, Check, HistoryItem, LastRun
from freshet.core.case import Trouble
from freshet.core.joining import Joining, joining
from freshet.core.policy import effective
from freshet.core.situation import Situation

FAILED = (Check(name="unique", passed=False, severity="error"),)


def ask(
    asset: Asset, *upstreams: Asset, mates: set[str], rechecks: bool = True, busy: Any = None, trouble: Any = None
) -> Joining:
    owner = pipeline(dbtCloud={"accountId": 1, "jobId": 1, "tokenSecretRef": {"name": "s"}})
    situation = Situation(
        asset=asset,
        pipeline=owner,
        policy=effective(asset=asset, pipeline=owner),
        upstreams=ups(*upstreams),
        now=NOW,
        busy=busy or (lambda name: False),
    )
    return joining(situation, trouble=trouble, mates=mates, rechecks=rechecks)


def idle(**spec: Any) -> Asset:
    """Built from a v1 and b v1: not due by itself."""
    status = built("r1", considered={"a": "v1", "b": "v1"}, definition="?")
    return model("m", upstreams=["a", "b"], status=status, **spec)


def test_what_is_up_to_date_joins_as_its_automation_says() -> None:
    for when, joins in (("AnyUpstreamUpdated", "Any"), ("AllUpstreamsUpdated", "All"), ("Manual", "Never")):
        answer = ask(idle(automation={"when": when}), up("a"), up("b"), mates={"a", "b"})
        assert answer.blocked is None
        assert answer.joins in (joins, "Any")
    assert answer.due.versions == {"a": "v1", "b": "v1"}


@pytest.mark.parametrize(
    ("mates", "blocked", "cured"),
    [({"a", "b"}, None, {"b"}), ({"a"}, "NeverUpdated", set()), (set(), "NeverUpdated", set())],
)
def test_an_upstream_that_was_never_built_blocks_unless_the_run_builds_it(
    mates: set[str], blocked: str | None, cured: set[str]
) -> None:
    answer = ask(idle(), up("a"), up("b", None), mates=mates)
    assert (answer.blocked, answer.cured_by) == (blocked, cured)


@pytest.mark.parametrize(
    ("mates", "rechecks", "blocked"),
    [({"b"}, True, None), ({"b"}, False, "UpstreamChecksFailed"), (set(), True, "UpstreamChecksFailed")],
)
def test_a_failed_check_blocks_unless_the_run_checks_again(
    mates: set[str], rechecks: bool, blocked: str | None
) -> None:
    answer = ask(idle(), up("a"), up("b", checks=FAILED), mates=mates, rechecks=rechecks)
    assert answer.blocked == blocked
    assert answer.cured_by == ({"b"} if blocked is None else set())


def test_suspension_trouble_minimum_interval_and_backoff_block() -> None:
    assert ask(idle(suspend=True), up("a"), up("b"), mates={"a"}).blocked == "Suspended"
    trouble = Trouble(reason="CycleDetected", message="a → a")
    assert ask(idle(), up("a"), up("b"), mates={"a"}, trouble=trouble).blocked == "CycleDetected"
    recent = HistoryItem(id="r1", outcome="Succeeded", version="r1", started_at=NOW - MINUTE, finished_at=NOW)
    status = built("r1", considered={"a": "v1", "b": "v1"}, history=(recent,))
    held = model("m", upstreams=["a", "b"], status=status, automation={"minInterval": "1h"})
    assert ask(held, up("a"), up("b"), mates={"a"}).blocked == "WaitingMinInterval"
    failed = LastRun(id="r2", outcome="Failed", finished_at=NOW)
    status = built("r1", failures=1, retry_at=NOW + HOUR, last_run=failed, considered={"a": "v1", "b": "v1"})
    assert (
        ask(model("m", upstreams=["a", "b"], status=status), up("a"), up("b"), mates={"a"}).blocked == "RetryScheduled"
    )


def test_an_upstream_outside_that_is_being_built_is_waited_for() -> None:
    def busy(name: str) -> bool:
        return name == "b"

    assert ask(idle(), up("a"), up("b"), mates={"a"}, busy=busy).blocked == "WaitingForUpstream"
    assert ask(idle(), up("a"), up("b"), mates={"a", "b"}, busy=busy).blocked is None
    assert ask(idle(automation={"maxWait": "0s"}), up("a"), up("b"), mates={"a"}, busy=busy).blocked is None


def test_what_was_skipped_joins_what_failed_above_it() -> None:
    skipped = LastRun(id="r2", outcome="Skipped", finished_at=NOW - HOUR)
    status = built("r1", last_run=skipped, considered={"a": "v1", "b": "v1"}, retry_at=NOW - MINUTE)
    above = LastRun(id="r2", outcome="Failed", finished_at=NOW - HOUR)
    below = model("m", upstreams=["a", "b"], status=status)
    failed = model("b", status=built("v1", last_run=above, failures=1))
    answer = ask(below, up("a"), failed, mates={"b"})
    assert (answer.blocked, answer.cured_by) == (None, {"b"})
    assert ask(below, up("a"), failed, mates=set()).blocked == "WaitingForUpstream"


def test_a_request_that_waits_joins_whatever_its_automation_is() -> None:
    asked = model(
        "m",
        upstreams=["a", "b"],
        status=built("r1", considered={"a": "v1", "b": "v1"}),
        automation={"when": "Manual"},
        annotations={"freshet.dev/requestedAt": "now", "freshet.dev/request": "{}"},
    )
    answer = ask(asked, up("a"), up("b", None), mates={"b"})
    assert (answer.joins, answer.due.trigger, answer.due.options) == ("Any", "now", "{}")
