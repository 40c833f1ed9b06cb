"""Selectors are exact, and what a person asks for is checked before it is sent."""

import pytest

from freshet.dbtcloud.selection import Node, RunOptions, lost_by_override, parse_options, selector, steps

USERS = Node(unique_id="model.shop.users", fqn=("shop", "marts", "users"))
STAGED = Node(unique_id="model.shop.stg_users", fqn=("shop", "staging", "stg_users"))


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (USERS, "fqn:shop.marts.users"),
        (Node(unique_id="model.shop.dim.v2", fqn=("shop", "marts", "dim", "v2")), "fqn:shop.marts.dim.v2"),
        (Node(unique_id="model.shop.users", fqn=USERS.fqn, crowded=True), "fqn:shop.marts.users,file:users"),
        (Node(unique_id="model.shop.odd", fqn=("shop", "my folder", "odd")), "fqn:shop.my?folder.odd"),
        (Node(unique_id="model.shop.odd", fqn=("shop", "a,b+c", "odd")), "fqn:shop.a?b?c.odd"),
        (Node(unique_id="model.shop.users"), "package:shop,resource_type:model,file:users"),
        (Node(unique_id="seed.shop.countries"), "package:shop,resource_type:seed,file:countries"),
        (Node(unique_id="snapshot.shop.snap"), "package:shop,resource_type:snapshot,fqn:snap"),
        (Node(unique_id="model.shop.dim.v2"), "package:shop,resource_type:model,fqn:dim.v2"),
        (Node(unique_id="model.shop.dotted.name"), "package:shop,resource_type:model,file:dotted.name"),
        (Node(unique_id="source.shop.raw.orders"), "source:shop.raw.orders"),
        (Node(unique_id="source.shop.raw.my orders.v1"), "source:shop.raw.my?orders?v1"),
    ],
)
def test_the_narrowest_selector(node: Node, expected: str) -> None:
    assert selector(node) == expected


def test_one_command_builds_them_all_in_a_fixed_order() -> None:
    expected = ("dbt build --select fqn:shop.marts.users fqn:shop.staging.stg_users --indirect-selection buildable",)
    assert steps(command="dbt build {select}", nodes=[USERS, STAGED, USERS]) == expected
    assert steps(command="dbt build {select}", nodes=[STAGED, USERS]) == expected


def test_options_are_added_once() -> None:
    options = RunOptions(full_refresh=True, event_time_start="2026-11-01", event_time_end="2026-11-02")
    assert steps(command="dbt build {select} --full-refresh", nodes=[USERS], options=options) == (
        "dbt build --select fqn:shop.marts.users --indirect-selection buildable "
        "--event-time-start 2026-11-01 --event-time-end 2026-11-02 --full-refresh",
    )


def test_the_commands_own_indirect_selection_stays() -> None:
    command = steps(command="dbt build {select} --indirect-selection cautious --vars '{a: 1}'", nodes=[USERS])
    assert command == ("dbt build --select fqn:shop.marts.users --indirect-selection cautious --vars '{a: 1}'",)


def test_no_model_never_means_all_models() -> None:
    with pytest.raises(ValueError, match="whole project"):
        steps(command="dbt build {select}", nodes=[])
    with pytest.raises(ValueError, match=r"lacks \{select\}"):
        steps(command="dbt build", nodes=[USERS])


@pytest.mark.parametrize("unique_id", ["users", "model.shop", ""])
def test_an_id_that_is_none_is_refused(unique_id: str) -> None:
    with pytest.raises(ValueError, match=r"model\.package\.name"):
        selector(Node(unique_id=unique_id))


def test_a_request_is_read() -> None:
    assert parse_options(None) == RunOptions()
    assert parse_options('{"fullRefresh": true, "downstream": true}') == RunOptions(full_refresh=True, downstream=True)
    window = parse_options('{"eventTimeStart": "2026-11-01", "eventTimeEnd": "2026-11-02T06:00:00"}')
    assert window.flags() == ("--event-time-start", "2026-11-01", "--event-time-end", "2026-11-02T06:00:00")


@pytest.mark.parametrize(
    "text",
    [
        "yes",
        '{"full_refresh": true}',
        '{"fullRefresh": "yes"}',
        '{"eventTimeStart": "2026-11-01"}',
        '{"eventTimeStart": "2026-11-02", "eventTimeEnd": "2026-11-01"}',
        '{"eventTimeStart": "$(rm)", "eventTimeEnd": "2026-11-01"}',
        '{"eventTimeStart": "2026-11-01 --vars x", "eventTimeEnd": "2026-11-02"}',
    ],
)
def test_a_request_that_makes_no_sense_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"freshet\.dev/request"):
        parse_options(text)


def test_what_an_override_loses_is_named() -> None:
    own = ["dbt seed", "dbt build --vars '{a: 1}' --target=prod", "dbt docs generate"]
    assert lost_by_override(execute_steps=own, generate_docs=True) == (
        "--vars",
        "--target",
        "dbt docs generate",
        "dbt seed",
        "docs on run",
    )
    assert lost_by_override(execute_steps=["dbt build"]) == ()
