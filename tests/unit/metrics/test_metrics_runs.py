"""Metrics of runs and loads."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.unit.metrics.samples import (
    AT,
    SOURCE,
    condition,
    pipeline,
    value,
)

from freshet.metrics import values

ROOT = Path(__file__).parents[3]


def test_a_run_under_way_has_a_start_and_a_timeout_to_measure_it_by() -> None:
    status = {"run": {"startedAt": "2026-11-23T23:55:00.123456Z"}, "policy": {"timeout": "30m"}}
    assert value("asset_run_started_timestamp_seconds", status=status) == AT.timestamp()
    assert value("asset_timeout_seconds", status=status) == 1800.0


def test_the_dbt_cloud_run_is_a_number_not_a_label() -> None:
    spec = {"materialize": {"dbtCloud": {"uniqueId": "model.shop.orders"}}, "pipeline": "shop"}
    last = {"id": "1234567890", "outcome": "Succeeded"}
    assert value("asset_dbt_cloud_run", spec=spec, status={"lastRun": last}) == 1234567890
    assert value("asset_dbt_cloud_run", spec=spec, status={"lastRun": last, "run": {"id": "99"}}) == 99
    assert value("asset_dbt_cloud_run", spec=spec, status={"lastRun": {**last, "id": "a uid"}}) is None


def test_a_load_says_what_it_set_aside_and_what_it_refused() -> None:
    status: dict[str, Any] = {"level": {"rowsRejected": 3}}
    assert value("asset_rejected_rows", spec=SOURCE, status=status) == 3
    assert value("asset_rejected_rows", spec=SOURCE, status={"level": {"rows": 1}}) == 0
    for message, refused in (("BadRows: 1 of 3 rows are bad", 1.0), ("FileNotFound: no such file", 0.0)):
        last = {"id": "u", "outcome": "Failed", "message": message}
        assert value("asset_load_refused", spec=SOURCE, status={"lastRun": last}) == refused


def test_what_a_load_refuses_is_what_the_page_of_reasons_says() -> None:
    (row,) = re.findall(r"^\| 3 \| (.*) \|$", (ROOT / "docs" / "loads.md").read_text(), re.MULTILINE)
    assert {f"{reason}:" for reason in re.findall(r"`(\w+)`", row)} == set(values.REFUSED)


def test_the_next_load_is_the_first_tick_that_the_newest_does_not_cover() -> None:
    status: dict[str, Any] = {"lastCheckedAt": "2026-11-23T23:56:00Z"}
    sources = [{"asset": "a", "csv": {"path": "/a.csv"}}]
    made = [pipeline(sources=sources)]
    due = datetime(2026, 11, 24, 0, 0, tzinfo=UTC).timestamp()
    assert value("asset_next_load_timestamp_seconds", spec=SOURCE, status=status, pipelines=made) == due
    held = {**status, "state": "Suspended"}
    assert value("asset_next_load_timestamp_seconds", spec=SOURCE, status=held, pipelines=made) is None
    odd = [pipeline(sources=sources, schedule="whenever")]
    assert value("asset_next_load_timestamp_seconds", spec=SOURCE, status=status, pipelines=odd) is None


@pytest.mark.parametrize(("found", "expected"), [("True", 1.0), ("False", 0.0), (None, None)])
def test_what_is_not_reconciled_is_told(found: str | None, expected: float | None) -> None:
    """Nothing is said of what the operator has not seen."""
    status = {"conditions": [condition("Ready", found, "UpstreamNotFound")] if found else []}
    assert value("asset_ready", spec={}, status=status) == expected
