"""A Pipeline becomes a CronJob and an Asset for each source, and nothing stays of what is taken out."""

from typing import Any

import pytest
from tests.support.freshet_objects import Place
from tests.support.kube import Object
from tests.support.operator import OperatorProcess
from tests.support.waiting import wait_for

pytestmark = pytest.mark.usefixtures("everywhere")

ORDERS: Object = {"asset": "orders", "csv": {"path": "/data/orders.csv"}, "table": "raw_orders"}
ITEMS: Object = {"asset": "items", "csv": {"path": "/data/items.csv"}, "suspend": True}


def cron_job(place: Place, name: str, **equal: Any) -> Object:
    """The CronJob once it is there and each key of its spec has its value."""

    def found() -> Object | None:
        job = place.get("cronjobs", name)
        return job if job and all(job["spec"].get(key) == value for key, value in equal.items()) else None

    job = wait_for(found, what=f"CronJob {name} with {equal}")
    assert job is not None
    return job


def test_a_source_gets_a_cron_job_that_runs_every_five_minutes(place: Place) -> None:
    pipeline = place.add_pipeline(sources=(ORDERS,), schedule=None)
    job = cron_job(place, "orders")
    spec = job["spec"]
    assert spec["schedule"] == "*/5 * * * *"
    assert spec["timeZone"] == "Etc/UTC"
    assert spec["concurrencyPolicy"] == "Forbid"
    assert spec["suspend"] is False
    assert (spec["successfulJobsHistoryLimit"], spec["failedJobsHistoryLimit"]) == (3, 3)
    assert 0 < spec["startingDeadlineSeconds"] < 300
    assert spec["jobTemplate"]["spec"]["activeDeadlineSeconds"] > 0
    owner = job["metadata"]["ownerReferences"][0]
    assert (owner["kind"], owner["uid"], owner["controller"]) == ("Pipeline", pipeline["metadata"]["uid"], True)


def test_schedule_time_zone_and_timeout_are_passed_on(place: Place) -> None:
    nightly = {**ORDERS, "schedule": "0 3 * * *", "timeZone": "Europe/Berlin", "timeout": "10m"}
    hourly = {**ITEMS, "suspend": False}
    place.add_pipeline(sources=(nightly, hourly), schedule="0 * * * *", timeZone="Asia/Tokyo")
    spec = cron_job(place, "orders")["spec"]
    assert (spec["schedule"], spec["timeZone"]) == ("0 3 * * *", "Europe/Berlin")
    assert spec["jobTemplate"]["spec"]["activeDeadlineSeconds"] == 600
    spec = cron_job(place, "items")["spec"]
    assert (spec["schedule"], spec["timeZone"]) == ("0 * * * *", "Asia/Tokyo")


def test_a_source_gets_an_asset_that_the_pipeline_owns(place: Place) -> None:
    pipeline = place.add_pipeline(sources=({**ORDERS, "freshness": {"maximumLag": "1m"}},))
    place.wait_status("orders", kind="Source")
    asset = place.get("assets", "orders")
    assert asset["spec"]["key"] == "orders"
    assert asset["spec"]["pipeline"] == "shop"
    assert asset["spec"]["materialize"] == {"source": {}}
    assert asset["spec"]["freshness"] == {"maximumLag": "1m"}
    assert asset["metadata"]["ownerReferences"][0]["uid"] == pipeline["metadata"]["uid"]
    ready = wait_for(lambda: place.condition("shop", "Ready", plural="pipelines"), what="Ready is said")
    assert (ready["status"], ready["observedGeneration"]) == ("True", 1)


def test_suspending_the_pipeline_suspends_its_cron_jobs_and_assets(place: Place) -> None:
    place.add_pipeline(sources=(ORDERS,), suspend=True)
    cron_job(place, "orders", suspend=True)
    place.wait_status("orders", state="Suspended")
    assert place.jobs("orders") == []
    place.patch("pipelines", "shop", {"spec": {"suspend": False}})
    cron_job(place, "orders", suspend=False)
    place.wait_job("orders")


