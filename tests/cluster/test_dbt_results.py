"""What a run says of each of its models: a time and rows of their own, whoever started it."""

from tests.support.dbt_place import built, chain, discover
from tests.support.dbtcloud import DbtCloudStandIn
from tests.support.freshet_objects import Place
from tests.support.kube import Object
from tests.support.operator import OperatorProcess
from tests.support.waiting import wait_for

STG: Object = {"name": "stg", "execution_time": 3.25, "rows_affected": 7}
MART: Object = {"name": "mart", "upstreams": ["stg"], "execution_time": 41.5}
GRAPH: Object = {"models": [STG, MART]}


def assert_own_times(place: Place, watcher: OperatorProcess, run: str) -> None:
    """Each model has its own, of one run, and so have its Event and its metric."""
    for name, seconds, rows in (("stg", 3.25, 7), ("mart", 41.5, None)):
        status = place.wait_status(name, version=run, timeout=60)
        told = (status["lastRun"], status["history"][0])
        assert [(it["id"], it["durationSeconds"]) for it in told] == [(run, seconds)] * 2
        assert (status["durationSeconds"], status.get("rows"), told[1].get("rows")) == (seconds, rows, rows)
        labels = {"namespace": place.namespace, "asset": name}
        wait_for(
            lambda s=seconds, of=labels: watcher.sample("freshet_asset_run_duration_seconds", **of) == s,
            what=f"the metric of {name} has {seconds} s",
        )


def test_each_model_of_a_run_has_its_own_time_and_rows(
    place: Place, stand_in: DbtCloudStandIn, watcher: OperatorProcess
) -> None:
    chain(place, stand_in)
    ours = place.status("stg")["version"]
    assert_own_times(place, watcher, ours)
    starts = {place.status(name)["lastRun"]["startedAt"] for name in ("stg", "mart")}
    assert len(starts) == 1, "they share the run's"
    theirs = built(stand_in)
    assert_own_times(place, watcher, str(theirs["id"]))

    def events() -> bool:
        told = {(it["involvedObject"]["name"], it["message"][-8:]) for it in place.all("events")}
        return {("stg", "; 3.2 s)"), ("mart", " 41.5 s)")} <= told

    wait_for(events, what="Events tell the models' own times")


def test_adopted_tables_have_the_times_of_their_models(
    place: Place, stand_in: DbtCloudStandIn, watcher: OperatorProcess
) -> None:
    run = built(stand_in)
    discover(place, stand_in)
    assert_own_times(place, watcher, str(run["id"]))
