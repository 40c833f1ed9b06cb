"""Ten thousand assets that come one by one, in any order: what the graph of assets costs by itself.

    PYTHONPATH=. python tests/bench/graph.py [--assets 10000]

Each asset is put into the graph and asked for its cycle before the next one comes, as if they were applied while the
operator runs; ages are settled as freshet.controllers.moves does. The last line is one JSON object.
"""

import argparse
import json
import time

from tests.unit.core.graphs import ORDERS, SHAPES, counted_ages, many

from freshet.controllers.moves import PAUSE_EACH
from freshet.core.lineage import Graph, key_of


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--assets", type=int, default=10_000)
    options = parser.parse_args()
    print(f"{'shape':10}{'order':8}{'seconds':>10}{'edges gone along':>20}{'ages computed':>16}", flush=True)
    figures = {f"{shape}_{order}": measure(shape, order, count=options.assets) for shape in SHAPES for order in ORDERS}
    print(json.dumps({"graph_assets": options.assets, "graph_seconds": figures}))


def measure(shape: str, order: str, *, count: int) -> float:
    """Seconds that one shape takes in one order."""
    graph, assets = Graph(), many(shape, order, count=count)
    began = quiet = time.perf_counter()
    with counted_ages() as ages:
        for asset in assets:
            graph.put(asset)
            assert not graph.cycle(key_of(asset))
            if time.perf_counter() >= quiet:
                moved = len(graph.settle())
                quiet = time.perf_counter() + moved * PAUSE_EACH.total_seconds()
        graph.settle()
    took = time.perf_counter() - began
    print(f"{shape:10}{order:8}{took:>10.2f}{graph._order.steps:>20,}{len(ages):>16,}", flush=True)
    return round(took, 2)


if __name__ == "__main__":
    main()
