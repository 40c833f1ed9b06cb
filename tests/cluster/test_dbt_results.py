"""What a run says of each of its models: a time and rows of their own, whoever started it."""

from tests.support.dbt_place import built, chain, discover, move, runs_of
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


def rerun(stand_in: DbtCloudStandIn, run: int) -> str:
    """Rerun from failure, as the button in dbt Cloud does; the id of the new run."""
    return str(stand_in.wait(stand_in.api("POST", f"/runs/{run}/retry/")["id"])["id"])


def test_a_rerun_from_failure_counts_for_what_it_builds(
    place: Place, stand_in: DbtCloudStandIn, watcher: OperatorProcess
) -> None:
    chain(place, stand_in)
    place.patch("assets", "mart", {"spec": {"automation": {"when": "Manual"}}})
    first = stand_in.wait(stand_in.start_foreign(override={"outcomes": {"mart": ["error", "success"]}})["id"])
    status = place.wait_status("mart", lambda it: it["lastRun"]["id"] == str(first["id"]))
    assert status["lastRun"]["outcome"] == "Failed"
    place.wait_status("stg", version=str(first["id"]))
    second = rerun(stand_in, first["id"])
    mart = place.wait_status("mart", version=second, state="Fresh")
    assert mart["considered"] == {"stg": str(first["id"])}
    assert mart["lastRun"]["cause"] == f"Retry of run {first['id']}"
    place.quiet(watcher)
    assert place.status("stg")["version"] == str(first["id"]), "what had succeeded was not built again"
    assert len(runs_of(stand_in)) == 3


def test_a_person_reruns_what_failed_of_a_run_of_ours(
    place: Place, stand_in: DbtCloudStandIn, watcher: OperatorProcess
) -> None:
    chain(place, stand_in, own={"retries": {"limit": 0}})
    stand_in.graph({**GRAPH, "outcomes": {"stg": ["error", "success"]}})
    move(place, "v2")
    status = place.wait_status("stg", state="Failed", failures=1)
    assert place.wait_status("mart", lambda it: it["lastRun"]["outcome"] == "Skipped")
    second = rerun(stand_in, int(status["lastRun"]["id"]))
    stg = place.wait_status("stg", version=second, state="Fresh", considered={"raw": "v2"})
    assert not stg.get("failures")
    place.wait_status("mart", version=second, state="Fresh", considered={"stg": second})
    place.quiet(watcher)
    assert len(runs_of(stand_in)) == 3, "and freshet runs none of it again"
