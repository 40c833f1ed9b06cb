"""Results that do not come: dbt Cloud is asked whether it is there at all."""

from types import SimpleNamespace
from typing import Any

import anyio
import pytest

from freshet.api.pipeline import Pipeline, PipelineSpec
from freshet.api.view import Meta
from freshet.controllers import dbt_results
from freshet.dbtcloud import errors
from freshet.dbtcloud.model import Run

WORLD: Any = SimpleNamespace(manifests={}, cache=SimpleNamespace(assets_of=lambda *_: []))
PIPELINE = Pipeline(metadata=Meta(name="shop", namespace="demo"), spec=PipelineSpec())


class Hanging:
    """A client whose artifacts never come; the run itself answers unless dbt Cloud is ``away``."""

    skew = dbt_results.timedelta(0)

    def __init__(self, *, away: bool) -> None:
        self.away, self.asked = away, list[int]()

    async def get_artifact(self, **_: Any) -> bytes:
        await anyio.sleep_forever()
        raise AssertionError

    async def get_run(self, *, run_id: int) -> Run:
        self.asked.append(run_id)
        if self.away:
            raise errors.Unreachable("nobody answers")
        return Run(id=run_id, status=10)


async def fetch(client: Any, monkeypatch: pytest.MonkeyPatch) -> dbt_results.Results:
    monkeypatch.setattr(dbt_results, "SLOWEST", 0.01)
    return await dbt_results.Rewards(world=WORLD).fetch(client, Run(id=7, status=10), pipeline=PIPELINE)


async def test_what_hangs_is_late_where_dbt_cloud_answers_anything_else(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Hanging(away=False)
    results = await fetch(client, monkeypatch)
    assert (results.complete, results.steps, client.asked) == (False, None, [7])


async def test_an_outage_is_sat_out_and_no_results_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(errors.Unreachable):
        await fetch(Hanging(away=True), monkeypatch)
