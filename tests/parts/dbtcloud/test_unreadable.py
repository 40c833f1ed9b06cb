"""One run, or its results, for which dbt Cloud has only errors, while it answers for all else: waited for, told once,
and then taken as the list of runs tells. An outage of everything is no such thing.
"""

import asyncio

import pytest
from tests.support.virtual import Operator, Store, run
from tests.support.virtual_cloud import Cloud, current, load, shop

CODES = [400, 403, 410, 500]


def paths(number: int) -> dict[str, str]:
    """Of a run, and of its results."""
    return {"run": f"/runs/{number}/", "results": f"/runs/{number}/artifacts/run_results.json"}


def told(store: Store, reason: str) -> list[str]:
    """Events of that reason."""
    return [message for _, kind, message in store.events if kind == reason]


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("what", ["run", "results"])
def test_somebody_elses_run_holds_up_nothing_and_counts_in_the_end(cloud: Cloud, what: str, code: int) -> None:
    async def story() -> None:
        store = shop()
        async with Operator(store=store):
            load(store, "first")
            await asyncio.sleep(300)
            cloud.broken[paths(2)[what]] = code
            cloud.start_foreign()
            await asyncio.sleep(120)
            load(store, "second")
            await asyncio.sleep(180)
            assert current(store, "second"), "runs of ours go on meanwhile"
            assert store.condition("Pipeline", "shop", "DbtCloudReady")["status"] == "True"
            await asyncio.sleep(600)
            assert " 2@" in store.status("Pipeline", "shop")["dbtCloud"]["cursor"], "it is behind us"
            (message,) = told(store, "ResultsMissing")
            assert f"({code})" in message or f"answered {code}" in message
            load(store, "third")
            await asyncio.sleep(300)
            assert current(store, "third")

    run(story())


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("what", ["run", "results"])
def test_a_run_of_ours_ends_as_the_list_tells(cloud: Cloud, what: str, code: int) -> None:
    async def story() -> None:
        store = shop()
        cloud.broken[paths(1)[what]] = code
        async with Operator(store=store):
            load(store, "first")
            await asyncio.sleep(300)
            said = store.condition("Pipeline", "shop", "DbtCloudReady")
            assert (said["status"] == "False" and "run 1" in said["message"]) or what == "results"
            await asyncio.sleep(600)
            assert current(store, "first")
            assert len(told(store, "RunUnreadable" if what == "run" else "ResultsMissing")) == 1
            assert store.condition("Pipeline", "shop", "DbtCloudReady")["status"] == "True"
            load(store, "second")
            await asyncio.sleep(300)
            assert current(store, "second")
        assert len(cloud.runs) == 2

    run(story())


@pytest.mark.parametrize("away", ["no connection", "no answer", "503", "429"])
@pytest.mark.parametrize("whose", ["ours", "theirs"])
def test_an_outage_of_everything_uses_up_no_patience(cloud: Cloud, away: str, whose: str) -> None:
    async def story() -> None:
        store = shop()
        async with Operator(store=store):
            load(store, "first")
            await asyncio.sleep(300)
            cloud.broken |= dict.fromkeys(paths(2).values(), 500)
            if whose == "theirs":
                cloud.start_foreign()
            else:
                load(store, "second")
            await asyncio.sleep(120)
            cloud.away = away
            await asyncio.sleep(3600)
            cloud.away = None
            asked = len(cloud.asked)
            for _ in range(400):
                if len(cloud.asked) >= asked + 12:  # it is back, for all but this run
                    break
                await asyncio.sleep(1)
            cloud.broken.clear()
            await asyncio.sleep(600)
            assert not told(store, "ResultsMissing")
            assert not told(store, "RunUnreadable")
            assert store.status("Asset", "mart")["version"] == "2"

    run(story())


def test_each_run_has_its_own_patience(cloud: Cloud) -> None:
    """One that ended earlier and shows later does not find it used up."""

    async def story() -> None:
        store = shop()
        async with Operator(store=store):
            load(store, "first")
            await asyncio.sleep(300)
            cloud.start_foreign()
            cloud.start_foreign()
            cloud.runs[1]["ends"] -= cloud.takes / 2
            cloud.hidden.add(2)
            cloud.broken |= {paths(2)["results"]: 404, paths(3)["results"]: 404}
            await asyncio.sleep(60 + 280)
            cloud.hidden.clear()
            await asyncio.sleep(90)
            cloud.broken.clear()
            await asyncio.sleep(300)
            assert not told(store, "ResultsMissing")
            assert store.status("Asset", "mart")["version"] == "3"

    run(story())
