"""A job that keeps failing is run ever more rarely, and whoever waits for that is told why and until when."""

import asyncio

import pytest
from tests.support.virtual import Operator, Store, run
from tests.support.virtual_cloud import Cloud, load, shop

FAILED = 12
"""Runs in a row, of ``mart`` alone: the next is four minutes away, and the one after that eight."""


async def failing(store: Store, cloud: Cloud) -> None:
    """Until the next run has to wait."""
    load(store, "before")
    await asyncio.sleep(600)
    cloud.fails = True
    for number in range(FAILED):
        store.annotate("mart", requestedAt=f"try {number}")
        await asyncio.sleep(600)
    assert store.condition("Pipeline", "shop", "DbtCloudReady")["reason"] == "JobFailing"
    store.annotate("mart", requestedAt="the one that makes it wait")
    await asyncio.sleep(70)
    assert len(cloud.runs) == 1 + FAILED + 1
    cloud.fails = False


@pytest.mark.parametrize("asked", [False, True])
def test_what_is_due_waits_and_says_until_when(cloud: Cloud, asked: bool) -> None:
    """Also what a person asks for: dbt Cloud deactivates a job after a hundred failures."""

    async def story() -> None:
        store = shop()
        async with Operator(store=store):
            await failing(store, cloud)
            already = len(cloud.runs)
            if asked:
                store.annotate("stg", requestedAt="now")
            else:
                load(store, "after")
            await asyncio.sleep(400)
            assert len(cloud.runs) == already
            assert "JobFailing (until 2026-11-24 " in store.status("Asset", "stg")["reason"]
            await asyncio.sleep(300)
            assert len(cloud.runs) == already + 1
            assert store.status("Asset", "stg")["version"] == str(already + 1)
            assert store.condition("Pipeline", "shop", "DbtCloudReady")["status"] == "True"

    run(story())


def test_a_job_that_was_deactivated_is_said_by_what_waits_for_it(cloud: Cloud) -> None:
    async def story() -> None:
        store = shop()
        cloud.job["deactivated"] = True
        async with Operator(store=store):
            load(store, "first")
            await asyncio.sleep(600)
            assert "JobFailing: dbt Cloud has deactivated job 1" in store.status("Asset", "stg")["reason"]
            assert not cloud.runs

    run(story())
