"""Results that do not come: dbt Cloud is asked whether it is there at all."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import anyio
import pytest
from msgspec.structs import replace
from tests.unit.core.making import NOW, SECOND

from freshet.api.pipeline import DbtCloudSpec, Pipeline, PipelineSpec, SecretKeyRef
from freshet.api.view import Meta
from freshet.controllers import dbt_results
from freshet.dbtcloud import errors
from freshet.dbtcloud.model import Job, Run, RunStep, Trigger

WORLD: Any = SimpleNamespace(manifests={}, tested={}, cache=SimpleNamespace(assets_of=lambda *_: []))
BUILT = b'{"args": {"which": "build"}, "results": [{"unique_id": "model.p.a", "status": "success"}]}'
CLOUD = DbtCloudSpec(account_id=1, job_id=3, token_secret_ref=SecretKeyRef(name="dbt"))
PIPELINE = Pipeline(metadata=Meta(name="shop", namespace="demo"), spec=PipelineSpec(dbt_cloud=CLOUD))


class Hanging:
    """A client whose artifacts never come; the job is known unless dbt Cloud is ``away``."""

    skew = timedelta(0)

    def __init__(self, *, away: bool) -> None:
        self.away, self.asked = away, list[int]()

    async def get_artifact(self, **_: Any) -> bytes:
        await anyio.sleep_forever()
        raise AssertionError

    async def get_job(self, *, job_id: int) -> Job:
        self.asked.append(job_id)
        if self.away:
            raise errors.Unreachable("nobody answers")
        return Job(id=job_id)


async def fetch(client: Any, monkeypatch: pytest.MonkeyPatch) -> dbt_results.Results:
    monkeypatch.setattr(dbt_results, "SLOWEST", 0.01)
    return await dbt_results.Rewards(world=WORLD).fetch(client, Run(id=7, status=10), pipeline=PIPELINE)


async def test_what_hangs_is_late_where_dbt_cloud_answers_anything_else(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Hanging(away=False)
    results = await fetch(client, monkeypatch)
    assert (results.complete, results.steps, client.asked) == (False, None, [3])


class Leaving:
    """A client whose run was cancelled; its step left results, or none."""

    skew = timedelta(0)

    def __init__(self, raw: bytes | None) -> None:
        self.raw = raw

    async def get_artifact(self, **_: Any) -> bytes:
        if self.raw is None:
            raise errors.NotFound("no such artifact")
        return self.raw


@pytest.mark.parametrize(
    ("raw", "seconds", "complete", "built"),
    [(BUILT, 0, True, 1), (None, 0, False, 0), (None, 29, False, 0), (None, 30, True, 0)],
)
async def test_what_a_cancelled_step_left_is_taken_and_nothing_is_waited_for_but_a_while(
    raw: bytes | None, seconds: int, complete: bool, built: int
) -> None:
    steps = (RunStep(index=4, name="dbt build", status=30), RunStep(index=5, name="dbt build", status=30))
    run = Run(id=7, status=30, finished_at=NOW, run_steps=steps)
    clock = SimpleNamespace(now=lambda: NOW + seconds * SECOND)
    world = SimpleNamespace(**vars(WORLD), clock=clock, settings=SimpleNamespace(dbt_poll_fast=2.0))
    client: Any = Leaving(raw)
    results = await dbt_results.Rewards(world=world).fetch(client, run, pipeline=PIPELINE)  # type: ignore[arg-type]
    assert (results.complete, results.built) == (complete, built)
    assert [step.index for step in results.missing] == ([] if complete else [4])


async def test_an_outage_is_sat_out_and_no_results_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(errors.Unreachable):
        await fetch(Hanging(away=True), monkeypatch)


TESTED = b'{"args": {"which": "test"}, "results": [{"unique_id": "test.p.unique_a.1", "status": "fail"}]}'


@pytest.mark.parametrize(
    ("command", "job", "override", "counts"),
    [
        ("dbt test", 9, True, True),
        ("dbt test --target other", 9, True, False),
        ("dbt test --target other", 9, False, False),
        ("dbt test -t other", 3, True, False),
        ("dbt test --target=other", 3, True, False),
        ("dbt test --target other", 3, False, True),  # as the job itself says
        ("dbt test --target prod", 9, True, True),  # as the Pipeline says
    ],
)
async def test_what_a_test_found_at_another_target_is_no_verdict(
    command: str, job: int, override: bool, counts: bool
) -> None:
    trigger = Trigger(steps_override=(command,) if override else None)
    steps = (RunStep(index=4, name=f"Invoke dbt with `{command}`", status=10),)
    run = Run(id=7, job_definition_id=job, status=10, finished_at=NOW, run_steps=steps, trigger=trigger)
    cloud = replace(CLOUD, command="dbt build --target prod --select {select}")
    pipeline = Pipeline(metadata=PIPELINE.metadata, spec=PipelineSpec(dbt_cloud=cloud))
    client: Any = Leaving(TESTED)
    found = await dbt_results.Rewards(world=WORLD).fetch(client, run, pipeline=pipeline)
    assert found.steps is not None
    assert (bool(found.steps.checks), found.complete) == (counts, True)
