"""Upstream version written → downstream Job created, against the floor of a bare watch and POST in the same run.

    PYTHONPATH=. python tests/bench/propagation.py [--assets 1000] [--rounds 250]

Both are seen by the same observer, which watches Assets and Jobs: a figure is the time from the event that shows an
upstream's new ``status.version`` to the event that shows the Job. The floor is a process of its own that watches
Assets of another namespace with plain aiohttp and POSTs a Job for each version it sees: no cache, no decision, no
status. Rounds of the two take turns. Pods are not run: there is no node.

Then as many rounds again while a process of its own scrapes /metrics, each scrape right after the last one: every round
meets one, as with a Prometheus only few do. The last line is one JSON object.
Bars (DESIGN §9): p50 ≤ 25 ms, p99 ≤ 100 ms at 1,000 assets, p50 ≤ 3 × the floor's; a scrape of 10,000 assets ≤ 300 ms
while these hold.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from tests.bench.support import ASSETS, JOBS, Api, Setup, api, many, percentile, prepared, settled
from tests.support.operator import OperatorProcess

OURS, FLOOR = "bench", "floor"
ROUND_SECONDS = 30.0
PAUSE_SECONDS = 0.02
TEMPLATE = {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "none", "command": ["true"]}]}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--assets", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=250)
    parser.add_argument("--be-the-floor", type=Path, metavar="KUBECONFIG", help=argparse.SUPPRESS)
    parser.add_argument("--be-prometheus", metavar="URL", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.be_the_floor:
        asyncio.run(be_the_floor(options.be_the_floor))
        return
    if options.be_prometheus:
        be_prometheus(options.be_prometheus)
        return
    if options.rounds > options.assets // 4:
        parser.error("each round needs an upstream of its own: --rounds is at most a quarter of --assets")
    with prepared() as setup:
        print(json.dumps(measure(setup, assets=options.assets, rounds=options.rounds)))


class Observer:
    """Sees versions and Jobs as they appear; times are monotonic seconds of this process."""

    def __init__(self, *, client: Api) -> None:
        self._client = client
        self.versions: dict[tuple[str, str], float] = {}
        self.jobs: dict[tuple[str, str], float] = {}
        self._moved = asyncio.Condition()

    async def watch_assets(self, since: str) -> None:
        async for event in self._client.watch(f"{ASSETS}/assets", since=since):
            found, status = event["object"]["metadata"], event["object"].get("status") or {}
            if status.get("version"):
                await self._note(self.versions, found["namespace"], found["name"])

    async def watch_jobs(self, since: str) -> None:
        async for event in self._client.watch(f"{JOBS}/jobs", since=since):
            found = event["object"]["metadata"]
            if event["type"] == "ADDED":
                await self._note(self.jobs, found["namespace"], found["labels"]["freshet.dev/asset"])

    async def round(self, namespace: str, *, upstream: str, asset: str) -> tuple[float, float]:
        """When the upstream's version and the asset's Job were seen, once both are: the two watches may overtake."""
        version, job = (namespace, upstream), (namespace, asset)
        async with self._moved:
            both = self._moved.wait_for(lambda: version in self.versions and job in self.jobs)
            await asyncio.wait_for(both, ROUND_SECONDS)
        return self.versions[version], self.jobs[job]

    async def _note(self, table: dict[tuple[str, str], float], namespace: str, name: str) -> None:
        table.setdefault((namespace, name), time.perf_counter())
        async with self._moved:
            self._moved.notify_all()


def measure(setup: Setup, *, assets: int, rounds: int) -> dict[str, float]:
    """All figures, printed as they come."""
    asyncio.run(make_assets(setup.cluster.kubeconfig, assets=assets))
    operator = OperatorProcess(
        kubeconfig=setup.operator_kubeconfig, folder=setup.folder / "operator", namespaces=[OURS]
    )
    floor = subprocess.Popen(
        [sys.executable, __file__, "--be-the-floor", str(setup.cluster.kubeconfig)], stdout=subprocess.PIPE
    )
    try:
        assert floor.stdout is not None
        floor.stdout.readline()
        operator.start()
        settled(operator)
        return asyncio.run(observe(setup.cluster.kubeconfig, operator.url("/metrics"), assets=assets, rounds=rounds))
    finally:
        operator.stop()
        floor.terminate()
        floor.wait()


async def observe(kubeconfig: Path, metrics: str, *, assets: int, rounds: int) -> dict[str, float]:
    """Watch, and play the rounds: in peace, then while somebody scrapes."""
    async with api(kubeconfig) as client:
        observer = Observer(client=client)
        since = [
            (await client.get(path, limit="1"))["metadata"]["resourceVersion"]
            for path in (f"{ASSETS}/assets", f"{JOBS}/jobs")
        ]
        watches = [
            asyncio.create_task(observer.watch_assets(since[0])),
            asyncio.create_task(observer.watch_jobs(since[1])),
        ]
        try:
            quiet = await play(client, observer, range(rounds))
            async with scraped(metrics) as scrapes:
                loud = await play(client, observer, range(rounds, 2 * rounds))
        finally:
            for watch in watches:
                watch.cancel()
    return {"assets": assets, "rounds": rounds, **told(quiet, loud, scrapes)}


@dataclass
class Latencies:
    """In milliseconds, one of each a round."""

    ours: list[float] = field(default_factory=list)
    answered: list[float] = field(default_factory=list)
    floor: list[float] = field(default_factory=list)


async def play(client: Api, observer: Observer, rounds: range) -> Latencies:
    """Take turns."""
    found = Latencies()
    for number in rounds:
        up, down = f"up-{number}", f"down-{number}"
        annotation = {"metadata": {"annotations": {"freshet.dev/materialized": f"v{number}"}}}
        await client.merge_patch(f"{ASSETS}/namespaces/{OURS}/assets/{up}", annotation)
        at = time.perf_counter()
        version, job = await observer.round(OURS, upstream=up, asset=down)
        found.ours.append(1000 * max(0.0, job - version))
        found.answered.append(1000 * (job - at))
        await asyncio.sleep(PAUSE_SECONDS)
        status = {"status": {"version": f"v{number}"}}
        await client.merge_patch(f"{ASSETS}/namespaces/{FLOOR}/assets/{up}/status", status)
        version, job = await observer.round(FLOOR, upstream=up, asset=up)
        found.floor.append(1000 * max(0.0, job - version))
        await asyncio.sleep(PAUSE_SECONDS)
    return found


def told(quiet: Latencies, loud: Latencies, scrapes: list[float]) -> dict[str, float]:
    """The table, printed; the figures of the last line."""
    print(f"{'milliseconds, ' + str(len(quiet.ours)) + ' rounds each':48}{'p50':>8}{'p90':>8}{'p99':>8}{'max':>8}")
    for name, values in (
        ("upstream's version seen → Job seen", quiet.ours),
        ("  while it is scraped", loud.ours),
        ("annotation's PATCH answered → Job seen", quiet.answered),
        ("  while it is scraped", loud.answered),
        ("floor: version seen → bare POST's Job seen", quiet.floor),
        ("  while the operator is scraped", loud.floor),
        (f"one of {len(scrapes)} scrapes meanwhile", scrapes),
    ):
        shown = "".join(f"{percentile(values, share):8.1f}" for share in (0.5, 0.9, 0.99, 1.0))
        print(f"{name:48}{shown}")
    return {
        "p50_ms": round(percentile(quiet.ours, 0.5), 2),
        "p99_ms": round(percentile(quiet.ours, 0.99), 2),
        "floor_p50_ms": round(percentile(quiet.floor, 0.5), 2),
        "floor_p99_ms": round(percentile(quiet.floor, 0.99), 2),
        "answered_p50_ms": round(percentile(quiet.answered, 0.5), 2),
        "scraped_p50_ms": round(percentile(loud.ours, 0.5), 2),
        "scraped_p99_ms": round(percentile(loud.ours, 0.99), 2),
        "scrape_ms": round(percentile(scrapes, 0.5), 1),
        "scrape_max_ms": round(max(scrapes), 1),
    }


@asynccontextmanager
async def scraped(metrics: str) -> AsyncIterator[list[float]]:
    """Scrape all the while, from a process of its own; the list has the milliseconds of each once it has ended."""
    found: list[float] = []
    command = [sys.executable, __file__, "--be-prometheus", metrics]
    scraper = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    assert scraper.stdout is not None
    await scraper.stdout.readline()
    try:
        yield found
    finally:
        scraper.terminate()
        lines, _ = await scraper.communicate()
    found.extend(float(line) for line in lines.decode().splitlines(keepends=True) if line.endswith("\n"))


def be_prometheus(url: str) -> None:
    """Scrape, print how long it took, again, until ended."""
    with httpx.Client(trust_env=False, timeout=10, headers={"Accept-Encoding": "gzip"}) as client:
        while True:
            began = time.perf_counter()
            client.get(url).raise_for_status()
            print(1000 * (time.perf_counter() - began), flush=True)


async def make_assets(kubeconfig: Path, *, assets: int) -> None:
    """Pairs of an external upstream and a downstream with a Job; the floor has upstreams of its own, not counted."""
    job = {"job": {"template": {"spec": {"template": TEMPLATE}}}}
    bodies: list[tuple[str, dict[str, Any]]] = []
    for number in range(assets // 2):
        bodies.append((OURS, asset(f"up-{number}", {"materialize": {"external": {}}})))
        bodies.append((FLOOR, asset(f"up-{number}", {"materialize": {"external": {}}})))
        spec = {"upstreams": [f"up-{number}"], "automation": {"when": "AnyUpstreamUpdated"}, "materialize": job}
        bodies.append((OURS, asset(f"down-{number}", spec)))
    async with api(kubeconfig) as client:
        for namespace in (OURS, FLOOR):
            await client.post("/api/v1/namespaces", {"metadata": {"name": namespace}})
        await many(bodies, lambda item: client.post(f"{ASSETS}/namespaces/{item[0]}/assets", item[1]))


def asset(name: str, spec: dict[str, Any]) -> dict[str, Any]:
    """An Asset's manifest."""
    return {"apiVersion": "freshet.dev/v1alpha1", "kind": "Asset", "metadata": {"name": name}, "spec": spec}


async def be_the_floor(kubeconfig: Path) -> None:
    """Watch and POST, nothing else."""
    async with api(kubeconfig) as client:
        since = (await client.get(f"{ASSETS}/namespaces/{FLOOR}/assets", limit="1"))["metadata"]["resourceVersion"]
        print("ready", flush=True)
        done: set[str] = set()
        async for event in client.watch(f"{ASSETS}/namespaces/{FLOOR}/assets", since=since):
            name, status = event["object"]["metadata"]["name"], event["object"].get("status") or {}
            if status.get("version") and name not in done:
                done.add(name)
                body = {
                    "metadata": {"name": name, "labels": {"freshet.dev/asset": name}},
                    "spec": {"template": TEMPLATE},
                }
                await client.post(f"{JOBS}/namespaces/{FLOOR}/jobs", body)


if __name__ == "__main__":
    main()
