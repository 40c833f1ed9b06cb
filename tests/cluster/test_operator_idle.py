"""Once settled nothing is written; and chains with real loads, run by the node agent."""

from pathlib import Path

import duckdb
import pytest
from tests.support.freshet_objects import Place, load_result, user_job
from tests.support.kube import Object
from tests.support.node import NodeProcess
from tests.support.operator import OperatorProcess
from tests.support.postgres import postgres
from tests.support.waiting import wait_for

ORDERS: Object = {"asset": "orders", "csv": {"path": "/data/orders.csv"}, "table": "raw_orders"}
KINDS = ("pipelines", "assets", "cronjobs", "jobs", "events")


def resource_versions(place: Place) -> dict[str, str]:
    """Every object that the operator may write, and its version."""
    return {
        f"{plural}/{found['metadata']['name']}": found["metadata"]["resourceVersion"]
        for plural in KINDS
        for found in place.all(plural)
        if not found["metadata"]["name"].startswith("canary-")
    }


def settled(place: Place) -> dict[str, str]:
    """The versions once two looks in a row agree."""
    before: dict[str, str] = {}

    def same() -> dict[str, str] | None:
        nonlocal before
        last, before = before, resource_versions(place)
        return before if before == last else None

    return wait_for(same, interval=1.5, what="nothing is written any more") or {}


def test_nothing_is_written_once_settled_nor_by_the_next_operator(place: Place, operator: OperatorProcess) -> None:
    place.add_pipeline(sources=(ORDERS,))
    place.add_asset("mart", upstreams=["orders"], materialize=user_job(), freshness={"maximumLag": "1h"})
    place.build("orders", result=load_result(version="1.a", changed=True))
    place.build("mart")
    place.wait_status("mart", state="Fresh")
    place.wait_env("orders", "FRESHET_LAST_RESULT")
    wait_for(lambda: place.get("pipelines", "shop")["status"].get("fresh") == 1, what="the load is counted")
    place.quiet(operator)
    before = settled(place)
    operator.kill()
    operator.start()
    place.quiet(operator)
    assert resource_versions(place) == before


@pytest.mark.usefixtures("operator", "node")
def test_a_real_load_and_a_real_count(place: Place, node: NodeProcess, tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text("id,amount\n1,10\n2,20\n3,30\n")
    volumes = [{"name": "here", "hostPath": {"path": str(tmp_path)}}]
    jobs = {"volumes": volumes, "volumeMounts": [{"name": "here", "mountPath": "/data"}]}
    source = {**ORDERS, "write": {"disposition": "merge", "primaryKey": ["id"]}}
    place.add_pipeline(
        sources=(source,), jobs=jobs, warehouse={"duckdb": {"path": "/data/warehouse.duckdb", "schema": "shop"}}
    )
    count = {"count": {"relation": "shop.raw_orders"}}
    place.add_asset("orders-count", pipeline="shop", upstreams=["orders"], materialize=count)
    loaded = place.wait_status("orders", state="Fresh", rows=3, timeout=90)
    counted = place.wait_status("orders-count", state="Fresh", rows=3, timeout=60)
    assert counted["consumed"]["orders"]["version"] == loaded["version"]
    with duckdb.connect(str(tmp_path / "warehouse.duckdb"), read_only=True) as warehouse:
        assert warehouse.sql("SELECT sum(amount) FROM shop.raw_orders").fetchall() == [(60,)]
    node.assert_running()


@pytest.mark.usefixtures("operator", "node")
def test_the_same_on_postgres_with_dlts_settings_from_a_secret(place: Place, tmp_path: Path) -> None:
    """Of the count's relation only the upstream is known: that is what the load has reported."""
    (tmp_path / "orders.csv").write_text("id,amount\n1,10\n2,20\n3,30\n")
    volumes = [{"name": "here", "hostPath": {"path": str(tmp_path)}}]
    jobs = {"volumes": volumes, "volumeMounts": [{"name": "here", "mountPath": "/data"}]}
    source = {**ORDERS, "write": {"disposition": "merge", "primaryKey": ["id"]}}
    with postgres() as server:
        place.add_secret("postgres", DESTINATION__POSTGRES__CREDENTIALS=server.url)
        warehouse = {"dlt": {"destination": "postgres", "secretRef": {"name": "postgres"}}}
        place.add_pipeline(sources=(source,), jobs=jobs, warehouse=warehouse)
        place.add_asset("orders-count", pipeline="shop", upstreams=["orders"], materialize={"count": {}})
        loaded = place.wait_status("orders", state="Fresh", rows=3, timeout=90)
        counted = place.wait_status("orders-count", state="Fresh", rows=3, timeout=60)
        assert (loaded["relation"], counted["relation"]) == ("shop.raw_orders", "shop.raw_orders")
        assert counted["consumed"]["orders"]["version"] == loaded["version"]
        assert server.query("SELECT sum(amount) FROM shop.raw_orders") == [(60,)]
