"""The look at all that an operator in virtual time writes can fail: on a version that another follows at once."""

import asyncio
from types import SimpleNamespace

import pytest
from tests.support.secrecy import DBT_CLOUD_TOKEN
from tests.support.virtual import Operator, run
from tests.support.virtual_cloud import Cloud, load, shop


def test_what_an_object_or_an_event_said_for_a_moment_is_seen(cloud: Cloud) -> None:
    async def story() -> None:
        store = shop()
        async with Operator(store=store):
            load(store, f"made with {DBT_CLOUD_TOKEN}")
            load(store, "v1")
            await asyncio.sleep(600)
            store.emit(SimpleNamespace(name="stg"), type="Normal", reason="Said", message=DBT_CLOUD_TOKEN)

    with pytest.raises(AssertionError, match=r"Asset raw shows the dbt Cloud token: .*Event Said of stg shows"):
        run(story())
