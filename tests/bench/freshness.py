"""How late is stale noticed, what do ten thousand deadlines cost, and how long does a scrape take?

    PYTHONPATH=. python tests/bench/freshness.py [--assets 10000] [--late 300] [--rest 30]

Most assets have a limit that does not come in this run: their deadlines wait in a heap, and the operator's
CPU is measured while nothing is due. The others are told a data time such that they become stale one after the other,
ten a second; a watch of our own takes the time at which ``status.state`` says so. Then as many become stale while
the operator is killed: lateness is counted from when the next one is ready, by when about a hundred have passed. Then
all others become stale at one moment (tests/bench/crowd.py), and at last the lineage page is measured with a thousand
assets (tests/bench/page.py). Each figure that has a bar is printed beside it; the last line is one JSON object.
Bars: stale is noticed within 1 s of the deadline; nothing due costs ≤ 2 % of a core; a scrape of 10,000 assets
≤ 300 ms (DESIGN §9); a change shows on the page within 200 ms.
"""

import argparse
import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.bench import crowd, page
from tests.bench.scale import NAMESPACE, REST_SECONDS, cpu_seconds, scrapes, show
from tests.bench.support import ASSETS, Api, Setup, against, api, many, percentile, prepared, settled
from tests.support.operator import OperatorProcess

