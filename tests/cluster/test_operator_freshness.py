"""Stale is noticed at the deadline, and the one to blame is named from one end of a chain to the other."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.support.freshet_objects import Place, load_result, user_job
from tests.support.kube import Object

pytestmark = pytest.mark.usefixtures("everywhere")

ORDERS: Object = {"asset": "orders", "csv": {"path": "/data/orders.csv"}, "table": "raw_orders"}


def test_the_first_ancestor_at_fault_is_named_at_the_far_end(place: Place) -> None:
    place.add_pipeline(sources=(ORDERS,))
    for name, upstream in (("copy", "orders"), ("report", "copy")):
        place.add_asset(name, upstreams=[upstream], materialize=user_job(), freshness={"maximumLag": "10m"})
    place.wait_status(
        "report", lambda it: it["reason"].startswith("NeverUpdated (orders: never loaded"), blame="orders"
    )
    old = datetime.now(UTC) - timedelta(hours=1)
    place.build("orders", result=load_result(version="1.a", changed=True, data_time=old))
    place.build("copy")
    place.build("report")
    status = place.wait_status("report", lambda it: "last load" in it["reason"], state="Stale", blame="orders")
    assert status["reason"].startswith("UpstreamStale (orders: last load ")
    assert "next load" in status["reason"]
    place.patch("pipelines", "shop", {"spec": {"suspend": True}})
    place.wait_status("report", lambda it: it["reason"].endswith("Pipeline shop suspended)"), state="Stale")
    assert place.condition("report", "Fresh")["reason"] == "UpstreamStale"
    wide = place.cluster.kubectl("get", "asset", "report", "-n", place.namespace, "-o", "wide")
    assert "BLAME" in wide.splitlines()[0]


def test_stale_is_noticed_without_any_event_and_can_be_waited_for(place: Place) -> None:
    place.add_asset("raw", freshness={"maximumLag": "6s"})
    place.announce("raw", "v1")
    place.wait_status("raw", state="Fresh", version="v1")
    place.wait_status("raw", lambda it: it["reason"].startswith("LagExceeded"), state="Stale")
    place.patch("assets", "raw", {"spec": {"freshness": {"maximumLag": "24h"}}})
    said = place.cluster.kubectl("wait", "--for=condition=Fresh", "asset/raw", "-n", place.namespace, "--timeout=60s")
    assert "condition met" in said


def test_what_is_built_from_static_data_alone_stays_fresh(place: Place) -> None:
    place.add_asset("seed", dataTime="Static")
    place.announce("seed", "v1", data_time=datetime.now(UTC) - timedelta(days=900))
    place.add_asset("lookup", upstreams=["seed"], materialize=user_job(), freshness={"maximumLag": "1s"})
    place.build("lookup")
    status = place.wait_status("lookup", state="Fresh")
    assert place.condition("lookup", "Fresh")["message"] == "built from static data, which never grows old"
    assert "dataTime" not in status