def test_a_suspended_source_loads_nothing_until_it_is_released(place: Place, everywhere: OperatorProcess) -> None:
    place.add_pipeline(sources=(ITEMS,))
    cron_job(place, "items", suspend=True)
    place.wait_status("items", state="Suspended")
    place.quiet(everywhere)
    assert place.jobs("items") == []
    place.patch("pipelines", "shop", {"spec": {"sources": [{**ITEMS, "suspend": False}]}})
    cron_job(place, "items", suspend=False)
    place.wait_job("items")


def test_an_edit_of_the_children_is_put_back(place: Place) -> None:
    place.add_pipeline(sources=(ORDERS,), schedule=None)
    cron_job(place, "orders")
    place.wait_status("orders", kind="Source")
    place.patch("cronjobs", "orders", {"spec": {"schedule": "0 0 1 1 *"}})
    cron_job(place, "orders", schedule="*/5 * * * *")
    place.patch("assets", "orders", {"spec": {"key": "someone_elses"}})
    wait_for(lambda: place.get("assets", "orders")["spec"]["key"] == "orders", what="the key is put back")


def test_a_cron_job_that_is_deleted_comes_back(place: Place) -> None:
    place.add_pipeline(sources=(ORDERS,))
    before = cron_job(place, "orders")["metadata"]["uid"]
    place.delete("cronjobs", "orders")
    wait_for(lambda: cron_job(place, "orders")["metadata"]["uid"] != before, what="another CronJob")


def test_what_a_source_left_goes_with_it(place: Place) -> None:
    place.add_pipeline(sources=(ORDERS, ITEMS))
    cron_job(place, "orders")
    cron_job(place, "items")
    place.wait_job("orders")
    place.patch("pipelines", "shop", {"spec": {"sources": [ITEMS]}})
    wait_for(lambda: not place.get("cronjobs", "orders"), what="the CronJob is gone")
    wait_for(lambda: not place.get("assets", "orders"), what="the Asset is gone")
    wait_for(lambda: not place.jobs("orders"), what="its Jobs are gone")
    assert place.get("cronjobs", "items")


def test_deleting_a_pipeline_takes_all_with_it_by_owner_references_alone(
    place: Place, everywhere: OperatorProcess
) -> None:
    place.add_pipeline(sources=(ORDERS,))
    cron_job(place, "orders")
    job = place.wait_job("orders")
    for plural, name in [("pipelines", "shop"), ("assets", "orders"), ("cronjobs", "orders")]:
        assert "finalizers" not in place.get(plural, name)["metadata"]
    place.delete("pipelines", "shop")
    gone = [("assets", "orders"), ("cronjobs", "orders"), ("jobs", job["metadata"]["name"])]
    wait_for(lambda: not any(place.get(plural, name) for plural, name in gone), what="nothing is left")
    place.quiet(everywhere)
    assert not any(place.get(plural, name) for plural, name in gone)


def test_the_columns_count_what_there_is(place: Place) -> None:
    place.add_pipeline(sources=(ORDERS, ITEMS))
    place.add_asset("report", pipeline="shop", materialize={"count": {"relation": "shop.raw_orders"}})

    def counters() -> Object | None:
        status: Object = place.get("pipelines", "shop").get("status", {})
        return status if status.get("sources") == 2 else None

    status = wait_for(counters, what="two sources are counted")
    assert status is not None
    assert (status["models"], status["fresh"]) == (0, 0)


def test_what_is_in_force_is_shown_and_not_only_what_was_written(place: Place) -> None:
    place.add_pipeline(sources=(ORDERS, {**ITEMS, "schedule": "0 3 * * *"}), schedule=None)
    status = place.wait_status("orders", lambda it: it.get("policy", {}).get("buildSchedule"))
    assert (status["policy"]["when"], status["policy"]["buildSchedule"]) == ("Cron", "*/5 * * * *")

    def schedule() -> Any:
        return place.get("pipelines", "shop").get("status", {}).get("schedule")

    assert wait_for(schedule, what="the schedule in force") == "*/5 * * * *, 0 3 * * *"
    printed = place.cluster.kubectl("get", "fpl", "shop", "-n", place.namespace)
    assert "*/5 * * * *, 0 3 * * *" in printed
