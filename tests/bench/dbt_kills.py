"""kill -9 of the operator at random points while models become due all the time: doubled and lost dbt Cloud runs.

    PYTHONPATH=. python tests/bench/dbt_kills.py [--kills 200] [--pipelines 20] [--seed 1]

Each Pipeline has a job and a model of its own, and what the model reads moves as soon as the model is built from it:
each move is one need. The stand-in loses some answers, refuses some requests for a while, and lists new runs late. At
last the operator is left alone until every need is met. A need is doubled where more than one run was made for it, and
lost where none was. The last line is one JSON object; bar (DESIGN §9): 200 kills, at least one need for each of them,
0 doubled, 0 lost.
"""

import argparse
import json
import random
import time
from dataclasses import dataclass, field

from tests.bench.support import Setup, prepared
from tests.support.dbt_place import FAST, add_dbt_pipeline, add_model, runs_of
from tests.support.dbtcloud import DbtCloudStandIn
from tests.support.freshet_objects import Place
from tests.support.kube import Object
from tests.support.operator import OperatorProcess
from tests.support.waiting import wait_for

NAMESPACE = "kills"
ALIVE_SECONDS = (0.0, 6.0)
"""How long an operator lives, counted from when it is ready, so that there is work for it to be killed in."""
MOST = 0.8
"""So many are ready first; of the others it is counted from their start."""
PATIENCE = 240.0
"""For every need to be met in the end: longer than the protocol waits for a run that was perhaps never sent, twice."""
FAULTS: list[Object] = [
    {"action": "list_lag", "seconds": 1.0},
    *({"action": "lose", "method": "POST", "path": "/run/$", "skip": 7 * n, "times": 1} for n in range(1, 40)),
    *({"action": "rate_limit", "method": "POST", "path": "/run/$", "skip": 5 * n, "times": 1} for n in range(1, 40)),
]


@dataclass
class Needs:
    """How often each Pipeline's source has moved; it moves again once its model is built from it."""

    place: Place
    pipelines: int
    moves: dict[int, int] = field(default_factory=dict)

    def lay_out(self, stand_in: DbtCloudStandIn) -> None:
        """Sources, jobs, Pipelines, models; nothing is due yet."""
        for number in range(1, self.pipelines + 1):
            if number > 1:
                stand_in.put_job(id=number, name=f"job {number}")
            self.place.add_asset(f"raw-{number}")
            add_dbt_pipeline(self.place, stand_in, f"shop-{number}", job=number)
            upstreams = [f"raw-{number}"]
            add_model(self.place, f"model-{number}", model=f"m{number}", pipeline=f"shop-{number}", upstreams=upstreams)
            self.moves[number] = 0

    def met(self, number: int, status: Object) -> bool:
        """Is the newest move built?"""
        wanted = {f"raw-{number}": f"v{self.moves[number]}"} if self.moves[number] else {}
        return bool(status.get("considered", {}) == wanted)

    def move(self) -> None:
        """Whatever is built becomes due anew."""
        statuses = {asset["metadata"]["name"]: asset.get("status", {}) for asset in self.place.all("assets")}
        for number in self.moves:
            if self.met(number, statuses[f"model-{number}"]):
                self.moves[number] += 1
                self.place.announce(f"raw-{number}", f"v{self.moves[number]}")

    def unmet(self) -> int:
        """How many models are not built from the newest move."""
        statuses = {asset["metadata"]["name"]: asset.get("status", {}) for asset in self.place.all("assets")}
        return sum(not self.met(number, statuses[f"model-{number}"]) for number in self.moves)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--pipelines", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with prepared() as setup:
        figures = measure(setup, kills=options.kills, pipelines=options.pipelines, seed=options.seed)
    print(json.dumps(figures))


def measure(setup: Setup, *, kills: int, pipelines: int, seed: int) -> dict[str, float]:
    """All kills, the rest, and what came of it."""
    chance, began = random.Random(seed), time.monotonic()
    setup.cluster.http.post("/api/v1/namespaces", json={"metadata": {"name": NAMESPACE}}).raise_for_status()
    needs = Needs(place=Place(setup.cluster, NAMESPACE), pipelines=pipelines)
    operator = OperatorProcess(
        kubeconfig=setup.operator_kubeconfig, folder=setup.folder / "operator", namespaces=[NAMESPACE], env=FAST
    )
    graph = {"models": [{"name": f"m{number}"} for number in range(1, pipelines + 1)]}
    with DbtCloudStandIn(folder=setup.folder / "dbt", executor="scripted", graph=graph) as stand_in:
        needs.lay_out(stand_in)
        stand_in.faults(FAULTS)
        try:
            kill_again_and_again(operator, needs, kills=kills, chance=chance)
            operator.start()
            wait_for(lambda: needs.unmet() == 0 or not operator.running, timeout=PATIENCE, interval=0.5)
        finally:
            operator.kill()
        return judged(needs, stand_in) | {"kills": kills, "seconds": round(time.monotonic() - began, 1)}


def kill_again_and_again(operator: OperatorProcess, needs: Needs, *, kills: int, chance: random.Random) -> None:
    """The operator lives a moment, while things move, and dies."""
    for number in range(kills):
        operator.start(wait=chance.random() < MOST)
        until = time.monotonic() + chance.uniform(*ALIVE_SECONDS)
        while (left := until - time.monotonic()) > 0:
            needs.move()
            time.sleep(min(left, 0.1))
        operator.kill()
        if (number + 1) % 20 == 0:
            print(f"{number + 1:6} kills, {sum(needs.moves.values())} needs, {needs.unmet()} not met yet", flush=True)


def judged(needs: Needs, stand_in: DbtCloudStandIn) -> dict[str, float]:
    """Runs against needs, per job."""
    runs = {number: len(runs_of(stand_in, number)) for number in needs.moves}
    doubled = sum(max(0, runs[number] - moves) for number, moves in needs.moves.items())
    figures = {"needs": sum(needs.moves.values()), "runs": sum(runs.values()), "doubled": doubled}
    return {**figures, "lost": needs.unmet()}


if __name__ == "__main__":
    main()
