"""A refused override is said and sent once, for hours, until something has changed that could change the answer."""

import asyncio
import re
from collections.abc import Callable

import httpx
import pytest
from tests.support.secrecy import remember
from tests.support.virtual import Operator, Store, run
from tests.support.virtual_cloud import SPEC, Cloud, current, load, shop

HOURS = 6
TOKEN = "another-token-of-the-test"
remember("the rotated token", TOKEN)


def sent(cloud: Cloud) -> int:
    return [method for _, method in cloud.asked].count("POST")


def told(store: Store, why: str = "OverrideRefused") -> list[str]:
    return [message for name, reason, message in store.events if (name, reason) == ("shop", why)]


async def refused(store: Store, cloud: Cloud) -> None:
    """Hours in which it is refused, and loads go on."""
    cloud.refuses = True
    for hour in range(HOURS):
        load(store, f"load {hour}")
        await asyncio.sleep(3600)


CHANGES: dict[str, Callable[[Store, Cloud], object]] = {
    "the spec": lambda store, _: store.respecify(
        "Pipeline", "shop", dbtCloud={**SPEC, "command": "dbt build --fail-fast {select}"}
    ),
    "the token": lambda store, _: store.secrets.update({"dbt-cloud": {"token": TOKEN.encode()}}),
    "the job in dbt Cloud": lambda _, cloud: cloud.job.update(execute_steps=["dbt build --exclude x"]),
    "a person asks": lambda store, _: store.annotate("stg", requestedAt="now"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_it_is_sent_once_and_again_when_the_answer_may_be_another(cloud: Cloud, change: str) -> None:
    async def story() -> None:
        store = shop()
        async with Operator(store=store):
            await refused(store, cloud)
            assert (sent(cloud), len(told(store)), cloud.runs) == (1, 1, [])
            ready = store.condition("Pipeline", "shop", "DbtCloudReady")
            assert (ready["status"], ready["reason"]) == ("False", "OverrideRefused")
            assert store.status("Asset", "stg")["reason"].startswith("OverrideRefused: ")
            assert not store.status("Asset", "stg").get("failures")
            CHANGES[change](store, cloud)
            await asyncio.sleep(3 * 3600)
            assert sent(cloud) == 2, "refused once more"
            cloud.refuses = False
            load(store, "after")
            await asyncio.sleep(3 * 3600)
            assert sent(cloud) == 2
            store.annotate("mart", requestedAt="now it may")
            await asyncio.sleep(600)
            assert sent(cloud) == 3
            assert current(store, "after")

    run(story())


@pytest.mark.parametrize("change", [None, *CHANGES])
def test_an_operator_that_starts_anew_knows_what_was_refused(cloud: Cloud, change: str | None) -> None:
    async def story() -> None:
        store = shop()
        store.annotate("stg", requestedAt="before it was refused")
        async with Operator(store=store):
            await refused(store, cloud)
        if change is not None:
            CHANGES[change](store, cloud)
        for begun in range(3):
            async with Operator(store=store):
                load(store, f"load of start {begun}")
                await asyncio.sleep(2 * 3600)
                assert store.condition("Pipeline", "shop", "DbtCloudReady")["reason"] == "OverrideRefused"
        assert sent(cloud) == (1 if change is None else 2)
        assert change is not None or len(told(store)) == 1
        cloud.refuses = False
        store.annotate("mart", requestedAt="now it may")
        async with Operator(store=store):
            await asyncio.sleep(600)
            assert current(store, "load of start 2")
            assert store.condition("Pipeline", "shop", "DbtCloudReady")["status"] == "True"
        assert sent(cloud) == (2 if change is None else 3)
        assert not store.status("Pipeline", "shop")["dbtCloud"].get("refused")

    run(story())


def test_an_hour_is_an_hour_whatever_restarts(cloud: Cloud) -> None:
    """Of what may be mended in dbt Cloud alone."""

    async def story() -> None:
        store = shop()
        store.respecify("Pipeline", "shop", dbtCloud={**SPEC, "mode": "WholeJob"})
        cloud.refuses = True
        for begun in range(6 * HOURS):
            async with Operator(store=store):
                load(store, f"load of start {begun}")
                await asyncio.sleep(600)
        assert sent(cloud) == HOURS
        assert len(told(store, "RunRefused")) == 1

    run(story())


def test_nothing_of_the_token_is_recorded(cloud: Cloud) -> None:
    """Only a mark of it that is too short to be of use to anybody."""

    async def story() -> None:
        store = shop()
        async with Operator(store=store):
            await refused(store, cloud)
        assert re.fullmatch("[0-9a-f]{8}", store.status("Pipeline", "shop")["dbtCloud"]["refused"]["token"])

    run(story())


def test_what_is_not_about_an_override_is_tried_again_each_hour(cloud: Cloud) -> None:
    """With mode WholeJob nothing is overridden: what is refused there may be mended in dbt Cloud alone."""

    async def story() -> None:
        store = shop()
        store.respecify("Pipeline", "shop", dbtCloud={**SPEC, "mode": "WholeJob"})
        async with Operator(store=store):
            await refused(store, cloud)
            assert sent(cloud) == HOURS
            assert len(told(store, "RunRefused")) == 1, "nothing is overridden"

    run(story())


def test_what_was_refused_and_is_not_needed_any_more_is_not_said_for_ever(cloud: Cloud) -> None:
    async def story() -> None:
        store = shop()
        store.respecify("Pipeline", "shop", dbtCloud={**SPEC, "mode": "WholeJob"})
        async with Operator(store=store):
            await refused(store, cloud)
            for name in ("stg", "mart"):
                store.respecify("Asset", name, suspend=True)
            await asyncio.sleep(2 * 3600)
            assert store.condition("Pipeline", "shop", "DbtCloudReady")["status"] == "True"
            assert sent(cloud) == HOURS

    run(story())


def proxy(code: int) -> httpx.Response:
    return httpx.Response(code, headers={"Location": "https://login.test"}, text="<html>the proxy says no</html>")


def itself(code: int) -> httpx.Response:
    return httpx.Response(code, json={"status": {"code": code, "user_message": "not now"}})


@pytest.mark.parametrize("code", [400, 405, 409, 418, 423, 499])
def test_what_a_proxy_says_refuses_nothing(cloud: Cloud, code: int) -> None:
    async def story() -> None:
        store = shop()
        cloud.answers = [proxy(code)]
        async with Operator(store=store):
            load(store, "first")
            await asyncio.sleep(600)
            assert current(store, "first")
            assert (sent(cloud), len(cloud.runs)) == (2, 1)
            assert not told(store)

    run(story())


@pytest.mark.parametrize("answer", [itself(409), itself(423), proxy(302)], ids=["409", "423", "302"])
def test_what_may_pass_is_asked_again_after_ever_longer_pauses(cloud: Cloud, answer: httpx.Response) -> None:
    async def story() -> None:
        store = shop()
        cloud.answers = [answer] * 100
        async with Operator(store=store):
            load(store, "first")
            await asyncio.sleep(100)
            assert sent(cloud) == 2, "it may be over soon"
            await asyncio.sleep(3600)
            assert 5 <= sent(cloud) <= 7
            ready = store.condition("Pipeline", "shop", "DbtCloudReady")
            assert (ready["status"], ready["reason"]) == ("False", "RunRefused")
            already = sent(cloud)
        async with Operator(store=store):
            await asyncio.sleep(10 * 3600)
            assert 9 <= sent(cloud) - already <= 11, "an hour at most, whatever restarts"
            assert (len(told(store, "RunRefused")), cloud.runs) == (1, [])
            cloud.answers = []
            await asyncio.sleep(2 * 3600)
            assert current(store, "first")
            assert store.condition("Pipeline", "shop", "DbtCloudReady")["status"] == "True"
        assert len(cloud.runs) == 1

    run(story())
