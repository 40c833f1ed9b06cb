"""Cold start, memory, writes and idle CPU of the operator with many assets, and what a scrape costs.

    PYTHONPATH=. python tests/bench/scale.py [--assets 10000] [--idle 60]

One asset in ten is external, built and has a freshness limit, so that deadlines are pending; the others hang below
them and wait to be asked. The first start writes every status; its floor, in the same run, is the rate of bare PATCHes
of such a status by a client that does nothing else. The second start, with nothing changed, is the figure: from
the process's start until every asset has been visited. Writes are counted by the API server, on everything that the
operator may write. The last line is one JSON object. Bars (DESIGN §9): cold start ≤ 15 s, ≤ 300 MB, no writes,
idle ≤ 2 % of a core, scrape ≤ 300 ms.
"""

import argparse
import asyncio
import json
import os
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from tests.bench.support import ASSETS, Setup, api, many, memory_mb, prepared, settled
from tests.support.operator import OperatorProcess

NAMESPACE, FLOOR = "bench", "floor"
FLOOR_WRITES = 1000
BRANCHES = 10
SCRAPES = 5
REST_SECONDS = 20
"""After the last visit kopf still goes through a list of its own; that is not rest."""
WRITES = {"POST", "PUT", "PATCH", "APPLY", "DELETE", "DELETECOLLECTION"}
WRITTEN = {"assets", "pipelines", "jobs", "cronjobs", "events", "pods"}
TEMPLATE = {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "none", "command": ["true"]}]}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--assets", type=int, default=10_000)
    parser.add_argument("--idle", type=int, default=60, help="seconds of the idle measurement")
    options = parser.parse_args()
    with prepared() as setup:
        print(json.dumps(measure(setup, assets=options.assets, idle=options.idle)))


def measure(setup: Setup, *, assets: int, idle: int) -> dict[str, float]:
    """All figures, printed as they come."""
    asyncio.run(make_assets(setup.cluster.kubeconfig, assets=assets))
    show("assets", assets)
    floor = round(assets / asyncio.run(bare(setup.cluster.kubeconfig, count=min(assets, FLOOR_WRITES))), 1)
    show("floor: as many bare PATCHes of a status (s)", floor)
    first = start(setup, folder="first")
    show("first start, all statuses written (s)", first[1])
    first[0].stop()
    before = writes(setup)
    operator, cold = start(setup, folder="second")
    try:
        show("cold start, nothing changed (s)", cold)
        show("writes during the cold start", writes(setup) - before)
        written = {"first_start_s": first[1], "first_start_floor_s": floor}
        return {"assets": assets, "cold_start_s": cold, **written, **resting(setup, operator, idle=idle, since=before)}
    finally:
        operator.stop()


def resting(setup: Setup, operator: OperatorProcess, *, idle: int, since: int) -> dict[str, float]:
    """Memory, CPU and writes at rest; then the scrapes."""
    time.sleep(REST_SECONDS)
    cpu = cpu_seconds(operator.pid)
    time.sleep(idle)
    percent = round(100 * (cpu_seconds(operator.pid) - cpu) / idle, 2)
    written = writes(setup) - since
    memory, peak = memory_mb(operator.pid, "VmRSS"), memory_mb(operator.pid, "VmHWM")
    size, scrape = scrapes(operator)
    show(f"idle for {idle} s, of a core (%)", percent)
    show("writes since the start", written)
    show("memory at rest (MB)", memory)
    show("memory at its peak (MB)", peak)
    show("scrape, median (ms)", scrape)
    show("scrape (MB)", size)
    return {
        "rss_mb": memory,
        "peak_mb": peak,
        "idle_writes": written,
        "idle_cpu_percent": percent,
        "scrape_ms": scrape,
    }


def start(setup: Setup, *, folder: str) -> tuple[OperatorProcess, float]:
    """A running operator, and the seconds from its start until every asset was visited."""
    operator = OperatorProcess(
        kubeconfig=setup.operator_kubeconfig, folder=setup.folder / folder, namespaces=[NAMESPACE]
    )
    began = time.monotonic()
    operator.start(wait=False)
    settled(operator)
    return operator, round(time.monotonic() - began, 2)


async def make_assets(kubeconfig: Path, *, assets: int) -> None:
    """Create the namespace and all assets."""
    async with api(kubeconfig) as client:
        await client.post("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        path = f"{ASSETS}/namespaces/{NAMESPACE}/assets"
        await many(manifests(assets), lambda body: client.post(path, body))


async def bare(kubeconfig: Path, *, count: int) -> float:
    """Status writes a second that the API server takes, on assets of another namespace."""
    conditions = [
        {"type": kind, "status": "True", "reason": "Reconciled", "message": "", "observedGeneration": 1,
         "lastTransitionTime": "2026-01-01T00:00:00Z"}
        for kind in ("Ready", "Fresh", "Updating", "Failing", "ChecksPassed")
    ]  # fmt: skip
    status = {"state": "Missing", "reason": "Missing: never built", "conditions": conditions, "observedGeneration": 1}
    async with api(kubeconfig) as client:
        await client.post("/api/v1/namespaces", {"metadata": {"name": FLOOR}})
        path = f"{ASSETS}/namespaces/{FLOOR}/assets"
        await many(manifests(count), lambda body: client.post(path, body))
        began = time.monotonic()
        await many(range(count), lambda n: client.merge_patch(f"{path}/asset-{n}/status", {"status": status}))
        return count / (time.monotonic() - began)


def manifests(count: int) -> Iterator[dict[str, Any]]:
    """Stars: a root and nine assets that read it."""
    for number in range(count):
        root = number - number % BRANCHES
        if number == root:
            metadata = {"name": f"asset-{number}", "annotations": {"freshet.dev/materialized": "v1"}}
            spec: dict[str, Any] = {"materialize": {"external": {}}, "freshness": {"maximumLag": "24h"}}
        else:
            metadata = {"name": f"asset-{number}"}
            job = {"template": {"spec": {"template": TEMPLATE}}}
            spec = {"upstreams": [f"asset-{root}"], "automation": {"when": "Manual"}, "materialize": {"job": job}}
        yield {"apiVersion": "freshet.dev/v1alpha1", "kind": "Asset", "metadata": metadata, "spec": spec}


def writes(setup: Setup) -> int:
    """Requests that wrote, as the API server counts them."""
    text = setup.cluster.http.get("/metrics").raise_for_status().text
    families = text_string_to_metric_families(text)
    samples = (sample for family in families for sample in family.samples if sample.name == "apiserver_request_total")
    found = [s.value for s in samples if s.labels["verb"] in WRITES and s.labels["resource"] in WRITTEN]
    return int(sum(found))


def cpu_seconds(pid: int) -> float:
    """User and system time of the process so far (proc(5), fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def scrapes(operator: OperatorProcess) -> tuple[float, float]:
    """Megabytes and median milliseconds of a scrape."""
    seconds: list[float] = []
    size = 0
    for _ in range(SCRAPES):
        began = time.monotonic()
        size = len(operator.get("/metrics").content)
        seconds.append(time.monotonic() - began)
    return round(size / 1e6, 1), round(1000 * statistics.median(seconds), 1)


def show(name: str, value: float) -> None:
    print(f"{name:42}{value:>12,}", flush=True)


if __name__ == "__main__":
    main()
