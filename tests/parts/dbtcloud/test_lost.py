"""A run that dbt Cloud does not know any more is told of, given its time, and then done without."""

import asyncio
from datetime import timedelta

import pytest
from tests.support.virtual import Operator, run
from tests.support.virtual_cloud import Cloud, current, load, shop


@pytest.mark.parametrize("seen", [30, 150])
@pytest.mark.parametrize(("timeout", "minutes"), [("5m", 30), ("30m", 30), ("2h", 120)])
def test_what_is_due_is_asked_anew_when_it_has_had_its_time(
    cloud: Cloud, timeout: str, minutes: int, seen: int
) -> None:
    """``seen``: for so long it was known; later than that its own time may be over sooner than that of the search."""

    async def story() -> None:
        store = shop()
        for name in ("stg", "mart"):
            store.respecify("Asset", name, timeout=timeout)
        cloud.takes = timedelta(days=1)
        async with Operator(store=store):
            load(store, "first")
            await asyncio.sleep(seen)
            cloud.gone.add(1)
            cloud.takes, cloud.asked = timedelta(minutes=1), []
            load(store, "second")
            await asyncio.sleep(300)
            ready = store.condition("Pipeline", "shop", "DbtCloudReady")
            assert (ready["status"], ready["reason"]) == ("False", "RunNotFound")
            assert "no run 1" in ready["message"]
            await asyncio.sleep(60 * minutes - 400)
            assert len(cloud.runs) == 1, "it may be building"
            assert len(cloud.asked) < 6 * minutes, "and is not asked about without end"
            await asyncio.sleep(600)
            assert [reason for *_, reason, _ in store.events].count("RunGivenUp") == 1
            assert current(store, "second")
            assert store.condition("Pipeline", "shop", "DbtCloudReady")["status"] == "True"
            assert len(cloud.runs) == 2

    run(story())


def test_one_that_the_list_has_and_nobody_else_is_asked_about_now_and_then(cloud: Cloud) -> None:
    """Its end was told, by a webhook or the list, and still it is not there."""

    async def story() -> None:
        store = shop()
        async with Operator(store=store) as operator:
            load(store, "first")
            await asyncio.sleep(30)
            cloud.gone.add(1)
            cloud.asked = []
            operator.poke("shop", run=1)
            await asyncio.sleep(600)
            assert len(cloud.asked) < 60
            cloud.gone.clear()
            await asyncio.sleep(120)
            assert current(store, "first")

    run(story())


def test_one_that_is_known_again_is_followed_to_its_end(cloud: Cloud) -> None:
    async def story() -> None:
        store = shop()
        async with Operator(store=store):
            load(store, "first")
            await asyncio.sleep(30)
            cloud.gone.add(1)
            await asyncio.sleep(1200)
            cloud.gone.clear()
            await asyncio.sleep(120)
            assert current(store, "first")
            assert store.condition("Pipeline", "shop", "DbtCloudReady")["status"] == "True"
        assert len(cloud.runs) == 1

    run(story())
