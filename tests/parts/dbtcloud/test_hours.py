"""Three hours without dbt Cloud, every second of them: a load every five minutes, and one run when it is back.

Everything takes its whole time here, by a clock that does not wait for anybody (:mod:`tests.support.virtual`): the
client's own repetitions, the circuit breaker, backoff, polls, freshness deadlines.
"""

import asyncio
import re
from collections import Counter
from datetime import timedelta
from itertools import pairwise

import pytest
from tests.support.virtual import Operator, Store, run
from tests.support.virtual_cloud import Cloud, current, load, shop

LOAD_EVERY = 300.0
LOADS = 36
"""Of three hours."""
OUTAGE = timedelta(hours=3)
LONGEST = timedelta(minutes=5)
"""Between two tries of the circuit breaker."""


async def loaded(store: Store, *, begin: int = 1) -> None:
    """Three hours of loads, five minutes apart."""
    for number in range(begin, begin + LOADS):
        load(store, f"load {number}")
        await asyncio.sleep(LOAD_EVERY)


async def began(store: Store) -> None:
    """All is built from the first load."""
    load(store, "first")
    await asyncio.sleep(600)
    assert current(store, "first")


def assert_no_storm(cloud: Cloud) -> None:
    """Few requests, and ever fewer: each of the breaker's tries is four attempts at most, minutes apart."""
    per_minute = Counter(at.replace(second=0, microsecond=0) for at, _ in cloud.asked)
    assert max(per_minute.values()) <= 24, per_minute
    assert len(cloud.asked) <= 4 * (OUTAGE / (LONGEST / 2) + 10), len(cloud.asked)
    gaps = [later - sooner for (sooner, _), (later, _) in pairwise(cloud.asked)]
    assert max(gaps) <= LONGEST + timedelta(minutes=1), "nobody would notice that it is back"


OUTAGES = ["no connection", "no answer", "503", "429"]


@pytest.mark.parametrize("away", OUTAGES)
def test_three_hours_without_dbt_cloud_are_followed_by_one_run(cloud: Cloud, away: str) -> None:
    async def story() -> None:
        store = shop()
        async with Operator(store=store):
            await began(store)
            cloud.away, cloud.asked = away, []
            await loaded(store)
            assert len(cloud.runs) == 1
            assert_no_storm(cloud)
            assert_said(store, away)
            await comes_back(store, cloud)
        assert len(cloud.runs) == 2, "one, not thirty-six"
        assert [method for _, method in cloud.asked].count("POST") == 1

    run(story())


def test_an_operator_that_is_restarted_meanwhile_starts_no_more_of_them(cloud: Cloud) -> None:
    async def story() -> None:
        store = shop()
        async with Operator(store=store):
            await began(store)
        cloud.away, cloud.asked = "no connection", []
        for hour in range(3):
            async with Operator(store=store):
                for number in range(12 * hour + 1, 12 * hour + 13):
                    load(store, f"load {number}")
                    await asyncio.sleep(LOAD_EVERY)
        assert_no_storm(cloud)
        async with Operator(store=store):
            await comes_back(store, cloud)
        assert len(cloud.runs) == 2

    run(story())


@pytest.mark.parametrize("away", OUTAGES)
def test_a_run_that_ends_meanwhile_counts_and_one_more_follows(cloud: Cloud, away: str) -> None:
    async def story() -> None:
        store = shop()
        async with Operator(store=store):
            await began(store)
            load(store, "load 0")
            await asyncio.sleep(10)
            assert store.status("Pipeline", "shop")["dbtCloud"]["run"]["id"] == "2"
            cloud.away, cloud.asked = away, []
            await loaded(store)
            assert_no_storm(cloud)
            assert "DbtCloudUnreachable" in store.status("Asset", "stg")["reason"]
            await comes_back(store, cloud)
            ids = [item["id"] for item in store.status("Asset", "mart")["history"]]
        assert ids == ["3", "2", "1"]
        assert len(cloud.runs) == 3

    run(story())


@pytest.mark.parametrize(("lost", "runs"), [("requests are lost", 1), ("answers are lost", 1 + LOADS)])
def test_three_hours_without_an_answer_to_a_request_double_nothing(cloud: Cloud, lost: str, runs: int) -> None:
    """Lists are answered all the time. A run that was made is found there: one for each load, as ever."""

    async def story() -> None:
        store = shop()
        async with Operator(store=store):
            await began(store)
            cloud.away, cloud.asked = lost, []
            await loaded(store)
            sent = [at for at, method in cloud.asked if method == "POST"]
            assert all(later - sooner > timedelta(minutes=1) for sooner, later in pairwise(sent))
            assert len(cloud.runs) == runs
            await comes_back(store, cloud)
        assert len(cloud.runs) == max(runs, 2)

    run(story())


async def comes_back(store: Store, cloud: Cloud) -> None:
    """It answers again: all is built from the newest load within minutes, and then nothing is asked for any more."""
    cloud.away, cloud.asked = None, []
    await asyncio.sleep((LONGEST + timedelta(minutes=3)).total_seconds())
    assert current(store, f"load {LOADS}")
    await asyncio.sleep(3600)
    assert_well(store)


def assert_said(store: Store, away: str) -> None:
    """What the conditions say after three hours."""
    ready = store.condition("Pipeline", "shop", "DbtCloudReady")
    assert (ready["status"], ready["reason"]) == ("False", "Unreachable"), away
    for name, stale in (("stg", "LagExceeded"), ("mart", "UpstreamStale")):
        assert not store.status("Asset", name).get("failures"), "no attempt is used up"
        assert store.condition("Asset", name, "Failing")["status"] == "False"
        fresh = store.condition("Asset", name, "Fresh")
        assert (fresh["status"], fresh["reason"]) == ("False", stale)
    said = r"DbtCloudUnreachable: .+; next try \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ"
    assert re.fullmatch(said, store.status("Asset", "stg")["reason"])
    assert [reason for name, reason, _ in store.events if name == "shop"].count("Unreachable") == 1, "told once"


def assert_well(store: Store) -> None:
    """Nothing is left of it."""
    ready = store.condition("Pipeline", "shop", "DbtCloudReady")
    assert (ready["status"], ready["reason"]) == ("True", "Reachable")
    assert not store.status("Pipeline", "shop")["dbtCloud"].get("run")
    assert not any(store.status("Asset", name).get("failures") for name in ("stg", "mart"))
