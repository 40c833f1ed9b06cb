"""Options of a requested dbt run that nobody can read are told of, and never hold up the job."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from freshet.api.pipeline import DbtRun
from freshet.controllers.dbt_runs import Runs


@pytest.mark.parametrize(
    ("options", "kept", "told"), [('{"fullRefresh": true}', True, 0), ("{", False, 1), (None, False, 0)]
)
def test_unreadable_options_are_told_once_and_left_out(options: str | None, kept: bool, told: int) -> None:
    events: list[dict[str, Any]] = []
    reconciler = object.__new__(Runs)
    kube = SimpleNamespace(emit=lambda obj, **event: events.append(event))
    reconciler._world = SimpleNamespace(kube=kube)  # type: ignore[assignment]
    run = DbtRun(token="t", at=datetime(2026, 1, 1, tzinfo=UTC), options=options)
    answer = reconciler._readable(SimpleNamespace(), run)  # type: ignore[arg-type]
    assert (answer.options == options and options is not None) == kept
    assert [event["reason"] for event in events] == ["InvalidRequest"] * told
