"""Between the end of a run, told by a webhook, and the request for what it makes due nothing waits but for answers."""

import asyncio

from tests.support.virtual import Clock, Operator, run
from tests.support.virtual_cloud import SPEC, Cloud, load, shop


def test_what_follows_is_asked_for_in_no_time(cloud: Cloud) -> None:
    async def story() -> None:
        store, clock = shop(), Clock()
        store.put("Pipeline", "other", {"warehouse": {"duckdb": {"path": "/w.duckdb"}}, "dbtCloud": SPEC})
        store.respecify("Asset", "mart", pipeline="other")
        async with Operator(store=store) as operator:
            load(store, "first")
            await asyncio.sleep(907.3)  # no idle poll falls on the end
            load(store, "second")
            await asyncio.sleep(10)
            (*_, first) = cloud.runs
            await asyncio.sleep((first["ends"] - clock.now()).total_seconds())
            operator.poke("shop", run=first["id"])
            await asyncio.sleep(60)
        (*_, before, after) = cloud.runs
        assert before is first
        assert after["at"] == first["ends"]

    run(story())
