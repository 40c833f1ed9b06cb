"""Faults by script, the log of requests, webhooks, and what survives a restart of the stand-in."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web
from tests.support.dbtcloud import DbtCloudStandIn

ROOT = "/api/v2/accounts/1"
TRIGGER = r"/jobs/\d+/run/$"
GRAPH: dict[str, Any] = {"models": [{"name": "a"}]}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DbtCloudStandIn]:
    with DbtCloudStandIn(folder=tmp_path_factory.mktemp("faults"), executor="scripted", graph=GRAPH) as stand_in:
        yield stand_in


@pytest.fixture
def cloud(shared: DbtCloudStandIn) -> DbtCloudStandIn:
    shared.clear_faults()
    shared.forget_requests()
    return shared


def post(cloud: DbtCloudStandIn) -> httpx.Response:
    return cloud.request("POST", f"{ROOT}/jobs/1/run/", json={"cause": "fault"})


def test_a_status_strikes_so_often_and_then_no_more(cloud: DbtCloudStandIn) -> None:
    before = len(cloud.runs())
    cloud.faults([{"action": "status", "method": "POST", "path": TRIGGER, "status": 502, "times": 2, "skip": 1}])
    assert [post(cloud).status_code for _ in range(4)] == [200, 502, 502, 200]
    assert len(cloud.runs()) == before + 2


def test_a_status_has_the_body_and_headers_that_it_was_given(cloud: DbtCloudStandIn) -> None:
    cloud.faults([{"action": "status", "status": 418, "body": {"tea": 1}, "headers": {"X-Pot": "short"}}])
    response = post(cloud)
    assert (response.status_code, response.json(), response.headers["X-Pot"]) == (418, {"tea": 1}, "short")


def test_a_rate_limit_says_when_to_come_back_or_not(cloud: DbtCloudStandIn) -> None:
    cloud.faults([{"action": "rate_limit", "times": 1, "retry_after": 3}, {"action": "rate_limit", "times": 1}])
    first, second = post(cloud), post(cloud)
    assert (first.status_code, first.headers["Retry-After"]) == (429, "3")
    assert (second.status_code, "Retry-After" in second.headers) == (429, False)


def test_dropped_is_not_done_and_lost_is_done(cloud: DbtCloudStandIn) -> None:
    for action, made in (("drop", 0), ("lose", 1)):
        before = len(cloud.runs())
        cloud.clear_faults()
        cloud.faults([{"action": action, "method": "POST", "times": 1}])
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):  # an end of the stream, or a reset
            post(cloud)
        assert len(cloud.runs()) == before + made
    assert [entry["status"] for entry in cloud.requests(method="POST")] == [None, None]


@pytest.mark.parametrize(("handle", "made"), [(False, 0), (True, 1)])
def test_html_where_json_was_due(cloud: DbtCloudStandIn, handle: bool, made: int) -> None:
    before = len(cloud.runs())
    cloud.faults([{"action": "html", "times": 1, "handle": handle}])
    response = post(cloud)
    assert (response.status_code, response.headers["Content-Type"].split(";")[0]) == (200, "text/html")
    assert len(cloud.runs()) == before + made


def test_truncated_json_is_no_json(cloud: DbtCloudStandIn) -> None:
    cloud.faults([{"action": "truncate", "times": 1}])
    with pytest.raises(json.JSONDecodeError):
        post(cloud).json()


def test_wrong_ids(cloud: DbtCloudStandIn) -> None:
    cloud.faults([{"action": "wrong_id", "times": 1, "offset": 5}])
    assert post(cloud).json()["data"]["id"] == cloud.runs()[-1]["id"] + 5


def test_slow_bodies_and_delays_arrive_whole(cloud: DbtCloudStandIn) -> None:
    cloud.faults([{"action": "delay", "seconds": 0.05}, {"action": "slow", "seconds": 0.1, "times": 1}])
    assert post(cloud).json()["data"]["id"] == cloud.runs()[-1]["id"]
    assert cloud.requests()[-1]["faults"] == ["delay", "slow"]


def test_a_new_run_lags_behind_in_lists_only(cloud: DbtCloudStandIn) -> None:
    cloud.faults([{"action": "list_lag", "seconds": 3600}])
    run = cloud.trigger()
    assert cloud.api("GET", "/runs/", params={"id__gt": run["id"] - 1}) == []
    assert cloud.api("GET", f"/runs/{run['id']}/")["id"] == cloud.runs()[-1]["id"] == run["id"]
    cloud.clear_faults()
    assert len(cloud.api("GET", "/runs/", params={"id__gt": run["id"] - 1})) == 1


def test_artifacts_come_late(cloud: DbtCloudStandIn) -> None:
    cloud.faults([{"action": "late_artifacts", "seconds": 3600}])
    run = cloud.wait(cloud.trigger()["id"])
    path = f"{ROOT}/runs/{run['id']}/artifacts/run_results.json"
    assert cloud.request("GET", path).status_code == 404
    cloud.clear_faults()
    assert cloud.request("GET", path).status_code == 200


def test_the_clock_is_wrong(cloud: DbtCloudStandIn) -> None:
    honest = cloud.trigger()["created_at"]
    cloud.faults([{"action": "clock_skew", "seconds": -86400}])
    assert cloud.trigger()["created_at"] < honest


def test_a_full_queue_by_script(cloud: DbtCloudStandIn) -> None:
    cloud.faults([{"action": "queue_full", "method": "POST", "times": 1}])
    response = post(cloud)
    assert response.status_code == 429
    assert "queue is full" in response.json()["status"]["user_message"]


@pytest.mark.parametrize(
    "rules",
    [[{"action": "explode"}], [{"action": "drop", "path": "("}], [{"action": "drop", "colour": 1}], {"action": "drop"}],
)
def test_a_wrong_rule_is_refused(cloud: DbtCloudStandIn, rules: Any) -> None:
    assert cloud.request("POST", "/_faults", json=rules).status_code == 400
    assert post(cloud).status_code == 200


def test_requests_are_logged_and_the_tests_own_are_not(cloud: DbtCloudStandIn) -> None:
    cloud.api("GET", "/runs/", params={"limit": 1})
    cloud.runs()
    cloud.request("GET", f"{ROOT}/nowhere/")
    entries = cloud.requests()
    assert [(entry["method"], entry["path"], entry["status"]) for entry in entries] == [
        ("GET", f"{ROOT}/runs/", 200),
        ("GET", f"{ROOT}/nowhere/", 404),
    ]
    assert entries[0]["query"] == {"limit": "1"}
    assert entries[0]["at"] <= entries[1]["at"]


def test_a_queue_that_is_really_full(tmp_path: Path) -> None:
    graph = {**GRAPH, "seconds": 60}
    with DbtCloudStandIn(folder=tmp_path, executor="scripted", graph=graph, options=("--queue-limit", "1")) as cloud:
        cloud.trigger()
        cloud.until(lambda: cloud.runs()[0]["is_running"])
        assert [post(cloud).status_code for _ in range(2)] == [200, 429]


def test_a_job_that_fails_a_hundred_times_is_deactivated(cloud: DbtCloudStandIn) -> None:
    cloud.put_job(id=5, run_failure_count=99)
    run = cloud.start_foreign(job=5, override={"outcomes": {"a": "error"}})
    assert cloud.wait(run["id"])["is_error"]
    assert (cloud.api("GET", "/jobs/5/")["deactivated"], cloud.api("GET", "/jobs/5/")["run_failure_count"]) == (
        True,
        100,
    )
    assert cloud.request("POST", f"{ROOT}/jobs/5/run/", json={"cause": "c"}).status_code == 400


def test_what_was_done_survives_a_kill_and_what_ran_is_lost(tmp_path: Path) -> None:
    with DbtCloudStandIn(folder=tmp_path, executor="scripted", graph=GRAPH) as cloud:
        done = cloud.wait(cloud.trigger(cause="done")["id"])
        running = cloud.start_foreign(override={"seconds": 60})
        cloud.until(lambda: cloud.runs()[-1]["is_running"])
        queued = cloud.trigger(cause="queued")
        url = cloud.url
        cloud.kill()
        cloud.restart()
        assert cloud.url == url
        assert cloud.wait(queued["id"])["is_success"]
        first, second, third = cloud.runs()
        assert (first["id"], first["finished_at"], first["trigger"]["cause"]) == (
            done["id"],
            done["finished_at"],
            "done",
        )
        assert (second["id"], second["is_error"]) == (running["id"], True)
        assert "lost" in second["status_message"]
        assert third["id"] == queued["id"]
        assert cloud.trigger()["id"] > queued["id"]
        assert cloud.request("GET", f"{ROOT}/runs/{done['id']}/artifacts/manifest.json").status_code == 200


async def test_webhooks_are_signed_repeated_until_taken_and_may_come_twice(cloud: DbtCloudStandIn) -> None:
    received: list[tuple[str, bytes]] = []

    async def receive(request: web.Request) -> web.Response:
        received.append((request.headers["Authorization"], await request.read()))
        return web.Response(status=500 if len(received) == 1 else 204)

    app = web.Application()
    app.router.add_post("/hook", receive)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    cloud.webhook(url=url, secret="s3cret", retry_seconds=0.01, duplicate=1, events=["job.run.completed"])
    run = await asyncio.to_thread(lambda: cloud.wait(cloud.trigger(cause="hooked")["id"]))
    await asyncio.to_thread(lambda: cloud.until(lambda: len(cloud.deliveries()) == 3))
    await runner.cleanup()
    cloud.request("DELETE", "/_webhooks")
    events = [json.loads(body) for _, body in received]
    assert all(signature == hmac.new(b"s3cret", body, hashlib.sha256).hexdigest() for signature, body in received)
    assert len({event["eventId"] for event in events}) == 1
    assert events[0]["eventType"] == "job.run.completed"
    assert events[0]["data"]["runId"] == str(run["id"])
    assert events[0]["data"]["runStatusCode"] == 10
    assert events[0]["data"]["runReason"] == "hooked"
    assert sorted(attempt["attempt"] for attempt in cloud.deliveries()) == [1, 1, 2]