Page = Callable[[Setup, OperatorProcess], dict[str, float]]
LIMIT = timedelta(minutes=10)
DAY = timedelta(hours=24)
STEP, AHEAD = timedelta(milliseconds=100), timedelta(seconds=10)
PATIENCE = 60.0
BARS = {
    "late_max_ms": 1000,
    "restart_late_max_ms": 1000,
    "crowd_seen_ms": 1000,
    "rest_cpu_percent": 2,
    "scrape_ms": 300,
    "page_update_ms": 200,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--assets", type=int, default=10_000)
    parser.add_argument("--late", type=int, default=300, help="how many of them become stale, twice")
    parser.add_argument("--rest", type=int, default=30, help="seconds of the measurement at rest")
    options = parser.parse_args()
    with prepared() as setup:
        figures = measure(setup, assets=options.assets, late=options.late, rest=options.rest, page=page.measure)
    print(against(figures, BARS))
    print(json.dumps(figures))


def measure(setup: Setup, *, assets: int, late: int, rest: int, page: Page) -> dict[str, float]:
    """All figures, printed as they come."""
    kubeconfig, began = setup.cluster.kubeconfig, time.monotonic()
    asyncio.run(make_assets(kubeconfig, calm=assets - 2 * late, late=2 * late))
    operator = OperatorProcess(
        kubeconfig=setup.operator_kubeconfig, folder=setup.folder / "operator", namespaces=[NAMESPACE]
    )
    try:
        operator.start()
        settled(operator)
        ahead = timedelta(seconds=2 * (time.monotonic() - began))
        cpu = at_rest(operator, seconds=rest)
        noticed = asyncio.run(lateness(kubeconfig, names=[f"late-{n}" for n in range(late)]))
        tell("stale is noticed after its deadline", noticed)
        restarted = after_restart(kubeconfig, operator, names=[f"late-{n}" for n in range(late, 2 * late)])
        tell("the same, after a restart", restarted)
        busy = scrapes(operator)[1]
        show("scrape while it still starts, median (ms)", busy)
        time.sleep(REST_SECONDS)
        size, scrape = scrapes(operator)
        show("scrape, median (ms)", scrape)
        show("scrape (MB)", size)
        calm = [f"calm-{n}" for n in range(assets - 2 * late)]
        crowded = crowd.measure(kubeconfig, operator, names=calm, limit=DAY, ahead=ahead)
        show("all stale at once, seen in metrics after (ms)", crowded["crowd_seen_ms"])
        show("  and the last status written after (ms)", crowded["crowd_written_ms"])
        return {
            "late_p50_ms": round(percentile(noticed, 0.5), 1),
            "late_max_ms": round(max(noticed), 1),
            "restart_late_max_ms": round(max(restarted), 1),
            "rest_cpu_percent": cpu,
            "scrape_assets": assets,
            "scrape_ms": scrape,
            "scrape_starting_ms": busy,
            **crowded,
            **page(setup, operator),
        }
    finally:
        operator.stop()


def at_rest(operator: OperatorProcess, *, seconds: int) -> float:
    """What the pending deadlines cost while none is due, in percent of a core."""
    time.sleep(REST_SECONDS)
    before = cpu_seconds(operator.pid)
    time.sleep(seconds)
    percent = round(100 * (cpu_seconds(operator.pid) - before) / seconds, 2)
    show("CPU while nothing is due, of a core (%)", percent)
    return percent


async def lateness(kubeconfig: Path, *, names: list[str]) -> list[float]:
    """Milliseconds from each deadline to the event that says Stale."""
    async with api(kubeconfig) as client, watched(client) as stale:
        deadlines = await announce(client, names=names)
        return [1000 * (at - deadlines[name]) for name, at in (await complete(stale, deadlines)).items()]


def after_restart(kubeconfig: Path, operator: OperatorProcess, *, names: list[str]) -> list[float]:
    """The same for deadlines of which some have passed while nobody was there; they count from readiness."""
    return asyncio.run(_after_restart(kubeconfig, operator, names=names))


async def _after_restart(kubeconfig: Path, operator: OperatorProcess, *, names: list[str]) -> list[float]:
    async with api(kubeconfig) as client, watched(client) as stale:
        deadlines = await announce(client, names=names)
        await asyncio.sleep((AHEAD / 2).total_seconds())
        operator.kill()
        await asyncio.sleep(AHEAD.total_seconds())
        operator.start(wait=False)  # by this thread: a process that a thread starts ends with it
        await asyncio.to_thread(operator.wait_ready)
        ready = time.time()
        seen = await complete(stale, deadlines)
        return [1000 * max(0.0, at - max(ready, deadlines[name])) for name, at in seen.items()]


@asynccontextmanager
async def watched(client: Api) -> AsyncIterator[dict[str, float]]:
    """When each asset was first seen to be stale (Unix time), as it comes."""
    path, stale = f"{ASSETS}/namespaces/{NAMESPACE}/assets", dict[str, float]()

    async def watch(since: str) -> None:
        async for event in client.watch(path, since=since):
            found = event["object"]
            if (found.get("status") or {}).get("state") == "Stale":
                stale.setdefault(found["metadata"]["name"], time.time())

    task = asyncio.create_task(watch((await client.get(path, limit="1"))["metadata"]["resourceVersion"]))
    try:
        yield stale
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def announce(client: Api, *, names: list[str]) -> dict[str, float]:
    """Tell each asset a data time that lets its limit pass soon, one after the other. Returns the deadlines."""
    first = datetime.now(UTC) + AHEAD
    deadlines = {name: first + number * STEP for number, name in enumerate(names)}

    async def tell_one(name: str) -> None:
        at = (deadlines[name] - LIMIT).isoformat()
        notes = {"freshet.dev/materialized": "v1", "freshet.dev/data-time": at}
        body = {"metadata": {"annotations": notes}}
        await client.merge_patch(f"{ASSETS}/namespaces/{NAMESPACE}/assets/{name}", body)

    await many(names, tell_one)
    return {name: at.timestamp() for name, at in deadlines.items()}


async def complete(stale: dict[str, float], deadlines: dict[str, float]) -> dict[str, float]:
    """What was seen, once that is everything. AssertionError when one is never noticed."""
    end = max(deadlines.values()) + PATIENCE
    while not deadlines.keys() <= stale.keys():
        missing = sorted(deadlines.keys() - stale.keys())
        assert time.time() < end, f"never noticed: {missing[:5]} and {len(missing)} in all"
        await asyncio.sleep(0.2)
    return {name: stale[name] for name in deadlines}


async def make_assets(kubeconfig: Path, *, calm: int, late: int) -> None:
    """External assets: calm ones with a deadline tomorrow, late ones that were never built yet."""
    async with api(kubeconfig) as client:
        await client.post("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        path = f"{ASSETS}/namespaces/{NAMESPACE}/assets"
        await many(manifests(calm=calm, late=late), lambda body: client.post(path, body))


def manifests(*, calm: int, late: int) -> Iterator[dict[str, Any]]:
    for number in range(calm):
        notes = {"freshet.dev/materialized": "v1"}
        yield _asset({"name": f"calm-{number}", "annotations": notes}, limit=f"{int(DAY.total_seconds())}s")
    for number in range(late):
        yield _asset({"name": f"late-{number}"}, limit=f"{int(LIMIT.total_seconds())}s")


def _asset(metadata: dict[str, Any], *, limit: str) -> dict[str, Any]:
    spec = {"materialize": {"external": {}}, "freshness": {"maximumLag": limit}}
    return {"apiVersion": "freshet.dev/v1alpha1", "kind": "Asset", "metadata": metadata, "spec": spec}


def tell(name: str, milliseconds: list[float]) -> None:
    p50, p99 = (percentile(milliseconds, share) for share in (0.5, 0.99))
    print(f"{name:42}p50{p50:9.1f}  p99{p99:9.1f}  max{max(milliseconds):9.1f} ms", flush=True)


if __name__ == "__main__":
    main()
