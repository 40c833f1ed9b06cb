"""Two replicas and a Lease: one acts, the other takes over, and one that was frozen does nothing when it wakes."""

import os
import signal
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.cluster.conftest import OperatorFactory, Tripped
from tests.support.freshet_objects import Place, user_job
from tests.support.kube import get_object
from tests.support.operator import OperatorProcess
from tests.support.waiting import wait_for

from freshet.local.controlplane import LocalCluster

PATIENCE = 40


@pytest.fixture
def replicas(place: Place, operator_factory: OperatorFactory) -> dict[str, OperatorProcess]:
    """Both of the test's namespace, with a Lease of that name in the operator's."""
    lease = f"--lease=freshet-system/{place.namespace}"
    return {name: operator_factory(arguments=[lease], env={"POD_NAME": name}).start() for name in ("one", "two")}


def leads(replica: OperatorProcess) -> bool:
    """Does it say that it acts?"""
    return replica.sample("freshet_leader") == 1.0


def holder(cluster: LocalCluster, place: Place) -> str:
    """Who holds the Lease."""
    lease = get_object(cluster, "leases", namespace="freshet-system", name=place.namespace)
    return str((lease or {}).get("spec", {}).get("holderIdentity") or "")


def acting(cluster: LocalCluster, place: Place, replicas: dict[str, OperatorProcess], *, not_: str = "") -> str:
    """The name of the one that acts, once the Lease and its own metrics agree."""

    def name() -> str:
        found = holder(cluster, place)
        return found if found and found != not_ and replicas[found].running and leads(replicas[found]) else ""

    return str(wait_for(name, timeout=PATIENCE, what="somebody acts"))


def builds(place: Place, version: str) -> None:
    """What follows a new version is built, by one Job."""
    place.announce("raw", version)
    place.build("table")
    place.wait_status("table", considered={"raw": version}, timeout=PATIENCE)


def test_another_takes_over_and_a_frozen_one_stays_fenced(
    cluster: LocalCluster, place: Place, replicas: dict[str, OperatorProcess]
) -> None:
    place.add_asset("raw")
    place.add_asset("table", materialize=user_job(), upstreams=["raw"])
    first = acting(cluster, place, replicas)
    other = "two" if first == "one" else "one"
    builds(place, "v1")
    assert "freshet_asset_state{" in replicas[first].metrics()
    assert "freshet_asset_state{" not in replicas[other].metrics()
    assert not leads(replicas[other])

    hook = "/webhooks/dbt-cloud/nowhere/none"
    url = f"http://127.0.0.1:{Path(replicas[other].port_file).read_text()}{hook}"
    assert httpx.post(url, content=b"{}", trust_env=False).status_code == 404
    assert replicas[first].sample("freshet_dbt_cloud_webhooks_total", result="Unknown") == 1.0
    assert not replicas[other].sample("freshet_dbt_cloud_webhooks_total", result="Unknown")

    os.kill(replicas[first].pid, signal.SIGSTOP)
    place.announce("raw", "v2")
    assert acting(cluster, place, replicas, not_=first) == other
    job = place.wait_job("table", timeout=PATIENCE)
    os.kill(replicas[first].pid, signal.SIGCONT)
    wait_for(lambda: not leads(replicas[first]), timeout=PATIENCE, what="the frozen one stands by")
    place.finish(job)
    place.wait_status("table", considered={"raw": "v2"}, timeout=PATIENCE)
    assert len(place.jobs("table")) == 2

    replicas[other].kill()
    assert acting(cluster, place, replicas, not_=other) == first
    builds(place, "v3")
    replicas[other].start()
    assert not leads(replicas[other])
    assert replicas[first].stop() == 0
    assert acting(cluster, place, replicas, not_=first) == other
    builds(place, "v4")
    assert len(place.jobs("table")) <= 4


def test_an_outage_of_the_api_hides_no_asset(
    cluster: LocalCluster, place: Place, operator_factory: OperatorFactory, tripped: Tripped
) -> None:
    """The one that acts has its way to the API server cut: it tells on what it knows, until it hears of the other."""
    options: dict[str, Any] = {"arguments": [f"--lease=freshet-system/{place.namespace}"]}
    operator, wire = tripped(env={"POD_NAME": "one"}, **options)
    replicas = {"one": operator.start()}
    place.add_asset("raw")
    place.add_asset("soon", freshness={"maximumLag": "30s"})
    assert acting(cluster, place, replicas) == "one"
    wait_for(lambda: shown(operator), timeout=PATIENCE, what="the asset is told")
    place.announce("soon", "v1")
    wait_for(lambda: on_page(operator, "soon") == "Fresh", timeout=PATIENCE, what="the page shows that it was built")
    wire.away = True
    wait_for(lambda: not leads(operator), timeout=PATIENCE, what="it may not act any longer")
    assert shown(operator)
    assert on_page(operator, "raw") == "Missing"
    wait_for(lambda: on_page(operator, "soon") == "Stale", timeout=PATIENCE, what="the page goes by the clock")
    replicas["two"] = operator_factory(env={"POD_NAME": "two"}, **options).start()
    assert acting(cluster, place, replicas, not_="one") == "two"
    assert shown(replicas["two"])
    wire.away = False
    wait_for(lambda: not shown(operator), timeout=PATIENCE, what="it hears of the other")
    assert operator.running


def on_page(replica: OperatorProcess, name: str) -> str | None:
    """The state in which the lineage page shows the asset."""
    assets = replica.get("/lineage/api/graph").json()["assets"]
    return next((asset.get("state") for asset in assets if asset["name"] == name), None)


def shown(replica: OperatorProcess) -> bool:
    """Does it tell of assets?"""
    return "freshet_asset_state{" in replica.metrics()
