"""One run for many: chains and diamonds are one run, and what may not join waits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freshet.dbtcloud.batch import Candidate, plan

CHAIN = {name: Candidate(upstreams=(up,)) for up, name in zip("rabcd", "abcde", strict=True)}
DIAMOND = {
    "a": Candidate(upstreams=("r",)),
    "b": Candidate(upstreams=("a",)),
    "c": Candidate(upstreams=("a",)),
    "d": Candidate(upstreams=("b", "c")),
}


def test_a_chain_of_five_is_one_run() -> None:
    batch = plan(due={"a"}, models=CHAIN)
    assert batch.build == ("a", "b", "c", "d", "e")
    assert batch.joined == {"b", "c", "d", "e"}
    assert not batch.left


@pytest.mark.parametrize("joins", ["Any", "All"])
def test_a_diamond_is_built_once(joins: str) -> None:
    models = {**DIAMOND, "d": Candidate(upstreams=("b", "c"), joins="Any" if joins == "Any" else "All")}
    assert plan(due={"a"}, models=models).build == ("a", "b", "c", "d")


def test_all_waits_for_what_does_not_move() -> None:
    models = {**DIAMOND, "d": Candidate(upstreams=("b", "c"), joins="All")}
    assert plan(due={"b"}, models=models).build == ("b",)
    settled = {**DIAMOND, "d": Candidate(upstreams=("b", "c"), joins="All", settled=frozenset({"c"}))}
    assert plan(due={"b"}, models=settled).build == ("b", "d")


@pytest.mark.parametrize(
    "stop", [Candidate(upstreams=("b",), joins="Never"), Candidate(upstreams=("b",), blocked="Suspended")]
)
def test_what_may_not_join_stops_the_wave(stop: Candidate) -> None:
    assert plan(due={"a"}, models={**CHAIN, "c": stop}).build == ("a", "b")


def test_what_is_due_and_blocked_says_why() -> None:
    batch = plan(due={"a", "c", "x"}, models={**CHAIN, "c": Candidate(upstreams=("b",), blocked="WaitingMinInterval")})
    assert batch.left == {"c": "WaitingMinInterval", "x": "NotInPipeline"}


def test_a_block_that_this_run_cures() -> None:
    models = {**CHAIN, "b": Candidate(upstreams=("a",), cured_by=frozenset({"a"}))}
    assert plan(due={"a"}, models=models).build == ("a", "b", "c", "d", "e")
    assert plan(due={"b"}, models=models).left == {"b": "WaitingForUpstream"}


def test_a_view_passes_the_version_on_without_being_built() -> None:
    models = {**CHAIN, "b": Candidate(upstreams=("a",), passes=True)}
    batch = plan(due={"a"}, models=models)
    assert (batch.build, batch.passed) == (("a", "c", "d", "e"), ("b",))
    assert plan(due={"b"}, models=models).build == ("b", "c", "d", "e")


def test_a_budget_cuts_downstream_first() -> None:
    batch = plan(due={"a", "d"}, models=CHAIN, limit=2)
    assert batch.build == ("a", "b")
    assert batch.left == {"d": "BudgetExhausted"}
    assert plan(due={"a"}, models=CHAIN, limit=0).build == ()


def test_a_cycle_does_not_hang() -> None:
    models = {**CHAIN, "x": Candidate(upstreams=("y",)), "y": Candidate(upstreams=("x",))}
    assert plan(due={"a", "x"}, models=models).build == ("a", "b", "c", "d", "e")


@given(
    edges=st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=60),
    due=st.sets(st.integers(0, 19)),
    blocked=st.sets(st.integers(0, 19)),
    limit=st.none() | st.integers(0, 20),
)
def test_a_batch_is_in_order_reachable_and_free_of_what_is_blocked(
    edges: list[tuple[int, int]], due: set[int], blocked: set[int], limit: int | None
) -> None:
    models = {
        f"m{at:02}": Candidate(
            upstreams=tuple(f"m{low:02}" for low, high in edges if high == at and low < high),
            blocked="Suspended" if at in blocked else None,
        )
        for at in range(20)
    }
    names = {f"m{at:02}" for at in due}
    batch = plan(due=names, models=models, limit=limit)
    place = {name: at for at, name in enumerate(batch.build)}
    assert len(place) == len(batch.build) <= (20 if limit is None else limit)
    for name in batch.build:
        assert models[name].blocked is None
        assert name in names or any(up in place for up in models[name].upstreams)
        assert all(place[up] < place[name] for up in models[name].upstreams if up in place)
    assert names == (names & place.keys()) | set(batch.left or {})
