"""run_results.json of dbt v1, of v2 with its gaps, and of no use at all."""

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.unit.dbtcloud.artifacts import TEST, USERS, artifact, node, read

from freshet.dbtcloud.model import Run, RunStatus
from freshet.dbtcloud.outcomes import NodeResult, Outcome, outcome_of, same_relation
from freshet.dbtcloud.results import Missing, merge, parse, settle


def test_everything_that_dbt_v1_writes_is_read() -> None:
    timing = [
        {"name": "compile", "started_at": "2026-11-24T00:23:40.5Z", "completed_at": "2026-11-24T00:23:40.6Z"},
        {"name": "execute", "started_at": "2026-11-24T00:23:40.6Z", "completed_at": "2026-11-24T00:23:41Z"},
    ]
    raw = artifact(
        node(
            timing=timing,
            execution_time=0.5,
            adapter_response={"_message": "OK", "rows_affected": 7},
            message="OK\n  created",
            relation_name='"shop"."main"."users"',
        )
    )
    assert read(raw).nodes[USERS] == NodeResult(
        unique_id=USERS,
        outcome="Success",
        status="success",
        relation='"shop"."main"."users"',
        rows_affected=7,
        started_at=datetime(2026, 11, 24, 0, 23, 40, 500000, tzinfo=UTC),
        finished_at=datetime(2026, 11, 24, 0, 23, 41, tzinfo=UTC),
        seconds=0.5,
        message="OK created",
    )


@pytest.mark.parametrize(
    ("status", "outcome", "built", "considered", "attempted"),
    [
        ("success", "Success", True, True, True),
        ("partial success", "PartialSuccess", True, True, True),
        ("error", "Error", False, False, True),
        ("skipped", "Skipped", False, False, False),
        ("no-op", "NoOp", False, True, False),
        ("reused", "Reused", False, True, False),
        ("teleported", "Unknown", False, False, False),
        ("", "Unknown", False, False, False),
        ("SUCCESS", "Success", True, True, True),
    ],
)
def test_each_status_has_a_meaning(
    status: str, outcome: Outcome, built: bool, considered: bool, attempted: bool
) -> None:
    found = read(artifact(node(status))).nodes[USERS]
    assert (found.outcome, found.built, found.considered, found.attempted) == (outcome, built, considered, attempted)


@pytest.mark.parametrize("said", [None, -1.0])
def test_where_the_time_that_it_took_is_not_said_its_timing_tells(said: float | None) -> None:
    timing = [{"name": "execute", "started_at": "2026-11-24T00:23:40Z", "completed_at": "2026-11-24T00:23:42.5Z"}]
    assert read(artifact(node(timing=timing, execution_time=said))).nodes[USERS].seconds == 2.5
    assert read(artifact(node(execution_time=said))).nodes[USERS].seconds is None


def test_dbt_v2_leaves_keys_out() -> None:
    found = read(artifact(node(), {"unique_id": TEST, "status": "pass"}))
    assert found.nodes[USERS].outcome == "Success"
    assert found.nodes[USERS].finished_at == datetime(2026, 11, 24, 0, 23, 42, 39982, tzinfo=UTC)
    assert found.checks[0].passed


@pytest.mark.parametrize("which", ["compile", "generate", "docs", "list", "clone", "source", ""])
def test_what_does_not_build_says_nothing(which: str) -> None:
    found = read(artifact(node(), {"unique_id": TEST, "status": "pass"}, which=which))
    assert not found.nodes
    assert not found.checks


def test_a_test_command_says_something_of_checks_only() -> None:
    found = read(artifact(node(), {"unique_id": TEST, "status": "fail", "message": "Got 3 results"}, which="test"))
    assert not found.nodes
    assert [(check.name, check.passed, check.severity) for check in found.checks] == [
        ("not_null_users_id", False, "error")
    ]


def test_the_command_stands_in_for_a_missing_which() -> None:
    assert read(artifact(node(), which=None), command="Invoke dbt with `dbt build --select x`").nodes
    assert not read(artifact(node(), which=None), command="Invoke dbt with `dbt docs generate`").nodes
    assert not read(artifact(node(), which=None)).nodes


@pytest.mark.parametrize("raw", [None, b"", b"<html>gateway</html>", b'{"results": [', b"[]", b"\xff\xfe"])
def test_what_cannot_be_read_is_missing(raw: bytes | None) -> None:
    found = parse(raw)
    assert isinstance(found, Missing)
    assert "run_results.json" in found.why


def test_one_odd_entry_costs_itself_only() -> None:
    odd: list[dict[str, Any]] = [
        {"status": "success"},
        {"unique_id": 7},
        node("success", "model.shop.odd", timing="never", failures="x"),
    ]
    found = read(artifact(*odd, node()))
    assert {key: result.outcome for key, result in found.nodes.items()} == {
        "model.shop.odd": "Success",
        USERS: "Success",
    }


@pytest.mark.parametrize(("rows", "expected"), [(-1, None), ("7", None), (True, None), (0, 0), (12, 12), (None, None)])
def test_rows_are_taken_only_where_they_are_rows(rows: Any, expected: int | None) -> None:
    assert read(artifact(node(adapter_response={"rows_affected": rows}))).nodes[USERS].rows_affected == expected


def test_steps_merge_in_their_order() -> None:
    built, failed, skipped = (read(artifact(node(status))) for status in ("success", "error", "skipped"))
    assert merge([failed, built]).nodes[USERS].outcome == "Success"
    assert merge([built, skipped]).nodes[USERS].outcome == "Success"
    assert merge([skipped, failed]).nodes[USERS].outcome == "Error"
    strange = read(artifact(node("teleported")))
    assert merge([built, strange]).nodes[USERS].outcome == "Success"
    assert merge([strange, failed]).nodes[USERS].outcome == "Error"
    assert merge([]).nodes == {}


@pytest.mark.parametrize(
    ("results", "status", "outcome"),
    [
        (None, RunStatus.SUCCESS, "Success"),
        (None, RunStatus.ERROR, "Error"),
        (None, RunStatus.CANCELLED, "Cancelled"),
        (artifact(), RunStatus.SUCCESS, "Unknown"),
        (artifact(node(unique_id="model.shop.other")), RunStatus.ERROR, "Unknown"),
        (artifact(node("error")), RunStatus.ERROR, "Error"),
        (artifact(node()), RunStatus.CANCELLED, "Success"),
    ],
)
def test_what_is_not_said_follows_from_the_run(results: bytes | None, status: RunStatus, outcome: Outcome) -> None:
    run = Run(id=7, status=status, status_message="what dbt Cloud says")
    settled = settle(results=read(results) if results is not None else None, run=run, expected=[USERS])
    assert settled[USERS].outcome == outcome


@pytest.mark.parametrize(("which", "nodes"), [("build", [USERS]), ("run", [USERS]), ("compile", []), (None, [])])
def test_a_retry_counts_as_the_command_that_it_repeats(which: str | None, nodes: list[str]) -> None:
    assert list(read(artifact(node(), which=which), command="retry").nodes) == nodes


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ('"shop"."main"."users"', "shop.main.users", True),
        ("`main`.`kaizen`.`Users`", "kaizen.users", True),
        ("kaizen.users", "kaizen_ci.users", False),
        ('"a.b"."c"', "a.b.c", False),
        ("", "users", None),
        (None, "users", None),
    ],
)
def test_relations_are_compared_as_the_warehouse_would(
    one: str | None, other: str | None, expected: bool | None
) -> None:
    assert same_relation(one, other) is expected


def test_a_status_may_be_absent() -> None:
    assert outcome_of(None) == "Unknown"
