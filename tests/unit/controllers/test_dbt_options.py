"""Options of a requested dbt run that cannot be followed are told of, and never hold up the job."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from freshet.api.pipeline_status import DbtRun
from freshet.controllers.dbt_intent import Intents


@pytest.mark.parametrize(
    ("mode", "options", "kept", "told"),
    [
        ("Select", '{"fullRefresh": true}', True, 0),
        ("Select", "{", False, 1),
        ("Select", None, False, 0),
        ("WholeJob", '{"fullRefresh": true}', False, 1),
        ("WholeJob", '{"downstream": true}', True, 0),
    ],
)
def test_options_that_cannot_be_followed_are_told_once_and_left_out(
    mode: str, options: str | None, kept: bool, told: int
) -> None:
    events: list[dict[str, Any]] = []
    reconciler = object.__new__(Intents)
    reconciler._world = SimpleNamespace(tell=lambda obj, **event: events.append(event))  # type: ignore[assignment]
    run = DbtRun(token="t", at=datetime(2026, 1, 1, tzinfo=UTC), options=options)
    pipeline: Any = SimpleNamespace(spec=SimpleNamespace(dbt_cloud=SimpleNamespace(mode=mode)))
    answer = reconciler._readable(pipeline, run)
    assert (answer.options == options and options is not None) == kept
    assert [event["reason"] for event in events] == ["InvalidRequest"] * told
