"""The whole exposition as the operator serves it: promtool's lint, exemplars, how many series, what a scrape costs."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from tests.support.prometheus import promtool
from tests.support.runtime import ManualClock, raw_asset

from freshet.api.asset import Asset
from freshet.api.view import Key, parse
from freshet.controllers.router import Router
from freshet.controllers.tell import Teller, observe_duration
from freshet.controllers.world import World
from freshet.core.observed import Decision
from freshet.core.outcome import Ended
from freshet.core.policy import UNREADABLE
from freshet.core.situation import Due
from freshet.metrics import AssetMetrics, PipelineMetrics
from freshet.runtime import telemetry
from freshet.runtime.cache import Cache
from freshet.runtime.http import HttpServer
from freshet.runtime.kube import Kube
from freshet.runtime.queue import WorkQueue
from freshet.runtime.settings import Settings

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
MANY = 10_000
ROOT = Key("Asset", "demo", "root")
STATUS: dict[str, Any] = {
    "state": "Fresh",
    "version": "v1",
    "lastUpdatedAt": "2026-11-24T11:55:00Z",
    "lastCheckedAt": "2026-11-24T11:55:00Z",
    "dataTime": "2026-11-24T11:55:00Z",
    "policy": {"maximumLag": "10m", "warnLag": "5m", "timeout": "30m"},
    "rows": 20_000,
    "durationSeconds": 1.5,
    "conditions": [
        {
            "type": kind,
            "status": status,
            "reason": "Because",
            "message": "",
            "lastTransitionTime": "2026-11-24T11:55:00Z",
        }
        for kind, status in (("Ready", "True"), ("Fresh", "True"), ("Failing", "False"), ("DbtCloudReady", "True"))
    ],
}
DBT = {"host": "https://cloud.example", "accountId": 1, "jobId": 2, "tokenSecretRef": {"name": "dbt"}}


def raw_pipeline(name: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "demo", "uid": f"uid-{name}", "resourceVersion": "1"}
    return {"metadata": metadata, "spec": {"dbtCloud": DBT}, "status": {"conditions": STATUS["conditions"]}}


def raw(name: str) -> dict[str, Any]:
    return raw_asset(name, spec={"pipeline": "shop", "upstreams": ["root"]}, status=STATUS)


@pytest.fixture
def cache() -> Cache:
    made = Cache(clock=ManualClock())
    made.ingest(raw_pipeline("shop"), kind="Pipeline")
    return made


@pytest.fixture
def world(cache: Cache) -> World:
    """What the operator knows, kept by its own listener of the cache."""
    clock = ManualClock()
    made = World(cache=cache, kube=object.__new__(Kube), queue=WorkQueue(clock=clock), clock=clock, settings=Settings())
    cache.subscribe(Router(world=made).changed)
    return made


@pytest.fixture
async def url(cache: Cache, world: World) -> AsyncIterator[str]:
    http = HttpServer(unhealthy=lambda: None, unready=lambda: None)
    assets = AssetMetrics(cache=cache, graph=world.graph, clock=world.clock)
    pipelines = PipelineMetrics(cache=cache)
    http.add_metrics(lambda: chain(assets.chunks(), pipelines.chunks()))
    port = await http.start(port=0, host="127.0.0.1")
    yield f"http://127.0.0.1:{port}/metrics"
    await http.close()


async def scrape(url: str, *, accept: str = "text/plain") -> str:
    async with aiohttp.ClientSession() as session, session.get(url, headers={"Accept": accept}) as answer:
        return await answer.text()


def ended(**more: Any) -> Ended:
    given = {"id": "11111111-2222-3333-4444-555555555555", "outcome": "Succeeded", "finished_at": AT, **more}
    return Ended(**given)


def asset(name: str) -> Asset:
    return parse(raw(name), type=Asset)


async def test_promtool_finds_no_fault(cache: Cache, url: str) -> None:
    cache.ingest(raw("a"), kind="Asset")
    telemetry.runs_total.labels(executor="Job", outcome="Succeeded").inc()
    observe_duration(asset("a"), ended(started_at=AT - timedelta(seconds=3)))
    assert promtool("check", "metrics", input=await scrape(url)).strip() == ""


async def test_durations_name_their_runs_in_openmetrics(url: str) -> None:
    longest = "a" * 63
    observe_duration(asset(longest), ended(started_at=AT - timedelta(seconds=50), id="r" * 500))
    text = await scrape(url, accept=OPENMETRICS)
    (family,) = [family for family in parse_openmetrics(text) if family.name == "freshet_run_duration_seconds"]
    found = [sample.exemplar for sample in family.samples if sample.exemplar is not None]
    assert {"run": "r" * 48, "asset": longest} in [exemplar.labels for exemplar in found]


async def test_a_model_of_a_longer_run_is_observed_with_its_own_time() -> None:
    def total() -> float:
        samples = next(iter(telemetry.run_duration.collect())).samples
        return sum(
            each.value for each in samples if each.name.endswith("_sum") and each.labels["executor"] == "DbtCloud"
        )

    before = total()
    observe_duration(asset("a"), ended(started_at=AT - timedelta(hours=1), seconds=0.5, executor="DbtCloud"))
    assert total() - before == pytest.approx(0.5)


async def test_runs_that_neither_succeeded_nor_failed_have_no_duration() -> None:
    before = next(iter(telemetry.run_duration.collect())).samples
    observe_duration(asset("a"), ended(started_at=AT, outcome="Cancelled"))
    observe_duration(asset("a"), ended(started_at=None))
    assert next(iter(telemetry.run_duration.collect())).samples == before


def series(text: str) -> set[str]:
    return {line.rpartition(" ")[0] for line in text.splitlines() if not line.startswith("#")}


def derived(name: str, *upstreams: str) -> dict[str, Any]:
    """A count of those, built from what they have."""
    spec = {"pipeline": "shop", "materialize": {"count": {}}, "upstreams": [*upstreams]}
    read = {upstream: {"version": "v1", "dataTime": "2026-11-24T11:00:00Z"} for upstream in upstreams}
    return raw_asset(name, spec=spec, status={**STATUS, "consumed": read})


def lattice(name: str, size: int) -> list[dict[str, Any]]:
    """Each reads the root and two of those before it, so that the root's age is everybody's."""
    nodes = [f"{name}-{number}" for number in range(size)]
    above = [{nodes[max(0, n - 1)], nodes[n // 2]} - {node} for n, node in enumerate(nodes)]
    return [derived(node, "root", *sorted(names)) for node, names in zip(nodes, above, strict=True)]


def own_labels(text: str) -> dict[str, set[str]]:
    """The names of labels of each family of the operator's own that has been counted at all."""
    found: dict[str, set[str]] = {}
    for family in parse_openmetrics(text):
        if family.samples and family.type in ("counter", "histogram"):
            found[family.name] = {name for sample in family.samples for name in sample.labels} - {"le"}
    return {name: labels for name, labels in found.items() if name.startswith("freshet_")}


