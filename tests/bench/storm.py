"""A storm: many roots get a new version at once, each with assets below it. How fast are their Jobs launched?

    PYTHONPATH=. python tests/bench/storm.py [--roots 1000] [--below 9] [--floor 2000]

The floor is in the same run, on the same cluster, before the operator is started: bare POSTs of the same Jobs, two
dozen at a time. Then every root is announced, as fast as the API server takes it; the time runs from the first
announcement to the last Job that the watch shows. An asset without a Job is lost, one with two is doubled; both are
counted again when the operator has come to rest; what it computed until then, launches and their bookkeeping, is told
in milliseconds of CPU per launch, which a busy machine changes less than seconds. Pods are not run: there is no node.
The last line is one JSON object.
Bar (DESIGN §9): ≥ 300 launches a second at 1,000 × 9, none lost, none doubled.
"""

import argparse
import asyncio
import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tests.bench.scale import cpu_seconds
from tests.bench.support import ASSETS, JOBS, Api, Setup, api, many, prepared, settled
from tests.support.operator import OperatorProcess
from tests.support.waiting import wait_for

OURS, FLOOR = "bench", "floor"
STORM_SECONDS = 300.0
TEMPLATE = {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "none", "command": ["true"]}]}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--roots", type=int, default=1000)
    parser.add_argument("--below", type=int, default=9, help="assets that read each root")
    parser.add_argument("--floor", type=int, default=2000, help="bare POSTs")
    options = parser.parse_args()
    with prepared() as setup:
        print(json.dumps(measure(setup, roots=options.roots, below=options.below, floor=options.floor)))


def measure(setup: Setup, *, roots: int, below: int, floor: int) -> dict[str, float]:
    """All figures, printed as they come."""
    rate = round(asyncio.run(bare(setup.cluster.kubeconfig, count=floor)), 1)
    show("floor: bare POSTs of Jobs (1/s)", rate)
    asyncio.run(make_assets(setup.cluster.kubeconfig, roots=roots, below=below))
    operator = OperatorProcess(
        kubeconfig=setup.operator_kubeconfig, folder=setup.folder / "operator", namespaces=[OURS]
    )
    try:
        operator.start()
        settled(operator)
        before = cpu_seconds(operator.pid)
        seconds = asyncio.run(storm(setup.cluster.kubeconfig, roots=roots, expected=roots * below))
        rest(operator)
        cpu = cpu_seconds(operator.pid) - before
        jobs = asyncio.run(launched(setup.cluster.kubeconfig))
    finally:
        operator.stop()
    figures = {
        "launches": sum(jobs.values()),
        "launches_per_s": round(roots * below / seconds, 1),
        "lost": roots * below - len(jobs),
        "doubled": sum(count > 1 for count in jobs.values()),
        "floor_per_s": rate,
        "cpu_ms_per_launch": round(1000 * cpu / (roots * below), 2),
    }
    for name, value in figures.items():
        show(name, value)
    return figures


async def bare(kubeconfig: Path, *, count: int) -> float:
    """Jobs a second that the API server takes from a client that does nothing else."""
    async with api(kubeconfig) as client:
        await client.post("/api/v1/namespaces", {"metadata": {"name": FLOOR}})
        began = time.monotonic()
        await many(range(count), lambda number: client.post(f"{JOBS}/namespaces/{FLOOR}/jobs", bare_job(number)))
        return count / (time.monotonic() - began)


def bare_job(number: int) -> dict[str, Any]:
    """As large as the operator's."""
    notes = {"freshet.dev/versions": '{"root-1": {"version": "v1"}}', "freshet.dev/cause": "updated: root-1"}
    labels = {"app.kubernetes.io/name": "bare", "freshet.dev/asset": f"asset-{number}"}
    metadata = {"name": f"bare-{number}", "labels": labels, "annotations": notes}
    return {"metadata": metadata, "spec": {"backoffLimit": 0, "activeDeadlineSeconds": 1800, "template": TEMPLATE}}


async def make_assets(kubeconfig: Path, *, roots: int, below: int) -> None:
    """Stars: an external root and the assets that read it, each with a Job."""
    job = {"job": {"template": {"spec": {"template": TEMPLATE}}}}
    bodies = [asset(f"root-{root}", {"materialize": {"external": {}}}) for root in range(roots)]
    for root in range(roots):
        spec = {"upstreams": [f"root-{root}"], "materialize": job}
        bodies += [asset(f"below-{root}-{number}", spec) for number in range(below)]
    async with api(kubeconfig) as client:
        await client.post("/api/v1/namespaces", {"metadata": {"name": OURS}})
        await many(bodies, lambda body: client.post(f"{ASSETS}/namespaces/{OURS}/assets", body))


def asset(name: str, spec: dict[str, Any]) -> dict[str, Any]:
    """An Asset's manifest."""
    return {"apiVersion": "freshet.dev/v1alpha1", "kind": "Asset", "metadata": {"name": name}, "spec": spec}


async def storm(kubeconfig: Path, *, roots: int, expected: int) -> float:
    """Announce every root; the seconds until as many Jobs as expected have been seen, or until patience ends."""
    async with api(kubeconfig) as client:
        since = (await client.get(f"{JOBS}/namespaces/{OURS}/jobs", limit="1"))["metadata"]["resourceVersion"]
        began = time.monotonic()
        watch = asyncio.create_task(last_of(client, since=since, expected=expected))
        note = {"metadata": {"annotations": {"freshet.dev/materialized": "v1"}}}
        path = f"{ASSETS}/namespaces/{OURS}/assets/root-"
        await many(range(roots), lambda root: client.merge_patch(f"{path}{root}", note))
        show("all roots announced (s)", round(time.monotonic() - began, 1))
        try:
            return await asyncio.wait_for(watch, STORM_SECONDS) - began
        except TimeoutError:
            return time.monotonic() - began


async def last_of(client: Api, *, since: str, expected: int) -> float:
    """When the last of the expected Jobs was seen."""
    seen: set[str] = set()
    async for event in client.watch(f"{JOBS}/namespaces/{OURS}/jobs", since=since):
        if event["type"] == "ADDED":
            seen.add(event["object"]["metadata"]["name"])
            if len(seen) >= expected:
                break
    return time.monotonic()


async def launched(kubeconfig: Path) -> Counter[str]:
    """How many Jobs each asset has."""
    found: Counter[str] = Counter()
    async with api(kubeconfig) as client:
        query = {"limit": "500"}
        while True:
            page = await client.get(f"{JOBS}/namespaces/{OURS}/jobs", **query)
            found.update(job["metadata"]["labels"]["freshet.dev/asset"] for job in page["items"])
            if not page["metadata"].get("continue"):
                return found
            query["continue"] = page["metadata"]["continue"]


def rest(operator: OperatorProcess) -> None:
    """Return when nothing waits for a visit: what would be doubled is doubled by then."""
    wait_for(lambda: operator.sample("freshet_queue_depth") == 0, timeout=1200, what="the operator's queue is empty")


def show(name: str, value: float) -> None:
    print(f"{name:42}{value:>12,}", flush=True)


if __name__ == "__main__":
    main()
