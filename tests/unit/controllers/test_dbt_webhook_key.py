"""The signing key is read at most once a minute, whatever is sent; a key that was withdrawn holds no longer."""

import hmac
import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from types import SimpleNamespace
from typing import Any

import pytest

from freshet.api.pipeline import WebhookKeyRef
from freshet.api.view import Key
from freshet.controllers.dbt_webhook import WebhookReceiver
from freshet.dbtcloud.webhook import WebhookRefused
from freshet.runtime.errors import KubeError

KEY = Key("Pipeline", "team", "shop")
PIPELINE: Any = SimpleNamespace(
    spec=SimpleNamespace(dbt_cloud=SimpleNamespace(webhook_secret_ref=WebhookKeyRef(name="hook")))
)


class World:
    """A clock that is moved by hand, and a Secret that can be changed, be missing, or not be read."""

    def __init__(self, value: str | None) -> None:
        self.at, self.value, self.reads, self.down = datetime(2026, 1, 1, tzinfo=UTC), value, 0, False
        self.clock = SimpleNamespace(now=lambda: self.at)
        self.kube = self

    async def read_secret(self, *, namespace: str, name: str) -> dict[str, bytes] | None:
        self.reads += 1
        if self.down:
            raise KubeError("no answer")
        return {"webhook": self.value.encode()} if self.value is not None else None

    def later(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


async def answer(receiver: WebhookReceiver, world: World, *, signed_with: str) -> str:
    body = json.dumps({"eventId": "e", "timestamp": world.at.isoformat(), "eventType": "job.run.completed"}).encode()
    signature = hmac.new(signed_with.encode(), body, sha256).hexdigest()
    try:
        await receiver._verified(KEY, PIPELINE, signature, body)
    except WebhookRefused as error:
        return error.reason
    return "Accepted"


def receiver_of(world: Any) -> WebhookReceiver:
    return WebhookReceiver(world=world, poke=lambda key, event: None)


async def test_a_withdrawn_key_holds_no_longer_than_a_minute() -> None:
    world = World("old")
    receiver = receiver_of(world)
    assert await answer(receiver, world, signed_with="old") == "Accepted"
    world.value = "new"
    assert await answer(receiver, world, signed_with="new") == "Forged"
    world.later(61)
    assert await answer(receiver, world, signed_with="old") == "Forged"
    assert await answer(receiver, world, signed_with="new") == "Accepted"
    assert world.reads == 2


@pytest.mark.parametrize(
    ("value", "down", "reason"), [("k", False, "Forged"), (None, False, "Forged"), ("k", True, "NoSecret")]
)
async def test_a_flood_of_forged_ones_reads_the_secret_once(value: str | None, down: bool, reason: str) -> None:
    world = World(value)
    world.down = down
    receiver = receiver_of(world)
    assert {await answer(receiver, world, signed_with="guess") for _ in range(50)} == {reason}
    assert world.reads == 1


async def test_a_key_that_is_known_outlives_an_outage_of_the_api_server() -> None:
    world = World("key")
    receiver = receiver_of(world)
    assert await answer(receiver, world, signed_with="key") == "Accepted"
    world.down = True
    world.later(61)
    assert await answer(receiver, world, signed_with="key") == "Accepted"
    world.down, world.value = False, "other"
    world.later(6)
    assert await answer(receiver, world, signed_with="key") == "Forged"
