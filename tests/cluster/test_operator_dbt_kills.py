"""kill -9 of the operator around dbt Cloud's trigger, with lost answers: never two runs for a need, never none.

Many Pipelines with a job each go through it together: where the operator dies between meaning a run and sending it,
what follows must wait until the run cannot show up any more (over a minute), and that wait is then had only once.
"""

import random
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.cluster.conftest import Tripped
from tests.support.dbt_place import FAST, OFTEN, add_dbt_pipeline, add_model, runs_of
from tests.support.dbtcloud import DbtCloudStandIn
from tests.support.freshet_objects import Place
from tests.support.kube import Object
from tests.support.operator import OperatorProcess
from tests.support.tripwire import Trap, Wire
from tests.support.waiting import wait_for

PIPELINES = 20
RANDOM_KILLS = 4
WINDOW_SECONDS = 300.0
"""Longer than the protocol waits for a run that was meant and perhaps never sent, twice."""

STEPS = (
    Trap("PATCH", "/pipelines/shop-1/status", "before", body='"token"'),
    Trap("PATCH", "/pipelines/shop-2/status", "after", body='"token"'),
    Trap("PATCH", "/pipelines/shop-3/status", "before", body='"id"'),
    Trap("PATCH", "/pipelines/shop-4/status", "after", body='"id"'),
    Trap("PATCH", "/assets/model-5/status", "before", body='"Succeeded"'),
    Trap("PATCH", "/assets/model-6/status", "after", body='"Succeeded"'),
    Trap("PATCH", "/pipelines/shop-7/status", "before", body="null"),
    Trap("PATCH", "/pipelines/shop-8/status", "after", body="null"),
)
"""One for each step of the protocol: meant, known, taken in, cleared; each before and after it takes effect."""

EARLY = {
    13: Trap("PATCH", "/pipelines/shop-13/status", "before", body='"at"', skip=1),
    14: Trap("PATCH", "/pipelines/shop-14/status", "after", body='"at"', skip=1),
    15: Trap("POST", "/jobs/15/run/$", "before"),
    16: Trap("POST", "/jobs/16/run/$", "after"),
}
"""By job: renewing the intent (its second time, after a request that was refused for a while), and the request itself.
Their models read sources of their own and come one after the other, before all others: so all wait at the same time.
"""


GRAPH: Object = {"models": [{"name": f"m{number}"} for number in range(1, PIPELINES + 1)]}


@pytest.fixture
def stand_in(stand_in: DbtCloudStandIn) -> DbtCloudStandIn:
    """With a job for each Pipeline."""
    for job in range(2, PIPELINES + 1):
        stand_in.put_job(id=job, name=f"job {job}")
    return stand_in


def source_of(number: int) -> str:
    """What a Pipeline's model reads."""
    return f"raw-{number}" if number in EARLY else "raw"


SOURCES = sorted({source_of(number) for number in range(1, PIPELINES + 1)})


def lay_out(place: Place, stand_in: DbtCloudStandIn, *, host: str) -> None:
    """``raw`` and those of early ones, and on each its Pipelines' models."""
    for source in SOURCES:
        place.add_asset(source)
    for number in range(1, PIPELINES + 1):
        add_dbt_pipeline(place, stand_in, f"shop-{number}", job=number, host=host)
        upstreams = [source_of(number)]
        add_model(place, f"model-{number}", model=f"m{number}", pipeline=f"shop-{number}", upstreams=upstreams)
    for number in range(1, PIPELINES + 1):
        place.wait_status(f"model-{number}", state="Missing")


def all_fresh_once(place: Place, stand_in: DbtCloudStandIn, *, version: str, runs: int) -> None:
    """Every model is built from that version, and no job ran more often than that."""
    for number in range(1, PIPELINES + 1):
        considered = {source_of(number): version}
        place.wait_status(f"model-{number}", state="Fresh", considered=considered, timeout=WINDOW_SECONDS)
    counts = {number: len(runs_of(stand_in, number)) for number in range(1, PIPELINES + 1)}
    assert set(counts.values()) == {runs}, counts


