"""What fails is tried again, then said; what a person ended stays ended; what cannot start says why."""

import pytest
from tests.support.freshet_objects import NOWHERE, Place, user_job
from tests.support.kube import create
from tests.support.operator import OperatorProcess
from tests.support.waiting import wait_for

pytestmark = pytest.mark.usefixtures("everywhere")

SOON = {"limit": 2, "backoff": "100ms", "maxBackoff": "200ms"}


def test_retries_then_failing_then_one_attempt_for_each_move(place: Place, everywhere: OperatorProcess) -> None:
    place.add_asset("raw")
    place.announce("raw", "v1")
    place.add_asset("mart", upstreams=["raw"], materialize=user_job(), retries=SOON)
    attempts = [place.build("mart", exit_code=1)["metadata"]["annotations"]["freshet.dev/attempt"] for _ in range(3)]
    assert attempts == ["1", "2", "3"]
    status = place.wait_status("mart", state="Failed", failures=3)
    assert "exit code 1" in status["reason"]
    failing = place.condition("mart", "Failing")
    assert (failing["status"], failing["reason"]) == ("True", "RetriesExhausted")
    assert place.condition("mart", "Ready")["status"] == "True"
    place.quiet(everywhere)
    assert place.open_jobs("mart") == []
    place.announce("raw", "v2")
    place.build("mart", exit_code=1)
    place.wait_status("mart", state="Failed", failures=4)
    place.quiet(everywhere)
    assert place.open_jobs("mart") == []
    place.announce("raw", "v3")
    place.build("mart")
    place.wait_status("mart", lambda it: it.get("failures", 0) == 0, state="Fresh")
    assert place.condition("mart", "Failing")["status"] == "False"


def test_a_retry_waits_for_its_backoff_and_says_until_when(place: Place, everywhere: OperatorProcess) -> None:
    place.add_asset("mart", materialize=user_job(), retries={"limit": 1, "backoff": "1h"})
    place.build("mart", exit_code=1)
    status = place.wait_status("mart", lambda it: it.get("retryAt"), failures=1)
    assert status["reason"].startswith("RetryScheduled (until ")
    place.quiet(everywhere)
    assert place.open_jobs("mart") == []


def test_a_warehouse_that_cannot_be_reached_uses_up_no_attempt(place: Place) -> None:
    place.add_asset("mart", materialize=user_job(), retries={"limit": 0, "backoff": "100ms"})
    place.build("mart", exit_code=4)
    place.build("mart")
    status = place.wait_status("mart", state="Fresh")
    assert status.get("failures", 0) == 0


def test_a_job_that_a_person_deletes_is_cancelled_and_not_started_again(
    place: Place, everywhere: OperatorProcess
) -> None:
    place.add_asset("raw")
    place.announce("raw", "v1")
    place.add_asset("mart", upstreams=["raw"], materialize=user_job())
    job = place.wait_job("mart")
    place.wait_status("mart", state="Updating")
    place.delete("jobs", job["metadata"]["name"])
    status = place.wait_status("mart", lambda it: it.get("lastRun", {}).get("outcome") == "Cancelled")
    assert status["lastRun"]["id"] == job["metadata"]["uid"]
    place.quiet(everywhere)
    assert place.jobs("mart") == []
    place.announce("raw", "v2")
    place.build("mart")
    place.wait_status("mart", state="Fresh", considered={"raw": "v2"})


def test_a_person_may_ask_for_what_was_cancelled(place: Place) -> None:
    place.add_asset("export", materialize=user_job())
    job = place.wait_job("export")
    place.wait_status("export", state="Updating")
    place.delete("jobs", job["metadata"]["name"])
    place.wait_status("export", lambda it: it.get("lastRun", {}).get("outcome") == "Cancelled")
    place.request("export", "again")
    place.build("export")
    place.wait_status("export", state="Fresh", lastHandledTrigger="again")


def test_a_deleted_job_that_had_ended_stays_recorded(place: Place, everywhere: OperatorProcess) -> None:
    place.add_asset("export", materialize=user_job())
    job = place.build("export")
    place.wait_status("export", state="Fresh", version=job["metadata"]["uid"])
    place.delete("jobs", job["metadata"]["name"])
    wait_for(lambda: not place.jobs("export"), what="the Job is gone")
    place.quiet(everywhere)
    assert place.status("export")["version"] == job["metadata"]["uid"]
    assert place.jobs("export") == []


def test_a_quota_that_refuses_the_pod_reaches_the_reason(place: Place) -> None:
    quota = {"metadata": {"name": "no-pods"}, "spec": {"hard": {"pods": "0"}}}
    create(place.cluster, "resourcequotas", namespace=place.namespace, body=quota)
    wait_for(lambda: place.get("resourcequotas", "no-pods").get("status", {}).get("hard"), what="the quota counts")
    place.add_asset("export", materialize=user_job())
    status = place.wait_status("export", lambda it: "exceeded quota" in it.get("reason", ""))
    assert status["state"] == "Updating"
    assert status["reason"].startswith("PodNotStarted")


@pytest.mark.parametrize("reason", ["ImagePullBackOff", "CreateContainerConfigError"])
def test_a_container_that_cannot_start_reaches_the_reason(place: Place, reason: str) -> None:
    place.add_asset("export", materialize=user_job())
    pod = place.pod_of(place.wait_job("export"))
    waiting = {"reason": reason, "message": "this is why"}
    container = {"name": "work", "image": "nothing", "imageID": "", "ready": False, "restartCount": 0}
    body = {"status": {"containerStatuses": [{**container, "state": {"waiting": waiting}}]}}
    place.patch("pods", pod["metadata"]["name"], body, subresource="status")
    place.wait_status("export", reason=f"PodNotStarted: {reason}: this is why")


def test_a_run_over_its_timeout_fails_and_says_so(place: Place) -> None:
    place.add_asset("export", materialize=user_job(), timeout="1s", retries={"limit": 0})
    place.wait_job("export")
    status = place.wait_status("export", state="Failed")
    assert "DeadlineExceeded" in status["reason"]


def test_a_template_that_the_api_server_refuses_is_a_condition(place: Place) -> None:
    place.add_asset("export", materialize=user_job(restartPolicy="Always"))
    place.wait_status("export", lambda it: "restartPolicy" in it.get("reason", ""))
    assert place.condition("export", "Ready")["reason"] == "InvalidJobTemplate"
    place.patch("assets", "export", {"spec": {"materialize": user_job()}})
    place.build("export")
    place.wait_status("export", state="Fresh")
    assert place.condition("export", "Ready")["status"] == "True"
    assert place.jobs("export")[0]["spec"]["template"]["spec"]["nodeSelector"] == NOWHERE