def documented() -> dict[str, set[str]]:
    """What docs/monitoring.md says of them."""
    page = (Path(__file__).parents[3] / "docs" / "monitoring.md").read_text()
    table = page.partition("Of the operator:")[2].partition("\n## ")[0]
    named = re.findall(r"`(freshet_\w+)(?:\{([^}]*)\})?`", table)
    return {name.removesuffix("_total"): set(labels.split(", ")) - {""} for name, labels in named}


def ran(teller: Teller, made: Asset, run: str) -> None:
    """An asset's run, caused by what has moved: launched, then ended; as reconcilers tell of it."""
    teller.launched(made, Due(cause="updated: mover", versions={"mover": "v2"}, attempt=1, definition=""))
    over = ended(started_at=AT - timedelta(seconds=3), id=run)
    teller.changed(made, Decision(status=made.status, policy=UNREADABLE, recorded=(over,)))


async def test_assets_that_come_and_go_leave_no_series(
    cache: Cache, world: World, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten thousand in a graph; a thousand below them, which read each other, and a hundred Pipelines come and go."""
    monkeypatch.setattr(World, "tell", lambda *_, **__: None)  # there is no API server to write Events to
    cache.ingest(raw_asset("root", spec={"pipeline": "shop"}, status=STATUS), kind="Asset")
    for made in lattice("stays", MANY):
        cache.ingest(made, kind="Asset")
    for version in (1, 2):
        cache.ingest(raw_asset("mover", version=version, status={**STATUS, "version": f"v{version}"}), kind="Asset")
    ran(Teller(world=world), asset("root"), "run-root")
    goers = [*lattice("goes", 999), derived("goes-last", "stays-0", f"stays-{MANY - 1}", "goes-998")]
    before, blamed = series(await scrape(url)), world.graph.followers(ROOT)
    assert len(blamed) == MANY, "each is as old as the root"
    assert sum(line.startswith("freshet_asset_upstream_info") for line in before) > 2.9 * MANY
    assert sum(line.startswith("freshet_asset_data_timestamp_seconds") for line in before) == MANY + 2
    for number, made in enumerate(goers):
        cache.ingest(made, kind="Asset")
        cache.ingest(raw_pipeline(f"goes-{number % 100}"), kind="Pipeline")
        name = made["metadata"]["name"]
        ran(Teller(world=world), asset(name), f"run-{number}")
    assert len(series(await scrape(url))) > len(before) + 20 * len(goers)
    assert len(world.graph.followers(ROOT)) == MANY + len(goers)
    for number, made in enumerate(goers):
        cache.ingest(made, kind="Asset", deleted=True)
        cache.ingest(raw_pipeline(f"goes-{number % 100}"), kind="Pipeline", deleted=True)
    assert series(await scrape(url)) == before, "nor does a run: each has the labels of the one before"
    labels = own_labels(await scrape(url, accept=OPENMETRICS))
    assert {"freshet_runs", "freshet_run_duration_seconds", "freshet_trigger_latency_seconds"} <= labels.keys()
    assert labels == {name: named for name, named in documented().items() if name in labels}
    assert world.graph.followers(ROOT) == blamed
    assert not any(key.name.startswith("goes") for key in world.graph.downstreams(ROOT))
    assert len(before) < 30 * MANY


async def test_the_loop_goes_on_during_a_scrape(cache: Cache, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a scrape takes in all, no piece of it keeps the loop for long: if others always went first, they would
    have hundreds of turns.
    """
    monkeypatch.setattr("freshet.runtime.http.TURN_SECONDS", 0)
    for number in range(MANY):
        cache.ingest(raw(f"stays-{number}"), kind="Asset")
    rounds = 0

    async def turn() -> None:
        nonlocal rounds
        while True:
            await asyncio.sleep(0)
            rounds += 1

    turning = asyncio.create_task(turn())
    await scrape(url)
    turning.cancel()
    assert rounds > MANY // 250 * 15
