"""What dbt says of a node: its code against its table, tolerated lags, and the hold until discovery has spoken."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from freshet.api import conditions
from freshet.api.asset import (
    Asset,
    AssetSpec,
    AssetStatus,
    Automation,
    Consumed,
    DbtFacts,
    DbtNode,
    LastRun,
    Materialize,
)
from freshet.api.names import ANNOTATION_UNIQUE_ID
from freshet.api.pipeline import DbtCloudSpec, Discovery, Pipeline, PipelineSpec, SecretKeyRef
from freshet.api.view import Meta
from freshet.core import nodes
from freshet.core.decide import decide
from freshet.core.observed import Observed
from freshet.core.situation import definition_of

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NODE = Materialize(dbt_cloud=DbtNode(unique_id="model.shop.a"))


def pipeline(**discovery: Any) -> Pipeline:
    settings = Discovery(**discovery)
    dbt = DbtCloudSpec(account_id=1, job_id=1, token_secret_ref=SecretKeyRef(name="dbt"), discovery=settings)
    return Pipeline(metadata=Meta(name="shop", namespace="default"), spec=PipelineSpec(dbt_cloud=dbt))


def model(*, made: bool = False, automation: Automation | None = None, **status: Any) -> Asset:
    notes = {ANNOTATION_UNIQUE_ID: "model.shop.a"} if made else {}
    return Asset(
        metadata=Meta(name="a", namespace="default", annotations=notes),
        spec=AssetSpec(materialize=NODE, pipeline="shop", upstreams=("up",), automation=automation or Automation()),
        status=AssetStatus(**status),
    )


def upstream(version: str = "v2", at: datetime = NOW - 5 * MINUTE) -> Asset:
    status = AssetStatus(version=version, last_updated_at=at, last_checked_at=at)
    return Asset(metadata=Meta(name="up", namespace="default"), spec=AssetSpec(materialize=NODE), status=status)


DEFINITION = definition_of(model(), None)


def run(outcome: Any = "Unchanged", started: datetime = NOW - 4 * MINUTE) -> LastRun:
    return LastRun(id="7", outcome=outcome, started_at=started, finished_at=started)


def seen(asset: Asset, *, now: datetime = NOW, up: Asset | None = None, **more: Any) -> Any:
    return decide(Observed(asset=asset, pipeline=pipeline(), upstreams={"up": up or upstream()}, now=now, **more))


@pytest.mark.parametrize(
    ("before", "last", "built"),
    [
        (None, None, "new"),
        (DbtFacts(checksum="old", built_checksum="old"), None, "old"),
        (DbtFacts(checksum="old", built_checksum="old"), run("Succeeded"), "new"),
        (DbtFacts(checksum="old", built_checksum="old"), run("Failed"), "new"),
        (DbtFacts(checksum="old", built_checksum="old"), run("Skipped"), "old"),
    ],
)
def test_which_code_the_table_has(before: DbtFacts | None, last: LastRun | None, built: str) -> None:
    known = nodes.Described(facts=DbtFacts(checksum="new"), run="7")
    after = nodes.describe(AssetStatus(dbt=before, last_run=last), known)
    assert after.dbt == DbtFacts(checksum="new", built_checksum=built)
    assert nodes.is_recoded(after) == (built == "old")


def test_a_relation_is_taken_over_without_quotes_and_catalog() -> None:
    known = nodes.Described(facts=DbtFacts(relation='"w"."shop"."a"'))
    assert nodes.describe(AssetStatus(), known).relation == "shop.a"
    assert nodes.describe(AssetStatus(relation="other.a"), known).relation == "other.a"
    assert nodes.describe(AssetStatus(), None) == AssetStatus()


@pytest.mark.parametrize(
    ("automation", "due"),
    [
        ({"on_code_change": "Run"}, True),
        ({}, False),
        ({"on_code_change": "Ignore"}, False),
        ({"on_code_change": "Run", "when": "Cron", "schedule": "0 0 1 1 *"}, True),
        ({"on_code_change": "Run", "when": "Manual"}, False),
    ],
)
def test_a_change_of_code_makes_due_where_that_is_wanted(automation: dict[str, str], due: bool) -> None:
    facts = DbtFacts(checksum="new", built_checksum="old")
    known = {"version": "7", "considered": {"up": "v2"}, "definition": DEFINITION, "last_run": run("Succeeded")}
    decision = seen(model(automation=Automation(**automation), dbt=facts, **known))
    assert (decision.due.cause if decision.due else None) == ("its code changed" if due else None)


def test_a_reused_model_is_asked_once_more_after_its_tolerance() -> None:
    facts = DbtFacts(lag_tolerance="10m")
    known: dict[str, Any] = {
        "version": "6", "considered": {"up": "v2"}, "consumed": {"up": Consumed(version="v1")}, "dbt": facts,
    }  # fmt: skip
    status = AssetStatus(**known, last_run=run())
    at = NOW + 5 * MINUTE
    assert nodes.ask_again_at(status, {"up": upstream()}) == at
    waiting = seen(model(**known, last_run=run(), definition=DEFINITION))
    assert waiting.due is None
    assert waiting.waiting.reason == conditions.WAITING_LAG_TOLERANCE
    assert waiting.wake_at == at
    told = "dbt reused the table; it is asked again when its lag tolerance has passed"
    assert waiting.status.reason == f"WaitingLagTolerance (until {at:%Y-%m-%d %H:%M:%SZ}): {told}"
    due = seen(model(**known, last_run=run(), definition=DEFINITION), now=at).due
    assert due is not None
    assert due.cause == "its lag tolerance has passed"
    again = AssetStatus(**known, last_run=run(started=at))
    assert nodes.ask_again_at(again, {"up": upstream()}) is None


@pytest.mark.parametrize(
    "change",
    [
        {"last_run": None},
        {"last_run": run("Succeeded")},
        {"dbt": DbtFacts()},
        {"dbt": None},
        {"consumed": {"up": Consumed(version="v2")}},
        {"considered": {"up": "v1"}},
    ],
)
def test_nothing_is_asked_again_where_nothing_is_behind(change: dict[str, Any]) -> None:
    known: dict[str, Any] = {
        "considered": {"up": "v2"}, "consumed": {"up": Consumed(version="v1")},
        "dbt": DbtFacts(lag_tolerance="10m"), "last_run": run(),
    }  # fmt: skip
    assert nodes.ask_again_at(AssetStatus(**{**known, **change}), {"up": upstream()}) is None


@pytest.mark.parametrize("dbt", [None, DbtFacts(), DbtFacts(lag_tolerance="10m")])
def test_where_the_project_says_nothing_a_reused_model_is_asked_again_after_dbts_own_tolerance(
    dbt: DbtFacts | None,
) -> None:
    """And only a reused one: another that was left as it was may have been adopted, or have had nothing to do."""
    behind: dict[str, Any] = {"considered": {"up": "v2"}, "consumed": {"up": Consumed(version="v1")}, "dbt": dbt}
    tolerance = 10 * MINUTE if dbt is not None and dbt.lag_tolerance else 45 * MINUTE
    reused = msgspec.structs.replace(run(), reused=True)
    changed = upstream().status.last_updated_at
    assert changed is not None
    assert nodes.ask_again_at(AssetStatus(**behind, last_run=reused), {"up": upstream()}) == changed + tolerance
    again = msgspec.structs.replace(run(started=changed + tolerance), reused=True)
    assert nodes.ask_again_at(AssetStatus(**behind, last_run=again), {"up": upstream()}) is None
    if dbt is None or not dbt.lag_tolerance:
        assert nodes.ask_again_at(AssetStatus(**behind, last_run=run()), {"up": upstream()}) is None


def test_what_discovery_has_made_is_held_until_it_has_spoken() -> None:
    held = seen(model(made=True))
    assert held.due is None
    assert held.waiting.reason == conditions.DISCOVERING
    told = seen(model(made=True), described=nodes.Described(facts=DbtFacts(checksum="c")))
    assert told.due is not None
    assert told.status.dbt == DbtFacts(checksum="c", built_checksum="c")
    off = Observed(asset=model(made=True), pipeline=pipeline(enabled=False), upstreams={"up": upstream()}, now=NOW)
    assert decide(off).due is not None
