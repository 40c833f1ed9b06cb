"""Asset metrics: the text that is written by hand means what prometheus_client's parser reads."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.support.runtime import ManualClock, raw_asset

from freshet.api.view import Key
from freshet.metrics import STATES, AssetMetrics, PipelineMetrics, values
from freshet.runtime.cache import Cache


def condition(type: str, status: str, reason: str) -> dict[str, Any]:
    moved = "2026-11-23T23:55:00Z"
    return {"type": type, "status": status, "reason": reason, "message": "", "lastTransitionTime": moved}


ROOT = Path(__file__).parents[2]
AT = datetime(2026, 11, 23, 23, 55, 0, 123456, tzinfo=UTC)
CLOCK = ManualClock()
CLOCK.wall = AT
LABELS = {"namespace": "demo", "pipeline": "kaizen-wars", "asset": "a", "kind": "External"}
FULL: dict[str, Any] = {
    "spec": {"pipeline": "kaizen-wars"},
    "status": {
        "state": "Fresh",
        "version": "v1",
        "conditions": [condition("Fresh", "True", "WithinLimit"), condition("Failing", "False", "RunsSucceed")],
        "lastUpdatedAt": "2026-11-23T23:55:00.123456Z",
        "policy": {"maximumLag": "1m30s"},
        "rows": 20_000_000_000,
        "durationSeconds": 0.1,
    },
}


class Graph:
    """The live data time of every asset."""

    def __init__(self, at: datetime | None) -> None:
        self.at = at

    def data_time(self, key: Key) -> datetime | None:
        return self.at


Samples = dict[tuple[str, str], tuple[float, dict[str, str]]]


def scrape(cache: Cache, *, live: datetime | None = AT) -> Samples:
    """(metric, state) → (value, labels) of one asset, as a Prometheus server reads them."""
    text = "".join(AssetMetrics(cache=cache, graph=Graph(live), clock=CLOCK).chunks())
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


def value(name: str, kind: str = "Asset", **raw: Any) -> float | None:
    """A metric of one asset, or of the Pipeline that it belongs to."""
    cache = Cache(clock=ManualClock())
    for pipeline in raw.pop("pipelines", ()):
        cache.ingest(pipeline, kind="Pipeline")
    cache.ingest(raw_asset(**raw), kind="Asset")
    pieces = [*AssetMetrics(cache=cache, graph=Graph(AT), clock=CLOCK).chunks(), *PipelineMetrics(cache=cache).chunks()]
    samples = [s for family in text_string_to_metric_families("".join(pieces)) for s in family.samples]
    found = [s.value for s in samples if s.name == f"freshet_{name}"]
    assert len(found) <= 1
    return found[0] if found else None


LIMITED: dict[str, Any] = {
    "spec": {},
    "status": {
        "state": "Fresh",
        "version": "v1",
        "policy": {"maximumLag": "10m", "warnLag": "6m"},
        "conditions": [condition("Fresh", "True", "WithinLimit")],
    },
}


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


def pipeline(**spec: Any) -> dict[str, Any]:
    status = spec.pop("status", {})
    metadata = {"name": "shop", "namespace": "demo", "uid": "p", "resourceVersion": "1"}
    return {"metadata": metadata, "spec": spec, "status": status}


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


SOURCE: dict[str, Any] = {"materialize": {"source": {}}, "pipeline": "shop"}


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


@pytest.mark.parametrize(
    ("outcome", "message", "expected"),
    [
        ("Succeeded", "3 rows", 1.0),
        ("Interrupted", "WarehouseLocked: held by another process", 0.0),
        ("Interrupted", "TerminationByKubelet: the node goes", None),
        ("Interrupted", "Terminated: The pod was told to stop before the work was done: nothing was published", None),
        ("Interrupted", "SourceUnavailable: s3://orders/new.csv did not answer (Timeout): it is tried again", None),
        ("Unchanged", "", 1.0),
        ("Failed", "BadRows: 1 of 3", None),
    ],
)
def test_the_warehouse_is_reachable_by_what_runs_found(outcome: str, message: str, expected: float | None) -> None:
    last = {"id": "u", "outcome": outcome, "message": message, "finishedAt": "2026-11-23T23:55:00Z"}
    found = value("pipeline_warehouse_reachable", spec=SOURCE, status={"lastRun": last}, pipelines=[pipeline()])
    assert found == expected


LOCKED = "WarehouseLocked: held by another process"


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (("Stale", "Fresh"), 0.0),
        (("Suspended", "Fresh"), 1.0),
    ],
)
def test_a_load_that_did_not_open_the_warehouse_does_not_end_the_alert(
    cache: Cache, states: tuple[str, str], expected: float
) -> None:
    """Of two sources one is interrupted, and the other finds its input unchanged later; what is suspended is not tried
    again.
    """
    ended = (("Interrupted", LOCKED, "23:50"), ("Unchanged", "", "23:55"))
    for number, ((outcome, message, at), state) in enumerate(zip(ended, states, strict=True)):
        last = {"id": "u", "outcome": outcome, "message": message, "finishedAt": f"2026-11-23T{at}:00Z"}
        cache.ingest(raw_asset(f"a{number}", spec=SOURCE, status={"state": state, "lastRun": last}), kind="Asset")
    cache.ingest(pipeline(), kind="Pipeline")
    text = "".join(PipelineMetrics(cache=cache).chunks())
    (line,) = [line for line in text.splitlines() if line.startswith("freshet_pipeline_warehouse_reachable{")]
    assert float(line.rpartition(" ")[2]) == expected


def test_a_pipeline_tells_of_its_job_and_whether_dbt_cloud_answers() -> None:
    dbt = {"host": "https://cloud.example/", "accountId": 1, "jobId": 2, "tokenSecretRef": {"name": "dbt"}}
    made = [pipeline(dbtCloud=dbt, status={"conditions": [condition("DbtCloudReady", "False", "Unreachable")]})]
    assert value("pipeline_dbt_cloud_ready", pipelines=made) == 0.0
    assert value("pipeline_dbt_cloud_info", pipelines=made) == 1.0
    assert value("pipeline_suspended", pipelines=made) == 0.0
    assert value("pipeline_ready", pipelines=made) is None


@pytest.mark.parametrize(
    ("url", "runs"),
    [
        ("https://cloud.example/deploy/1/projects/7/runs/99/", "https://cloud.example/deploy/1/projects/7/runs/"),
        ("https://cloud.example/deploy/3/projects/7/runs/99/", "https://cloud.example/deploy/1/runs/"),
        ("javascript:alert(1)/1/runs/99", "https://cloud.example/deploy/1/runs/"),
        (None, "https://cloud.example/deploy/1/runs/"),
    ],
)
def test_runs_have_their_pages_where_dbt_cloud_says(cache: Cache, url: str | None, runs: str) -> None:
    """Of another account it says nothing."""
    dbt = {"host": "https://cloud.example/", "accountId": 1, "jobId": 2, "tokenSecretRef": {"name": "dbt"}}
    last = {"id": "99", "outcome": "Succeeded", "message": "", "url": url}
    spec = {"materialize": {"dbtCloud": {"uniqueId": "model.a.b"}}, "pipeline": "shop"}
    cache.ingest(raw_asset(spec=spec, status={"lastRun": last}), kind="Asset")
    cache.ingest(pipeline(dbtCloud=dbt), kind="Pipeline")
    text = "".join(PipelineMetrics(cache=cache).chunks())
    assert re.findall(r'freshet_pipeline_dbt_cloud_info\{.*runs="([^"]*)"', text) == [runs]


def test_an_asset_names_what_it_is_built_from(cache: Cache) -> None:
    cache.ingest(raw_asset(spec={"upstreams": ["b", "c"]}), kind="Asset")
    text = "".join(AssetMetrics(cache=cache, graph=Graph(AT), clock=CLOCK).chunks())
    lines = [line for line in text.splitlines() if line.startswith("freshet_asset_upstream_info")]
    assert [line.partition("upstream=")[2] for line in lines] == ['"b"} 1.0', '"c"} 1.0']
