"""A SQL warehouse that sleeps is waited for, by loads and counts, and the Asset says so while it lasts."""

import json
from pathlib import Path

import pytest
from tests.support.freshet_objects import Place
from tests.support.operator import OperatorProcess

from freshet.local.databricks.server import HTTP_PATH, DatabricksServer

pytestmark = pytest.mark.usefixtures("node")
ASLEEP = {"action": "status", "statement": "OPEN SESSION", "status": 503, "retryAfter": 1, "times": None}


def test_a_warehouse_that_starts_is_the_reason_while_it_is_waited_for(
    place: Place, operator: OperatorProcess, tmp_path: Path
) -> None:
    (tmp_path / "orders.csv").write_text("id\n1\n2\n")
    volumes = [{"name": "here", "hostPath": {"path": str(tmp_path)}}]
    jobs = {"volumes": volumes, "volumeMounts": [{"name": "here", "mountPath": "/data"}]}
    databricks = {"schema": "shop", "catalog": "main", "secretRef": {"name": "bricks"}}
    with DatabricksServer(state=tmp_path / "state", token="t") as server:
        server.faults.add(json.dumps([ASLEEP]).encode())
        place.add_secret("bricks", host=server.url, httpPath=HTTP_PATH, token="t")
        source = {"asset": "orders", "csv": {"path": "/data/orders.csv"}}
        place.add_pipeline(sources=(source,), warehouse={"databricks": databricks}, jobs=jobs)
        place.add_asset("old", pipeline="shop", materialize={"external": {}})
        count = {"count": {"relation": "main.information_schema.tables"}}
        place.add_asset("tables", pipeline="shop", upstreams=["old"], materialize=count)
        place.announce("old", "1")
        for name in ("orders", "tables"):
            status = place.wait_status(name, lambda it: "WaitingForWarehouse" in it.get("reason", ""), timeout=60)
            assert status["state"] == "Updating"
            assert "the Databricks SQL warehouse at 127.0.0.1" in status["reason"]
            assert place.condition(name, "Updating")["reason"] == "WaitingForWarehouse"
        server.faults.clear()
        done = place.wait_status("orders", state="Fresh", rows=2, timeout=90)
        assert "WaitingForWarehouse" not in done["reason"]
        place.wait_status("tables", state="Fresh", timeout=60)
