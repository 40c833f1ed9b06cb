"""An id is believed no further than what the run says of itself: nothing runs twice, nobody else's is touched."""

import asyncio
from datetime import timedelta

import pytest
from tests.support.virtual import Operator, Store, run
from tests.support.virtual_cloud import Cloud, current, load, shop


def history(store: Store, name: str = "stg") -> list[str]:
    return [item["id"] for item in reversed(store.status("Asset", name)["history"])]


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("causes", ["ours", "nobody's", "theirs"])
@pytest.mark.parametrize("whose", ["ours", "nightly"])
def test_another_run_is_not_taken_for_ours(cloud: Cloud, whose: str, causes: str, restarts: bool) -> None:
    """Ended, or under way: also by an operator that starts anew just then."""

    async def story() -> None:
        store = shop()
        async with Operator(store=store):
            load(store, "first")
            await asyncio.sleep(300)
            if whose == "nightly":
                cloud.start_foreign()
                await asyncio.sleep(30)
            cloud.names, cloud.causes = len(cloud.runs), causes
            load(store, "second")
            await asyncio.sleep(4 if restarts else 600)
        async with Operator(store=store):
            await asyncio.sleep(600)
            assert current(store, "second")
            assert history(store) == [str(it["id"]) for it in cloud.runs]
            assert len(cloud.runs) == (3 if whose == "nightly" else 2)
            assert store.condition("Pipeline", "shop", "DbtCloudReady")["status"] == "True"
            told = [reason for _, reason, _ in store.events].count("WrongRun")
            assert told == (causes != "theirs"), "only what was believed at first"

    run(story())


@pytest.mark.parametrize("causes", ["ours", "nobody's", "theirs"])
def test_nobody_elses_run_is_cancelled(cloud: Cloud, causes: str) -> None:
    async def story() -> None:
        store = shop()
        for name in ("stg", "mart"):
            store.respecify("Asset", name, timeout="5m")
        async with Operator(store=store):
            load(store, "first")
            await asyncio.sleep(300)
            cloud.takes = timedelta(hours=2)
            cloud.start_foreign()
            cloud.takes = timedelta(minutes=30)
            cloud.names, cloud.causes = len(cloud.runs), causes
            load(store, "second")
            await asyncio.sleep(600)
            assert [it["cancelled"] for it in cloud.runs] == [False, False, True]
            assert store.status("Asset", "stg")["lastRun"]["id"] == "3"

    run(story())


@pytest.mark.parametrize("off", [1_000_000, -1])
@pytest.mark.parametrize("whose", ["ours", "nightly"])
def test_an_answer_about_another_run_than_was_asked_for_is_asked_for_again(cloud: Cloud, off: int, whose: str) -> None:
    async def story() -> None:
        store = shop()
        async with Operator(store=store):
            load(store, "first")
            await asyncio.sleep(300)
            cloud.mistakes = off
            if whose == "nightly":
                cloud.start_foreign()
            else:
                load(store, "second")
            await asyncio.sleep(900)
            assert not cloud.mistakes
            assert history(store) == ["1", "2"]
            assert len(cloud.runs) == 2

    run(story())
