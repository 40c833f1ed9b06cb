"""Asset metrics: the text that is written by hand means what prometheus_client's parser reads."""

from datetime import UTC, datetime

from prometheus_client.parser import text_string_to_metric_families
from tests.support.runtime import raw_asset
from tests.unit.metrics.samples import (
    AT,
    CLOCK,
    FULL,
    LABELS,
    LIMITED,
    SOURCE,
    Graph,
    pipeline,
    scrape,
)

from freshet.metrics import STATES, AssetMetrics
from freshet.runtime.cache import Cache


def test_values_and_labels(cache: Cache) -> None:
    cache.ingest(raw_asset(**FULL), kind="Asset")
    samples = scrape(cache)
    assert samples[("freshet_asset_last_update_timestamp_seconds", "")] == (AT.timestamp(), LABELS)
    assert samples[("freshet_asset_data_timestamp_seconds", "")] == (AT.timestamp(), LABELS)
    assert samples[("freshet_asset_max_lag_seconds", "")] == (90.0, LABELS)
    assert samples[("freshet_asset_deadline_timestamp_seconds", "")] == (AT.timestamp() + 90, LABELS)
    assert samples[("freshet_asset_rows", "")] == (2e10, LABELS)
    assert samples[("freshet_asset_run_duration_seconds", "")] == (0.1, LABELS)


def test_what_is_judged_by_its_builds_says_so_and_nothing_else_does(cache: Cache) -> None:
    for version, (basis, said) in enumerate((("Update", (1.0, LABELS)), ("Data", None)), start=1):
        status = {**FULL["status"], "policy": {"maximumLag": "1m30s", "basis": basis}}
        cache.ingest(raw_asset(version=version, **{**FULL, "status": status}), kind="Asset")
        assert scrape(cache).get(("freshet_asset_basis_update", "")) == said


def test_one_date_that_nobody_filled_in_ends_no_scrape(cache: Cache) -> None:
    """The year 1 has no local time in New York: of ten thousand assets, one such table took all metrics away."""
    policy = {"schedule": "0 6 * * *", "within": "1h", "timeZone": "America/New_York"}
    cache.ingest(raw_asset(**{**FULL, "status": {**FULL["status"], "policy": policy}}), kind="Asset")
    samples = scrape(cache, live=datetime.min.replace(tzinfo=UTC))
    assert samples[("freshet_asset_fresh", "")][0] == 0


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
    pieces = list(AssetMetrics(cache=cache, graph=Graph(AT), clock=CLOCK).chunks())
    assert max(piece.count("\n") for piece in pieces) <= 500 * len(STATES)
    lines = [line for piece in pieces for line in piece.splitlines() if not line.startswith("#")]
    assert (
        len(lines)
        == len(set(lines))
        == 1201 * (6 + len(STATES) + len({"fresh", "objective", "failing", "failed checks"}))
    )


def test_a_scrape_repeats_nothing_that_has_changed(cache: Cache) -> None:
    """Whatever is kept from the scrape before: an asset, its Pipeline, its data time, or its being there."""
    graph = Graph(AT)
    source = {"spec": SOURCE, "status": {**LIMITED["status"], "rows": 1, "lastCheckedAt": "2026-11-23T23:56:00Z"}}
    made = pipeline(sources=[{"asset": "a", "csv": {"path": "/a.csv"}}], schedule="0 * * * *")
    cache.ingest(made, kind="Pipeline")
    cache.ingest(raw_asset(**source), kind="Asset")
    metrics = AssetMetrics(cache=cache, graph=graph, clock=CLOCK)

    def seen(name: str) -> float | None:
        families = text_string_to_metric_families("".join(metrics.chunks()))
        found = [s.value for family in families for s in family.samples if s.name == f"freshet_asset_{name}"]
        return found[0] if found else None

    due = datetime(2026, 11, 24, 0, 0, tzinfo=UTC).timestamp()
    before = seen("rows"), seen("next_load_timestamp_seconds"), seen("data_timestamp_seconds")
    assert before == (1, due, AT.timestamp())
    cache.ingest(raw_asset(version=2, spec=SOURCE, status={**source["status"], "rows": 2}), kind="Asset")
    later = {**made, "metadata": {**made["metadata"], "resourceVersion": "2"}}
    cache.ingest({**later, "spec": {**made["spec"], "schedule": "30 * * * *"}}, kind="Pipeline")
    graph.at = AT.replace(hour=22)
    after = seen("rows"), seen("next_load_timestamp_seconds"), seen("data_timestamp_seconds")
    assert after == (2, due + 1800, AT.timestamp() - 3600)
    cache.ingest(raw_asset(version=3), kind="Asset", deleted=True)
    assert seen("rows") is None


def test_an_asset_names_what_it_is_built_from(cache: Cache) -> None:
    cache.ingest(raw_asset(spec={"upstreams": ["b", "c"]}), kind="Asset")
    text = "".join(AssetMetrics(cache=cache, graph=Graph(AT), clock=CLOCK).chunks())
    lines = [line for line in text.splitlines() if line.startswith("freshet_asset_upstream_info")]
    assert [line.partition("upstream=")[2] for line in lines] == ['"b"} 1.0', '"c"} 1.0']
