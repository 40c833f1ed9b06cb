"""Webhooks of dbt Cloud wake the poller; forged, malformed, old and large ones are refused and counted."""

import hashlib
import hmac
import json
from datetime import UTC, datetime

import httpx
import pytest
from tests.cluster.conftest import OperatorFactory
from tests.support.dbt_place import FAST, add_dbt_pipeline, add_model
from tests.support.dbtcloud import DbtCloudStandIn
from tests.support.freshet_objects import Place
from tests.support.operator import OperatorProcess
from tests.support.secrecy import WEBHOOK_KEY
from tests.support.waiting import wait_for

GRAPH = {"models": [{"name": "stg"}]}


def deliver(operator: OperatorProcess, place: Place, body: bytes, *, secret: str = WEBHOOK_KEY) -> httpx.Response:
    """POST it, signed."""
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    url = f"http://127.0.0.1:{operator.port_file.read_text()}/webhooks/dbt-cloud/{place.namespace}/shop"
    return httpx.post(url, content=body, headers={"Authorization": signature}, trust_env=False)


def event(number: int, *, at: datetime | None = None, **data: str) -> bytes:
    """What dbt Cloud sends."""
    stamp = (at or datetime.now(UTC)).isoformat()
    fields = {"eventId": f"wev_{number}", "timestamp": stamp, "eventType": "job.run.completed", "data": data}
    return json.dumps(fields).encode()


@pytest.fixture
def dbt_operator(operator_factory: OperatorFactory) -> OperatorProcess:
    """It asks by itself hardly ever: what it is told makes it ask."""
    return operator_factory(env={**FAST, "FRESHET_DBT_POLL_SLOW": "3600"}).start()


def test_a_webhook_wakes_the_poller_and_forged_ones_are_counted(
    place: Place, stand_in: DbtCloudStandIn, dbt_operator: OperatorProcess
) -> None:
    place.add_secret("hook", webhook=WEBHOOK_KEY)
    add_dbt_pipeline(place, stand_in, webhookSecretRef={"name": "hook"})
    place.add_asset("raw")
    add_model(place, "stg", model="stg", upstreams=["raw"])
    place.announce("raw", "v1")
    place.wait_status("stg", state="Fresh")
    wait_for(lambda: place.get("pipelines", "shop")["status"]["dbtCloud"].get("cursor"), what="runs are counted")
    url = f"http://127.0.0.1:{dbt_operator.port_file.read_text()}/webhooks/dbt-cloud/{place.namespace}/shop"
    stand_in.webhook(url=url, secret=WEBHOOK_KEY, duplicate=1)
    run = stand_in.start_foreign(cause="nightly")
    place.wait_status("stg", version=str(run["id"]))
    wait_for(lambda: len(stand_in.deliveries()) == 4, what="started and completed, each twice")
    assert {delivery["status"] for delivery in stand_in.deliveries()} == {200}

    wait_for(lambda: f" {run['id']}@" in str(place.get("pipelines", "shop")["status"]["dbtCloud"]), what="it is taken")
    place.quiet(dbt_operator)
    asked = len(stand_in.requests())
    answers = [
        deliver(dbt_operator, place, event(1), secret="guessed").status_code,
        deliver(dbt_operator, place, b"{").status_code,
        deliver(dbt_operator, place, event(2, at=datetime(2020, 1, 1, tzinfo=UTC))).status_code,
        deliver(dbt_operator, place, event(3) + b" " * (64 << 10)).status_code,
        httpx.post(f"{url}-other", content=b"{}", trust_env=False).status_code,
    ]
    assert answers == [401, 400, 400, 413, 404]
    assert len(stand_in.requests()) == asked
    for result in ("Forged", "Malformed", "Replayed", "TooLarge", "Unknown"):
        assert dbt_operator.sample("freshet_dbt_cloud_webhooks_total", result=result) == 1.0
    assert dbt_operator.sample("freshet_dbt_cloud_webhooks_total", result="Duplicate") == 2.0
