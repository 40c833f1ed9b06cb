"""The run that parses a project is one of the job's: sent once whatever crashes, in its line, and refused alone."""

from tests.cluster.conftest import OperatorFactory, Tripped
from tests.support.dbt_place import OFTEN, built, cloud, discover, discovered, runs_of
from tests.support.dbtcloud import DbtCloudStandIn
from tests.support.freshet_objects import Place
from tests.support.kube import Object
from tests.support.operator import OperatorProcess
from tests.support.tripwire import Trap
from tests.support.waiting import wait_for

GRAPH: Object = {"models": [{"name": "stg"}, {"name": "mart", "upstreams": ["stg"]}]}
PATIENCE = 60
PARSE = ["dbt parse"]


def parses(stand_in: DbtCloudStandIn) -> list[Object]:
    """The runs that parse."""
    return [run for run in runs_of(stand_in) if run["trigger"]["steps_override"] == PARSE]


def test_an_operator_that_dies_around_it_parses_once(place: Place, stand_in: DbtCloudStandIn, tripped: Tripped) -> None:
    traps = (
        Trap("PATCH", "/pipelines/shop/status", "before", body='"token"'),
        Trap("PATCH", "/pipelines/shop/status", "before", body='"id"'),
        Trap("PATCH", "/pipelines/shop/status", "before", body='"run":null'),
    )
    operator, wire = tripped(env=OFTEN)
    operator.start()
    stand_in.faults([{"action": "delay", "path": "/artifacts/manifest", "seconds": 1.0, "times": 1}])
    wire.traps.extend(traps)
    discover(place, stand_in)
    for trap in traps:
        assert trap.fired.wait(PATIENCE), trap
        wait_for(lambda: not operator.running, what="it is dead")
        operator.start()
    place.wait_status("mart", state="Fresh", timeout=PATIENCE)
    place.quiet(operator)
    assert len(parses(stand_in)) == 1
    assert "[freshet:" in parses(stand_in)[0]["trigger"]["cause"]


def test_it_stands_in_the_line_of_its_job(place: Place, stand_in: DbtCloudStandIn, watcher: OperatorProcess) -> None:
    """Both want a run before either has one: who sees the other's in the list waits for what it leaves instead."""
    missing = {"action": "status", "status": 404, "path": "/artifacts/manifest"}
    stand_in.faults([missing, {"action": "rate_limit", "retry_after": 0.5, "method": "POST", "path": "/jobs/1/run/$"}])
    stand_in.graph({**GRAPH, "seconds": 2.0})
    for name in ("shop", "mall"):
        discover(place, stand_in, name)
    for name in ("shop", "mall"):
        discovered(place, "Parsing", name)
    assert not runs_of(stand_in)
    stand_in.clear_faults()
    stand_in.faults([missing])
    wait_for(lambda: len(parses(stand_in)) >= 2, timeout=PATIENCE, what="the other has its turn")
    first, second = parses(stand_in)[:2]
    assert second["created_at"] >= first["finished_at"]
    stand_in.clear_faults()


def test_a_job_that_may_not_be_overridden_runs_its_own_commands_all_the_same(
    place: Place, stand_in: DbtCloudStandIn, operator_factory: OperatorFactory
) -> None:
    """That it may not be parsed is known after a restart, too, and forgotten once it need not be."""
    operator = operator_factory(env=OFTEN).start()
    refusal = {"status": {"code": 400, "user_message": "steps_override is not permitted"}, "data": None}
    stand_in.faults([{"action": "status", "status": 400, "body": refusal, "path": "/jobs/1/run/$"}])
    discover(place, stand_in)
    for _ in range(2):
        assert "not permitted" in discovered(place, "OverrideRefused")["message"]
        assert place.condition("shop", "DbtCloudReady", plural="pipelines")["status"] == "True"
        operator.kill()
        stand_in.forget_requests()
        operator.start()
        wait_for(lambda: stand_in.requests(path="/runs/"), what="dbt Cloud is asked again")
        place.quiet(operator)
        assert not stand_in.requests(method="POST")
    stand_in.clear_faults()
    run = built(stand_in)
    place.wait_status("mart", version=str(run["id"]), timeout=PATIENCE)
    assert discovered(place, "ManifestRead")
    wait_for(lambda: "parseRefused" not in cloud(place), what="it is forgotten")
