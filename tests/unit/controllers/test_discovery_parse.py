"""An idle project is parsed again as often as it is told to; a person who cancels that is not overruled at once."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from tests.unit.core.making import MINUTE, NOW

from freshet.api.pipeline import DbtCloudSpec, Discovery, Pipeline, PipelineSpec, SecretKeyRef
from freshet.api.view import Meta
from freshet.controllers.dbt_batch import PARSE
from freshet.controllers.discovery_look import Looker
from freshet.controllers.discovery_read import Reader
from freshet.controllers.discovery_seen import Read
from freshet.controllers.discovery_visit import Memory
from freshet.controllers.parses import Parses
from freshet.dbtcloud.model import Run, RunStatus, Trigger

HOUR = timedelta(hours=1)
SPEC = DbtCloudSpec(
    account_id=1, job_id=1, token_secret_ref=SecretKeyRef(name="dbt"), discovery=Discovery(refresh_interval="1h")
)
PIPELINE = Pipeline(metadata=Meta(name="shop", namespace="demo"), spec=PipelineSpec(dbt_cloud=SPEC))


def ended(number: int, ago: timedelta, *, cause: str = "nightly", status: RunStatus = RunStatus.SUCCESS) -> Run:
    return Run(
        id=number,
        job_definition_id=1,
        status=status,
        created_at=NOW - ago - MINUTE,
        finished_at=NOW - ago,
        trigger=Trigger(cause=cause),
    )


NIGHTLY = ended(1, 2 * HOUR)
PARSED = f"freshet: {PARSE} [freshet:0]"


async def looks(*seen: Run, ran: list[Run] | None = None) -> tuple[bool, timedelta]:
    """Is the project to be parsed after that look, and when is the next?"""
    world: Any = SimpleNamespace(
        clock=SimpleNamespace(now=lambda: NOW),
        parses=Parses(),
        queue=SimpleNamespace(add=lambda key: None),
        settings=SimpleNamespace(dbt_poll_fast=2, dbt_poll_slow=30, discovery_every=900),
    )
    client: Any = None
    reader = Reader(client, spec=SPEC, environment=None, clock=world.clock)
    manifest: Any = None
    memory = Memory(generation=1, read=Read(manifest=manifest, run=NIGHTLY, at=NOW), ran=[])

    async def glance(**_: Any) -> Any:
        return reader.of([NIGHTLY, *seen])

    async def newest(*_: Any, **__: Any) -> Read | None:
        return memory.read

    reader.glance, reader.newest = glance, newest  # type: ignore[method-assign]
    visit: Any = SimpleNamespace(memory=memory, reader=reader, now=NOW, pipeline=PIPELINE, spec=SPEC)
    teller: Any = None
    looker = Looker(world=world, teller=teller)
    await looker.look(visit)
    if ran:
        world.parses.wanted.clear()
        memory.ran += ran
        memory.list_at = None
        await looker.look(visit)
    assert memory.look_at is not None
    return bool(world.parses.wanted), memory.look_at - NOW


async def test_a_project_that_no_run_has_looked_at_for_long_is_parsed() -> None:
    assert (await looks())[0]


@pytest.mark.parametrize("status", [RunStatus.SUCCESS, RunStatus.ERROR, RunStatus.CANCELLED])
async def test_the_time_counts_from_the_newest_parse_whatever_became_of_it(status: RunStatus) -> None:
    parse = ended(2, 50 * MINUTE, cause=PARSED, status=status)
    assert await looks(parse) == (False, 10 * MINUTE)
    assert await looks(parse, ended(3, 20 * MINUTE, status=RunStatus.CANCELLED)) == (False, 10 * MINUTE)


async def test_a_cancelled_run_that_builds_says_nothing_of_the_project() -> None:
    assert (await looks(ended(2, MINUTE, status=RunStatus.CANCELLED)))[0]


async def test_what_is_known_of_earlier_runs_is_not_forgotten_when_one_ends() -> None:
    recent = ended(2, 50 * MINUTE)
    cancelled = ended(3, MINUTE, status=RunStatus.CANCELLED)
    assert await looks(recent, ran=[cancelled]) == (False, 10 * MINUTE)
