"""Loads come home through their pods: versions, rows and data time, and what is news to those below."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from tests.support.freshet_objects import Place, load_result, stamp, user_job
from tests.support.kube import Object
from tests.support.operator import OperatorProcess
from tests.support.waiting import wait_for

pytestmark = pytest.mark.usefixtures("everywhere")

ORDERS: Object = {"asset": "orders", "csv": {"path": "/data/orders.csv"}, "table": "raw_orders"}
AGO = datetime.now(UTC) - timedelta(minutes=10)


def scheduled(place: Place, name: str) -> None:
    """Start the load that the CronJob would start at its next tick."""
    cron_job = place.get("cronjobs", name)
    job = f"{name}-{stamp().replace(':', '').replace('.', '').lower()}"
    place.cluster.kubectl("create", "job", job, f"--from=cronjob/{name}", "-n", place.namespace)
    assert cron_job["spec"]["jobTemplate"]["metadata"]["labels"]["freshet.dev/asset"] == name


def test_a_missing_source_is_loaded_at_once(place: Place, everywhere: OperatorProcess) -> None:
    place.add_pipeline(sources=(ORDERS,))
    job = place.wait_job("orders")
    status = place.wait_status("orders", state="Updating")
    assert status["run"]["id"] == job["metadata"]["uid"]
    place.quiet(everywhere)
    assert [found["metadata"]["uid"] for found in place.jobs("orders")] == [job["metadata"]["uid"]]


def test_a_load_makes_a_version(place: Place) -> None:
    place.add_pipeline(sources=(ORDERS,))
    job = place.build("orders", result=load_result(version="1.a", changed=True, rows=42, data_time=AGO))
    status = place.wait_status("orders", version="1.a")
    assert status["rows"] == 42
    assert status["state"] == "Fresh"
    assert status["relation"] == "shop.raw_orders"
    assert datetime.fromisoformat(status["dataTime"]) == AGO
    assert status["lastRun"]["id"] == job["metadata"]["uid"]
    assert status["lastRun"]["outcome"] == "Succeeded"
    assert [item["version"] for item in status["history"]] == ["1.a"]
    assert place.condition("orders", "Fresh")["status"] == "True"


def test_bad_rows_are_in_the_status_and_an_event(place: Place) -> None:
    place.add_pipeline(sources=(ORDERS,))
    sample = {"line": 3, "column": "id", "reason": "the value does not fit BIGINT"}
    loaded = {**load_result(version="1.a", changed=True), "rowsRejected": 1, "samples": [sample]}
    place.build("orders", result=loaded)
    status = place.wait_status("orders", version="1.a")
    assert (status["rejected"]["rows"], status["rejected"]["samples"]) == (1, [sample])

    def told() -> list[str]:
        return [event["message"] for event in place.all("events") if event["reason"] == "RowsRejected"]

    words = "1 row was bad (line 3, column id: the value does not fit BIGINT)"
    assert wait_for(told, what="an Event about the bad row") == [words]


def test_an_unchanged_load_moves_the_data_time_and_wakes_nobody(place: Place, everywhere: OperatorProcess) -> None:
    place.add_pipeline(sources=(ORDERS,))
    place.add_asset("mart", upstreams=["orders"], materialize=user_job())
    place.build("orders", result=load_result(version="1.a", changed=True, data_time=AGO))
    place.build("mart")
    first = place.wait_status("mart", state="Fresh")
    scheduled(place, "orders")
    place.build("orders", result=load_result(version="1.a", changed=False))
    status = place.wait_status("orders", lambda it: datetime.fromisoformat(it["dataTime"]) > AGO)
    assert status["version"] == "1.a"
    assert status["lastRun"]["outcome"] == "Unchanged"
    place.quiet(everywhere)
    assert len(place.jobs("mart")) == 1
    assert place.status("mart")["version"] == first["version"]


def test_a_scheduled_load_that_changed_something_is_followed(place: Place) -> None:
    place.add_pipeline(sources=(ORDERS,))
    place.add_asset("mart", upstreams=["orders"], materialize=user_job())
    place.build("orders", result=load_result(version="1.a", changed=True))
    first = place.build("mart")
    place.wait_status("mart", version=first["metadata"]["uid"])
    scheduled(place, "orders")
    place.build("orders", result=load_result(version="2.b", changed=True, rows=4))
    place.wait_status("orders", version="2.b", rows=4)
    second = place.build("mart")
    status = place.wait_status("mart", version=second["metadata"]["uid"])
    assert status["consumed"]["orders"]["version"] == "2.b"
    assert status["considered"] == {"orders": "2.b"}


def test_the_cron_job_hands_the_newest_result_to_its_pods(place: Place) -> None:
    place.add_pipeline(sources=(ORDERS,))
    place.build("orders", result=load_result(version="1.a", changed=True))
    place.wait_status("orders", version="1.a")
    scheduled_env = place.wait_env("orders", "FRESHET_LAST_RESULT")
    assert '"fingerprint":"print of 1.a"' in scheduled_env


def test_a_failed_load_is_told_and_comes_back_with_the_schedule(place: Place, everywhere: OperatorProcess) -> None:
    place.add_pipeline(
        sources=(ORDERS,), jobs={"nodeSelector": {"freshet.dev/tests": "no-such-node"}, "backoffLimit": 0}
    )
    broken = {"kind": "ingest", "error": {"reason": "FileNotFound", "message": "no file matches /data/orders.csv"}}
    place.build("orders", result=broken, exit_code=2)
    status = place.wait_status("orders", lambda it: it.get("lastRun", {}).get("outcome") == "Failed")
    assert "no file matches /data/orders.csv" in status["reason"]
    place.quiet(everywhere)
    assert len(place.jobs("orders")) == 1
    scheduled(place, "orders")
    place.build("orders", result=load_result(version="1.a", changed=True))
    place.wait_status("orders", version="1.a", state="Fresh")


def test_a_source_that_reads_another_file_now_is_loaded_at_once(place: Place) -> None:
    place.add_pipeline(sources=(ORDERS,))
    place.build("orders", result=load_result(version="1.a", changed=True))
    place.wait_status("orders", version="1.a")
    moved = {**ORDERS, "csv": {"path": "/data/orders-2.csv"}}
    place.patch("pipelines", "shop", {"spec": {"sources": [moved]}})
    place.build("orders", result=load_result(version="2.b", changed=True))
    place.wait_status("orders", version="2.b")


def test_a_load_is_requested_by_annotation_once(place: Place, everywhere: OperatorProcess) -> None:
    place.add_pipeline(sources=(ORDERS,))
    place.build("orders", result=load_result(version="1.a", changed=True))
    place.wait_status("orders", version="1.a")
    place.request("orders", "please")
    job = place.wait_job("orders")
    assert '"version":"1.a"' in (handed := job["spec"]["template"]["spec"]["containers"][0]["env"][1]["value"])
    assert "fingerprint" not in handed
    place.finish(job, result=load_result(version="1.a", changed=False))
    place.wait_status("orders", lastHandledTrigger="please")
    place.quiet(everywhere)
    assert place.open_jobs("orders") == []


def test_a_request_waits_for_the_load_that_runs(place: Place, everywhere: OperatorProcess) -> None:
    """Loads of one source never meet: the one that was asked for starts when the other has ended."""
    place.add_pipeline(sources=(ORDERS,))
    first = place.wait_job("orders")
    place.request("orders", "now")
    place.quiet(everywhere)
    assert len(place.jobs("orders")) == 1
    place.finish(first, result=load_result(version="1.a", changed=True))
    place.build("orders", result=load_result(version="1.a", changed=False))
    place.wait_status("orders", lastHandledTrigger="now")


def test_a_refusal_reaches_the_next_pods_but_not_one_that_a_person_asks_for(place: Place) -> None:
    place.add_pipeline(sources=(ORDERS,))
    refused = {"input": "sha256:1", "reason": "BadRows", "message": "1 of 2 rows is bad."}
    left = {"kind": "ingest", "error": {"reason": "BadRows", "message": "1 of 2 rows is bad."}, "refused": refused}
    place.build("orders", result=left, exit_code=3)
    place.wait_status("orders", refused=refused)
    assert json.loads(place.wait_env("orders", "FRESHET_LAST_RESULT")) == {"refused": refused}
    place.request("orders", "1")
    job = place.wait_job("orders")
    assert "FRESHET_LAST_RESULT" not in json.dumps(job)
    place.finish(job, result=load_result(version="1.a", changed=True))
    place.wait_status("orders", lambda it: "refused" not in it, version="1.a")
