"""Ten thousand assets cost in proportion, whatever their shape and order: counts of work, not durations."""

import pytest
from tests.unit.core.graphs import ORDERS, SHAPES, counted_ages, key, many, put, root

from freshet.core.lineage import Graph, key_of


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("order", ORDERS)
def test_the_work_is_in_proportion(shape: str, order: str) -> None:
    """The first list, one move of the root, one fault of it."""
    graph, assets = Graph(), many(shape, order)
    with counted_ages() as ages:
        for it in assets:
            graph.put(it)
        assert len(graph.settle()) == len(ages) == 10_000
        assert not any(graph.cycle(key_of(it)) for it in assets)
        assert graph._order.steps <= 6 * 10_000
        ages.clear()
        assert len(put(graph, root("0", 5))) == len(ages) == 10_000
    assert len(graph.followers(key("0"))) == 9_999
    assert {graph.root(it) for it in assets} == {key("0")}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("order", ["down", "up"])
def test_assets_that_come_one_by_one_cost_what_they_change(shape: str, order: str) -> None:
    """Each is asked for its cycle, and what reads it, before the next one comes, as their visits do."""
    graph = Graph()
    for it in many(shape, order):
        graph.put(it)
        assert not any(graph.cycle(asked) for asked in (key_of(it), *graph.downstreams(key_of(it))))
    assert graph._order.steps <= 6 * 10_000


@pytest.mark.parametrize(("shape", "edges"), [("chain", 1), ("star", 1), ("lattice", 3)])
def test_assets_that_come_one_by_one_in_any_order_cost_little_more(shape: str, edges: int) -> None:
    """As when they are applied one after the other while the operator runs; ages are settled as Moves does."""
    graph, rest = Graph(), 0
    with counted_ages() as ages:
        for it in many(shape, "any"):
            graph.put(it)
            assert not graph.cycle(key_of(it))
            rest -= 1
            if rest <= 0:
                rest = len(graph.settle()) // 20
        graph.settle()
    assert graph._order.steps <= 10 * edges * 10_000
    assert len(ages) <= 20 * 10_000