def test_killed_at_each_step_and_at_random_with_lost_answers(
    place: Place, stand_in: DbtCloudStandIn, tripped: Tripped
) -> None:
    chance = random.Random(11)
    operator, wire = tripped(env=FAST)
    operator.start()
    with Wire(target=stand_in.url, kill=operator.kill) as cloud:
        lay_out(place, stand_in, host=cloud.url)
        wire.traps.extend((EARLY[13], EARLY[14], *STEPS))
        cloud.traps.extend((EARLY[15], EARLY[16]))
        stand_in.faults([{"action": "lose", "method": "POST", "path": "/jobs/(9|10|11)/run/$", "times": 3}])
        stand_in.faults([{"action": "drop", "method": "POST", "path": "/jobs/12/run/$", "times": 1}])
        stand_in.faults([{"action": "queue_full", "method": "POST", "path": "/jobs/(13|14)/run/$", "times": 2}])
        for number, trap in EARLY.items():
            place.announce(source_of(number), "v1")
            keep_alive(operator, traps=[trap])
        place.announce("raw", "v1")
        moments = [time.monotonic() + chance.uniform(0.0, 20.0) for _ in range(RANDOM_KILLS)]
        keep_alive(operator, traps=STEPS, moments=sorted(moments))
        operator.wait_ready()
        all_fresh_once(place, stand_in, version="v1", runs=1)
        for source in SOURCES:
            place.announce(source, "v2")
        all_fresh_once(place, stand_in, version="v2", runs=2)
        place.quiet(operator)
        wait_for(lambda: not any(intents(place)), what="every intent is cleared")
        all_fresh_once(place, stand_in, version="v2", runs=2)


def test_killed_around_a_cancellation_that_is_lost_too(
    place: Place, stand_in: DbtCloudStandIn, tripped: Tripped
) -> None:
    """Why it was cancelled is known to whoever comes next: a timeout is one failure of the model's own."""
    told = [Trap("PATCH", "/pipelines/shop-1/status", when, body='"cancelled"') for when in ("before", "after")]
    asked = [Trap("POST", r"/runs/\d+/cancel/$", when) for when in ("before", "after")]
    operator, wire = tripped(env=FAST)
    operator.start()
    with Wire(target=stand_in.url, kill=operator.kill) as cloud:
        stand_in.graph({"models": [{"name": "m1"}], "seconds": 300.0})
        place.add_asset("raw")
        place.announce("raw", "v1")
        add_dbt_pipeline(place, stand_in, "shop-1", host=cloud.url, timeout="1s")
        retries = {"limit": 1, "backoff": "5s"}
        add_model(place, "model-1", model="m1", pipeline="shop-1", upstreams=["raw"], retries=retries)
        wire.traps.extend(told)
        cloud.traps.extend(asked)
        keep_alive(operator, traps=(*told, *asked))
        place.wait_status("model-1", failures=1, timeout=60)
        stand_in.graph({"models": [{"name": "m1"}]})
        status = place.wait_status("model-1", state="Fresh", considered={"raw": "v1"}, timeout=60)
        assert [item["outcome"] for item in status["history"]] == ["Succeeded", "Failed"]
        assert "Timeout: it took longer than 0:00:01" in status["history"][1]["message"]
        place.quiet(operator)
        assert [run["status_humanized"] for run in runs_of(stand_in)] == ["Cancelled", "Success"]


