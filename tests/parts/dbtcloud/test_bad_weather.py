"""A day of bad weather, every second of it: outages of all kinds, crashes, loads and runs of others, at random.

When it has passed, everything is built from the newest load, and no need was ever run twice.
"""

import asyncio
import random
from collections import Counter
from datetime import timedelta

import pytest
from tests.support.virtual import Operator, Store, run
from tests.support.virtual_cloud import Cloud, current, load, shop

AWAY = ["no connection", "no answer", "503", "429", "requests are lost", *["answers are lost"] * 5]
ROUNDS = 60
CALM = 3600.0


def needs(store: Store) -> dict[str, dict[str, str]]:
    """What the run that is recorded now is for: model → upstream → version."""
    meant = store.status("Pipeline", "shop").get("dbtCloud", {}).get("run") or {}
    return {model: dict(versions) for model, versions in meant.get("versions", {}).items()}


async def weather(store: Store, cloud: Cloud, chance: random.Random, *, begin: int) -> int:
    """Until the operator crashes: a load, a run of others or a turn of the weather every few seconds or minutes."""
    number = begin
    while True:
        number += 1
        load(store, f"load {number}")
        if chance.random() < 0.5:
            cloud.away = chance.choice([*AWAY, *[None] * 8])
        if chance.random() < 0.1:
            cloud.start_foreign()
        await asyncio.sleep(chance.choice([0.2, 3.0, 31.0, 75.0, 180.0]))
        if number >= ROUNDS or chance.random() < 0.3:
            return number


@pytest.mark.parametrize("seed", range(6))
def test_no_need_is_run_twice_and_none_is_forgotten(cloud: Cloud, seed: int) -> None:
    async def story() -> None:
        store, chance, number = shop(), random.Random(seed), 0
        cloud.lag, cloud.meant = timedelta(seconds=chance.choice([0, 25])), lambda: needs(store)
        while number < ROUNDS:
            async with Operator(store=store):
                number = await weather(store, cloud, chance, begin=number)
        cloud.away = None
        async with Operator(store=store):
            await asyncio.sleep(CALM)
        assert current(store, f"load {number}")
        ours = [it["meant"] for it in cloud.runs if it["meant"] is not None]
        assert all(ours), "each was recorded before it was sent"
        built = Counter((name, version) for it in ours for name, ups in it.items() for version in ups.values())
        assert [need for need, times in built.items() if times > 1 and need[0] == "stg"] == []
        causes = Counter(it["trigger"]["cause"].rpartition("[")[2] for it in cloud.runs if it["meant"] is not None)
        assert max(causes.values()) == 1, "one run for a token"

    run(story())
