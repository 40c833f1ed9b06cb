"""Asset metrics: the text that is written by hand means what prometheus_client's parser reads."""

from datetime import UTC, datetime
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.support.runtime import ManualClock, raw_asset

from freshet.api.view import Key
from freshet.metrics import STATES, AssetMetrics
from freshet.runtime.cache import Cache

AT = datetime(2026, 11, 23, 23, 55, 0, 123456, tzinfo=UTC)
LABELS = {"namespace": "demo", "pipeline": "kaizen-wars", "asset": "a", "kind": "External"}
FULL: dict[str, Any] = {
    "spec": {"pipeline": "kaizen-wars"},
    "status": {
        "state": "Fresh",
        "lastUpdatedAt": "2026-11-23T23:55:00.123456Z",
        "policy": {"maximumLag": "1m30s"},
        "rows": 20_000_000_000,
        "durationSeconds": 0.1,
    },
}


class Graph:
    """The live data time of every asset."""

    def __init__(self, at: datetime | None) -> None:
        self._at = at

    def live(self, key: Key) -> datetime | None:
        return self._at


Samples = dict[tuple[str, str], tuple[float, dict[str, str]]]


def scrape(cache: Cache, *, live: datetime | None = AT) -> Samples:
    """(metric, state) → (value, labels) of one asset, as a Prometheus server reads them."""
    text = "".join(AssetMetrics(cache=cache, graph=Graph(live)).chunks())
    families = text_string_to_metric_families(text)
    samples = [sample for family in families for sample in family.samples]
    return {(s.name, s.labels.get("state", "")): (s.value, s.labels) for s in samples}


@pytest.fixture
def cache() -> Cache:
    return Cache(clock=ManualClock())


def test_values_and_labels(cache: Cache) -> None:
    cache.ingest(raw_asset(**FULL), kind="Asset")
    samples = scrape(cache)
    assert samples[("freshet_asset_last_update_timestamp_seconds", "")] == (AT.timestamp(), LABELS)
    assert samples[("freshet_asset_data_timestamp_seconds", "")] == (AT.timestamp(), LABELS)
    assert samples[("freshet_asset_max_lag_seconds", "")] == (90.0, LABELS)
    assert samples[("freshet_asset_rows", "")] == (2e10, LABELS)
    assert samples[("freshet_asset_run_duration_seconds", "")] == (0.1, LABELS)


def test_exactly_one_state_is_1(cache: Cache) -> None:
    cache.ingest(raw_asset(**FULL), kind="Asset")
    states = {state: value for (name, state), (value, _) in scrape(cache).items() if name == "freshet_asset_state"}
    assert states == {state: float(state == "Fresh") for state in STATES}


def test_what_is_not_known_has_no_sample(cache: Cache) -> None:
    cache.ingest(raw_asset(), kind="Asset")
    assert scrape(cache, live=None) == {}


def test_a_deleted_asset_leaves_no_series(cache: Cache) -> None:
    cache.ingest(raw_asset(**FULL), kind="Asset")
    cache.ingest(raw_asset(**FULL), kind="Asset", deleted=True)
    assert scrape(cache) == {}


def test_text_that_needs_escaping_survives(cache: Cache) -> None:
    odd = 'a"b\\c\nd'
    cache.ingest(raw_asset(**{**FULL, "spec": {"pipeline": odd}}), kind="Asset")
    assert scrape(cache)[("freshet_asset_rows", "")][1]["pipeline"] == odd


def test_chunks_are_small_and_every_asset_is_in_each_family(cache: Cache) -> None:
    for number in range(1201):
        cache.ingest(raw_asset(f"a{number}", **FULL), kind="Asset")
    pieces = list(AssetMetrics(cache=cache, graph=Graph(AT)).chunks())
    assert max(piece.count("\n") for piece in pieces) <= 500 * len(STATES)
    lines = [line for piece in pieces for line in piece.splitlines() if not line.startswith("#")]
    assert len(lines) == len(set(lines)) == 1201 * (5 + len(STATES))


def test_every_family_is_a_gauge_with_help_and_a_unit_in_its_name(cache: Cache) -> None:
    text = "".join(AssetMetrics(cache=cache, graph=Graph(AT)).chunks())
    families = list(text_string_to_metric_families(text))
    assert len(families) == 6
    for family in families:
        assert family.type == "gauge"
        assert family.documentation.endswith(".")
        assert not family.name.endswith(("_total", "_count", "_ms"))
