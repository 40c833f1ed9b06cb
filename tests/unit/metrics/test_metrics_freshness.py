"""Metrics of freshness: judged by the clock when they are read."""

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.support.runtime import ManualClock, raw_asset
from tests.unit.metrics.samples import (
    AT,
    LIMITED,
    Graph,
    condition,
    value,
)

from freshet.metrics import AssetMetrics
from freshet.runtime.cache import Cache


def test_freshness_is_judged_by_the_clock_whatever_is_written(cache: Cache) -> None:
    """Nothing but the clock moves: the API may be busy with other writes."""
    cache.ingest(raw_asset(**LIMITED), kind="Asset")
    clock = ManualClock()
    clock.wall = AT
    metrics = AssetMetrics(cache=cache, graph=Graph(AT), clock=clock)

    def seen() -> tuple[float, str]:
        families = text_string_to_metric_families("".join(metrics.chunks()))
        samples = [sample for family in families for sample in family.samples]
        (fresh,) = [s.value for s in samples if s.name == "freshet_asset_fresh"]
        (state,) = [s.labels["state"] for s in samples if s.name == "freshet_asset_state" and s.value]
        return fresh, state

    assert seen() == (1.0, "Fresh")
    clock.move(359)
    assert seen() == (1.0, "Fresh")
    clock.move(1)
    assert seen() == (1.0, "Aging")
    clock.move(240)
    assert seen() == (0.0, "Stale")
    clock.move(-300)
    assert seen() == (1.0, "Fresh"), "the clock was set back"


LIMIT = {"maximumLag": "1m"}


@pytest.mark.parametrize(
    ("status", "reason", "policy", "expected"),
    [
        ("True", "WithinLimit", LIMIT, 1.0),
        ("True", "Aging", LIMIT, 1.0),
        ("False", "LagExceeded", LIMIT, 0.0),
        ("False", "Missing", LIMIT, 0.0),
        ("False", "Missing", {"schedule": "0 6 * * *"}, 0.0),
        ("False", "Missing", {"maximumUnchanged": "2h"}, 0.0),
        ("False", "Missing", {}, None),
        ("True", "NoPolicy", {}, None),
        ("Unknown", "UpstreamNotFound", LIMIT, None),
    ],
)
def test_fresh_says_nothing_where_no_limit_is_set(
    status: str, reason: str, policy: dict[str, str], expected: float | None
) -> None:
    raw = {"policy": policy, "conditions": [condition("Fresh", status, reason)]}
    assert value("asset_fresh", status=raw) == expected


@pytest.mark.parametrize(
    ("policy", "seconds"),
    [
        ({"maximumLag": "10m"}, 600),
        ({"schedule": "0 6 * * *", "within": "1h"}, 7 * 3600 + 5 * 60),
        ({"schedule": "0 6 * * *", "timeZone": "Europe/Berlin", "within": "1h"}, 6 * 3600 + 5 * 60),
        ({"maximumUnchanged": "2h"}, 3600),
        ({"maximumUnchanged": "2h", "maximumLag": "10m"}, 600),
        ({"maximumUnchanged": "2h", "schedule": "0 6 * * *"}, 3600),
        ({"maximumLag": "10m", "basis": "Update"}, 600 - 3600),
        ({"schedule": "every day"}, None),
        ({"maximumLag": "soon"}, None),
        ({}, None),
    ],
)
def test_whatever_the_kind_of_limit_it_is_told_when_it_is_passed(policy: dict[str, str], seconds: float | None) -> None:
    """Seconds from the data time, 23:55; the newest version was made an hour before."""
    status = {"version": "v1", "policy": policy, "lastUpdatedAt": "2026-11-23T22:55:00.123456Z"}
    found = value("asset_deadline_timestamp_seconds", status=status)
    whole = seconds is not None and "schedule" in policy and "maximumUnchanged" not in policy
    assert found == (None if seconds is None else pytest.approx(AT.timestamp() + seconds - (0.123456 if whole else 0)))
    assert value("asset_deadline_timestamp_seconds", status={**status, "version": None}) is None


def test_how_long_content_may_stay_as_it_is() -> None:
    assert value("asset_max_unchanged_seconds", status={"policy": {"maximumUnchanged": "2h"}}) == 7200


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ({"maximumLag": "5m"}, 0.99),
        ({"maximumLag": "5m", "objective": "99.95%"}, 0.9995),
        ({"maximumLag": "5m", "objective": "0%"}, 0.0),
        ({"maximumLag": "5m", "objective": "much"}, None),
        ({}, None),
    ],
)
def test_what_has_a_limit_has_an_objective(policy: dict[str, str], expected: float | None) -> None:
    raw = {"policy": policy, "conditions": [condition("Fresh", "False", "Missing")]}
    assert value("asset_objective_ratio", status=raw) == expected
