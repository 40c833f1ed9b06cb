"""A clock that was hours ahead, as a machine's is that takes its battery's clock for UTC, is set right: dbt Cloud is
asked as ever from then on, and not only when the wrong time has come.
"""

import asyncio
from datetime import datetime, timedelta

import pytest
from tests.support.virtual import Clock, Operator, run
from tests.support.virtual_cloud import Cloud, current, load, shop

HOURS = timedelta(hours=5)


class Wrong(Clock):
    """The operator's; dbt Cloud's own is right."""

    ahead = HOURS

    def now(self) -> datetime:
        return super().now() + self.ahead


def test_runs_of_ours_and_of_others_are_told_of_in_time(cloud: Cloud) -> None:
    async def story() -> None:
        store, clock = shop(), Wrong()
        async with Operator(store=store, clock=clock):
            load(store, "first")
            await asyncio.sleep(600)
            assert current(store, "first")
            clock.ahead = timedelta(0)
            await asyncio.sleep(60)
            load(store, "second")
            await asyncio.sleep(300)
            assert current(store, "second")
            cloud.start_foreign()
            await asyncio.sleep(300)
            assert store.status("Asset", "stg")["version"] == "3"

    run(story())


def test_that_it_is_back_is_noticed(cloud: Cloud) -> None:
    async def story() -> None:
        store, clock = shop(), Wrong()
        async with Operator(store=store, clock=clock):
            load(store, "first")
            await asyncio.sleep(600)
            cloud.away = "no connection"
            load(store, "second")
            await asyncio.sleep(1200)
            clock.ahead = timedelta(0)
            await asyncio.sleep(60)
            cloud.away = None
            await asyncio.sleep(900)
            assert current(store, "second")
            assert len(cloud.runs) == 2, "one of them for the second load"

    run(story())


@pytest.mark.parametrize("outcome", [True, False])
def test_a_run_under_way_is_followed_to_its_end(cloud: Cloud, outcome: bool) -> None:
    async def story() -> None:
        store, clock = shop(), Wrong()
        cloud.takes, cloud.fails = timedelta(minutes=10), not outcome
        async with Operator(store=store, clock=clock):
            load(store, "first")
            await asyncio.sleep(120)
            clock.ahead = timedelta(0)
            await asyncio.sleep(1200)
            state = store.status("Asset", "stg")["state"]
            assert (state, len(cloud.runs)) == ("Fresh" if outcome else "Failed", 1)

    run(story())
