"""All assets become stale at one moment: how soon do metrics say so, how soon does the last ``status``?

What is scraped is judged by the clock, what ``kubectl get assets`` shows is one PATCH per asset.
"""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.bench.scale import NAMESPACE
from tests.bench.support import ASSETS, api, many
from tests.support.operator import OperatorProcess
from tests.support.waiting import wait_for

__all__ = ["measure"]

PATIENCE = 300.0
PAUSE_SECONDS = 0.05


def measure(
    kubeconfig: Path, operator: OperatorProcess, *, names: list[str], limit: timedelta, ahead: timedelta
) -> dict[str, float]:
    """Milliseconds from the common deadline on, which lies so far ahead that all have taken it in by then; what was
    scraped counts when it has arrived.
    """
    return asyncio.run(_measure(kubeconfig, operator, names=names, limit=limit, ahead=ahead))


async def _measure(
    kubeconfig: Path, operator: OperatorProcess, *, names: list[str], limit: timedelta, ahead: timedelta
) -> dict[str, float]:
    deadline = datetime.now(UTC) + ahead
    notes = {"freshet.dev/materialized": "crowd", "freshet.dev/data-time": (deadline - limit).isoformat()}
    path = f"{ASSETS}/namespaces/{NAMESPACE}/assets"
    async with api(kubeconfig) as client:
        await many(names, lambda name: client.merge_patch(f"{path}/{name}", {"metadata": {"annotations": notes}}))
        await asyncio.to_thread(_calm, operator, deadline=deadline, count=len(names))
        assert datetime.now(UTC) < deadline, "the data times were not taken in before the deadline"
        writing = asyncio.create_task(_written(kubeconfig, names=set(names)))
        await asyncio.sleep((deadline - datetime.now(UTC)).total_seconds())
        seen = await asyncio.to_thread(_scraped, operator, count=len(names))
        written = await asyncio.wait_for(writing, PATIENCE)
    return {
        "crowd_assets": len(names),
        "crowd_seen_ms": round(1000 * (seen - deadline.timestamp()), 1),
        "crowd_written_ms": round(1000 * (written - deadline.timestamp()), 1),
    }


def _calm(operator: OperatorProcess, *, deadline: datetime, count: int) -> None:
    """Every data time is taken in, and nothing waits any more."""
    idle, at = "\nfreshet_queue_depth 0.0\n", f" {deadline.timestamp()!r}\n"

    def calm() -> bool:
        text = operator.metrics()
        return idle in text and text.count(at) >= count

    wait_for(calm, timeout=PATIENCE, what="every data time is taken in")


def _scraped(operator: OperatorProcess, *, count: int) -> float:
    """When (Unix time) a scrape had arrived that calls so many assets stale."""
    end = time.time() + PATIENCE
    while time.time() < end:
        text = operator.metrics()
        at = time.time()
        stale = [
            line for line in text.splitlines() if line.startswith("freshet_asset_fresh{") and line.endswith(" 0.0")
        ]
        if len(stale) >= count:
            return at
        time.sleep(PAUSE_SECONDS)
    raise AssertionError(f"never were {count} assets stale by the metrics")


async def _written(kubeconfig: Path, *, names: set[str]) -> float:
    """When the last of them was seen to be stale by its status."""
    path, left = f"{ASSETS}/namespaces/{NAMESPACE}/assets", set(names)
    async with api(kubeconfig) as client:
        since = (await client.get(path, limit="1"))["metadata"]["resourceVersion"]
        async for event in client.watch(path, since=since):
            found = event["object"]
            if (found.get("status") or {}).get("state") == "Stale":
                left.discard(found["metadata"]["name"])
            if not left:
                return time.time()
    raise AssertionError(f"the watch ended before {len(left)} assets were stale")
