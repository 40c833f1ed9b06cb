"""A run has its time, wherever dbt Cloud holds it: in its queue, while it starts, while it runs."""

import asyncio
from datetime import timedelta

import pytest
from tests.support.virtual import Operator, Store, run
from tests.support.virtual_cloud import Cloud, current, load, shop

HALF, HOUR, LONG = timedelta(minutes=30), timedelta(hours=1), timedelta(days=2)
POLLED = timedelta(minutes=2)
"""Until it is seen at the latest."""


def last(store: Store) -> tuple[str, int]:
    """What came of the newest run for ``stg``, and its failures."""
    status = store.status("Asset", "stg")
    return status["lastRun"]["outcome"], status.get("failures", 0)


def took(cloud: Cloud, number: int) -> timedelta:
    return timedelta(seconds=(cloud.runs[number]["ends"] - cloud.runs[number]["at"]).total_seconds())


@pytest.mark.parametrize(
    ("phase", "timeout", "limit", "outcome", "failures", "words"),
    [
        ("queued", "30m", HOUR, "Interrupted", 0, "NotBegun: it was in dbt Cloud's queue for 1:00:00"),
        ("queued", "3h", 3 * HOUR, "Interrupted", 0, "NotBegun: it was in dbt Cloud's queue for 3:00:00"),
        ("starting", "30m", HALF, "Interrupted", 0, "NotBegun: it was starting for 0:30:00"),
        ("takes", "30m", HALF, "Failed", 1, "Timeout: it took longer than 0:30:00"),
    ],
)
def test_it_is_cancelled_when_its_time_is_over(
    cloud: Cloud, phase: str, timeout: str, limit: timedelta, outcome: str, failures: int, words: str
) -> None:
    """What never began is no failure, and what is due is asked for anew."""

    async def story() -> None:
        store = shop()
        for name in ("stg", "mart"):
            store.respecify("Asset", name, timeout=timeout)
        setattr(cloud, phase, LONG)
        async with Operator(store=store):
            load(store, "first")
            await asyncio.sleep((limit - POLLED).total_seconds())
            assert not cloud.runs[0]["cancelled"]
            load(store, "second")
            setattr(cloud, phase, timedelta(minutes=1))
            await asyncio.sleep(2 * POLLED.total_seconds())
            assert cloud.runs[0]["cancelled"]
            assert limit <= took(cloud, 0) <= limit + POLLED
            assert any(reason == "RunCancelled" and words in said for _, reason, said in store.events)
            assert last(store) == (outcome, failures) or current(store, "second")
            await asyncio.sleep(3600)
        assert current(store, "second")
        assert not cloud.runs[-1]["cancelled"]

    run(story())


def test_what_waited_long_has_its_whole_time_when_it_begins(cloud: Cloud) -> None:
    """Also for an operator that started meanwhile."""

    async def story() -> None:
        store = shop()
        cloud.queued, cloud.starting, cloud.takes = (timedelta(minutes=minutes) for minutes in (55, 5, 20))
        for begun in range(5):
            async with Operator(store=store):
                if not begun:
                    load(store, "first")
                await asyncio.sleep(1200)
        assert current(store, "first")
        assert [it["cancelled"] for it in cloud.runs] == [False]

    run(story())


def test_restarts_give_it_no_more_time(cloud: Cloud) -> None:
    async def story() -> None:
        store = shop()
        cloud.queued = LONG
        for begun in range(5):
            async with Operator(store=store):
                if not begun:
                    load(store, "first")
                await asyncio.sleep(750)
        assert cloud.runs[0]["cancelled"]
        assert took(cloud, 0) <= HOUR + POLLED

    run(story())


@pytest.mark.parametrize("code", [400, 403, 404, 409, 503])
def test_what_may_not_be_cancelled_is_followed_to_its_end(cloud: Cloud, code: int) -> None:
    async def story() -> None:
        store = shop()
        for name in ("stg", "mart"):
            store.respecify("Asset", name, timeout="5m")
        cloud.takes, cloud.cancels = timedelta(minutes=30), code
        async with Operator(store=store):
            load(store, "first")
            await asyncio.sleep(1200)
            ready = store.condition("Pipeline", "shop", "DbtCloudReady")
            assert (ready["reason"] == "AuthenticationFailed") == (code == 403)
            assert code != 403 or "Job Admin" in ready["message"]
            await asyncio.sleep(900)
            assert current(store, "first")
            assert store.condition("Pipeline", "shop", "DbtCloudReady")["status"] == "True"
        assert [it["cancelled"] for it in cloud.runs] == [False]
        assert 3 <= cloud.cancelled <= (6 if code == 403 else 30)
        assert [reason for _, reason, _ in store.events].count("AuthenticationFailed") == (code == 403)

    run(story())


def test_one_that_never_ends_is_told_of(cloud: Cloud) -> None:
    async def story() -> None:
        store = shop()
        for name in ("stg", "mart"):
            store.respecify("Asset", name, timeout="5m")
        cloud.takes, cloud.never_ends = LONG, True
        async with Operator(store=store):
            load(store, "first")
            await asyncio.sleep(1200)
            ready = store.condition("Pipeline", "shop", "DbtCloudReady")
            assert (ready["status"], ready["reason"]) == ("False", "RunNotEnding")
            assert "run 1" in ready["message"]
            load(store, "second")
            cloud.never_ends, cloud.takes = False, timedelta(minutes=1)
            await asyncio.sleep(600)
            assert store.condition("Pipeline", "shop", "DbtCloudReady")["status"] == "True"
        assert [reason for _, reason, _ in store.events].count("RunNotEnding") == 1

    run(story())