def test_killed_around_the_leaving_of_a_run(
    place: Place, stand_in: DbtCloudStandIn, tripped: Tripped, tmp_path: Path
) -> None:
    """Its Pipeline names another dbt Cloud: what was sent has its time, and then the need is asked anew, once."""
    traps = [Trap("PATCH", "/pipelines/shop-1/status", when, body='"leftAt"') for when in ("before", "after")]
    operator, wire = tripped(env=OFTEN)
    operator.start()
    with DbtCloudStandIn(folder=tmp_path / "other", executor="scripted", graph=GRAPH) as other:
        stand_in.graph({**GRAPH, "seconds": 300.0})
        place.add_asset("raw")
        place.announce("raw", "v1")
        add_dbt_pipeline(place, stand_in, "shop-1")
        add_model(place, "model-1", model="m1", pipeline="shop-1", upstreams=["raw"])
        wait_for(lambda: (intents(place)[0] or {}).get("id"), timeout=60, what="its id is known")
        wire.traps.extend(traps)
        place.patch("pipelines", "shop-1", {"spec": {"timeout": "6s", "dbtCloud": {"host": other.url}}})
        keep_alive(operator, traps=traps)
        status = place.wait_status("model-1", state="Fresh", considered={"raw": "v1"}, timeout=60)
        place.quiet(operator)
        assert [item["outcome"] for item in status["history"]] == ["Succeeded"]
        assert (len(runs_of(stand_in)), len(runs_of(other))) == (1, 1)


def test_killed_while_a_run_of_others_is_taken_in(place: Place, stand_in: DbtCloudStandIn, tripped: Tripped) -> None:
    traps = (
        Trap("PATCH", "/assets/model-1/status", "before", body='"nightly"'),
        Trap("PATCH", "/assets/model-1/status", "after", body='"nightly"'),
        Trap("PATCH", "/pipelines/shop-1/status", "before", body='"cursor"'),
        Trap("PATCH", "/pipelines/shop-1/status", "after", body='"cursor"'),
    )
    operator, wire = tripped(env=OFTEN)
    operator.start()
    place.add_asset("raw")
    place.announce("raw", "v1")
    add_dbt_pipeline(place, stand_in, "shop-1")
    add_model(place, "model-1", model="m1", pipeline="shop-1", upstreams=["raw"])
    place.wait_status("model-1", state="Fresh", timeout=60)
    wait_for(lambda: "cursor" in place.get("pipelines", "shop-1")["status"].get("dbtCloud", {}), what="runs count")
    wait_for(lambda: not any(intents(place)), what="the run is recorded")
    for trap in traps:
        wire.traps.append(trap)
        run = stand_in.start_foreign(cause="nightly")
        assert trap.fired.wait(60), trap
        operator.start()
        place.wait_status("model-1", version=str(run["id"]), state="Fresh", timeout=60)
        wait_for(lambda run=run: f" {run['id']}@" in cursor(place), timeout=60, what="the cursor has passed it")
    place.quiet(operator)
    ids = [item["id"] for item in place.status("model-1")["history"]]
    assert ids == [str(run["id"]) for run in reversed(runs_of(stand_in))], "each once, in order, and none of ours"
    assert len(ids) == 1 + len(traps)


def cursor(place: Place) -> str:
    """How far runs were taken."""
    return str(place.get("pipelines", "shop-1")["status"]["dbtCloud"].get("cursor", ""))


def keep_alive(operator: OperatorProcess, *, traps: Sequence[Trap], moments: Sequence[float] = ()) -> None:
    """Start it whenever a trap has killed it, and kill it at those moments, until all traps have fired."""
    deadline, moments = time.monotonic() + WINDOW_SECONDS, list(moments)
    while moments or not all(trap.fired.is_set() for trap in traps):
        assert time.monotonic() < deadline, [trap for trap in traps if not trap.fired.is_set()]
        if moments and time.monotonic() > moments[0]:
            moments.pop(0)
            operator.kill()
        if not operator.running:
            operator.start(wait=False)
        time.sleep(0.02)
    if not operator.running:
        operator.start(wait=False)


def intents(place: Place) -> list[Object | None]:
    """The run that each Pipeline means or follows."""
    return [pipeline["status"].get("dbtCloud", {}).get("run") for pipeline in place.all("pipelines")]
