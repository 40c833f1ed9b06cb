"""Databricks as an Asset tells of it: a SQL warehouse that sleeps is waited for, wrong credentials are named."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.freshet_objects import Place
from tests.support.secrecy import DATABRICKS_TOKEN

from freshet.local.databricks.server import HTTP_PATH, DatabricksServer

pytestmark = pytest.mark.usefixtures("node", "everywhere")
ASLEEP = {"action": "status", "statement": "OPEN SESSION", "status": 503, "retryAfter": 1, "times": None}
BRICKS = {"databricks": {"schema": "shop", "catalog": "main", "secretRef": {"name": "bricks"}}}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabricksServer]:
    with DatabricksServer(state=tmp_path_factory.mktemp("databricks"), token=DATABRICKS_TOKEN) as started:
        yield started


@pytest.fixture
def work(place: Place, tmp_path: Path) -> dict[str, Any]:
    """A source for a Pipeline, and a count beside it."""
    (tmp_path / "orders.csv").write_text("id\n1\n2\n")
    volumes = [{"name": "here", "hostPath": {"path": str(tmp_path)}}]
    jobs = {"volumes": volumes, "volumeMounts": [{"name": "here", "mountPath": "/data"}]}
    place.add_asset("old", materialize={"external": {}})
    count = {"count": {"relation": "main.information_schema.tables"}}
    place.add_asset("tables", pipeline="shop", upstreams=["old"], materialize=count)
    place.announce("old", "1")
    source = {"asset": "orders", "csv": {"path": "/data/orders.csv"}, "checks": {"rows": {"minimum": 3}}}
    return {"sources": (source,), "warehouse": BRICKS, "jobs": jobs}


def test_a_warehouse_that_starts_is_the_reason_while_it_is_waited_for(
    place: Place, server: DatabricksServer, work: dict[str, Any]
) -> None:
    server.faults.add(json.dumps([ASLEEP]).encode())
    place.add_secret("bricks", host=server.url, httpPath=HTTP_PATH, token=DATABRICKS_TOKEN)
    place.add_pipeline(**work)
    for name in ("orders", "tables"):
        status = place.wait_status(name, lambda it: "WaitingForWarehouse" in it.get("reason", ""), timeout=60)
        assert status["state"] == "Updating"
        assert "the Databricks SQL warehouse at 127.0.0.1" in status["reason"]
        assert place.condition(name, "Updating")["reason"] == "WaitingForWarehouse"
    server.faults.clear()
    done = place.wait_status("orders", state="Fresh", rows=2, timeout=90)
    assert "WaitingForWarehouse" not in done["reason"]
    assert [(check["name"], check["passed"]) for check in done["checks"]] == [("rows.minimum", False)]
    assert place.condition("orders", "ChecksPassed")["status"] == "False"
    place.wait_status("tables", state="Fresh", timeout=60)


@pytest.mark.parametrize(
    ("secret", "words"),
    [
        ({"token": "wrong-token"}, "AuthenticationFailed: Databricks at 127.0.0.1"),
        (
            {"clientId": DATABRICKS_TOKEN, "clientSecret": "wrong-token"},
            "AuthenticationFailed: Databricks at 127.0.0.1",
        ),
        ({}, "CredentialsMissing: The Databricks Secret lacks token (or clientId and clientSecret): add it"),
        (None, "CredentialsMissing: The Databricks Secret lacks host, httpPath, token"),
    ],
    ids=["token", "machine", "neither", "no Secret"],
)
def test_credentials_that_are_wrong_or_missing_are_one_sentence_of_the_asset(
    place: Place, server: DatabricksServer, work: dict[str, Any], secret: dict[str, str] | None, words: str
) -> None:
    if secret is not None:
        place.add_secret("bricks", host=server.url, httpPath=HTTP_PATH, **secret)
    place.add_pipeline(**work)
    for name in ("orders", "tables"):
        status = place.wait_status(name, lambda it: words in it.get("lastRun", {}).get("message", ""), timeout=60)
        assert words in place.wait_status(name, lambda it: words in it["reason"])["reason"]
        assert "wrong-token" not in json.dumps(status)
