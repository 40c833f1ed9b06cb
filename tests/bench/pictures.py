"""The two pictures of docs/lineage.md, taken of the running example: all that is on them was decided by the operator.

    make demo                                                                       # in another terminal
    KUBECONFIG=… PYTHONPATH=. python tests/bench/pictures.py --lineage http://127.0.0.1:PORT/lineage/

First the example's three assets. Then a thousand more are applied into a namespace of their own, Jobs that the demo's
node runs: most do ``true``, some ``false``, some sleep. ``--to FOLDER`` writes there instead, in both themes.
"""

import argparse
import asyncio
import os
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser
from tests.bench.support import ASSETS, Api, api, many
from tests.support.chromium import browsing

from freshet.local.paths import checkout

NAMESPACE = "warehouse"
SOURCE = "kaizen-wars/dlt-kaizen-wars-fact-virtual"
DOMAINS = ("billing", "catalog", "crm", "finance", "logistics", "marketing", "orders", "people", "support", "web")
STAGES = (("raw", 10), ("stg", 14), ("int", 26), ("mart", 34), ("report", 16))
"""Of each domain: what its assets are called, and how many there are."""
KINDS = {"fails": 5, "sleeps": 4, "suspended": 5, "aging": 8, "manual": 5}
"""Marts and reports that are not simply built, in percent; what is above them is, else nothing below would be."""
ENDED = ("Fresh", "Aging", "Failed", "Suspended", "Stale")
MOST = 850
PATIENCE_SECONDS = 400
SIZE = {"width": 1360, "height": 800}
DRAWN = "(count) => document.querySelectorAll('.card:not(.ghost)').length >= count"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--lineage", required=True, help="address of the page, as the demo prints it")
    parser.add_argument("--to", type=Path, help="folder for pictures in both themes; default: docs/, one of each")
    options = parser.parse_args()
    with browsing() as browser:
        for theme in ("light", "dark") if options.to else ("light",):
            page = f"{options.lineage}?namespace=kaizen-wars&asset={SOURCE}"
            picture(browser, page, theme=theme, cards=3, path=named("three", theme, options.to))
    asyncio.run(apply(Path(os.environ["KUBECONFIG"])))
    with browsing() as browser:
        for theme in ("light", "dark") if options.to else ("dark",):
            page = f"{options.lineage}?namespace={NAMESPACE}"
            picture(browser, page, theme=theme, cards=1000, path=named("thousand", theme, options.to))


def named(what: str, theme: str, folder: Path | None) -> Path:
    return folder / f"lineage-{what}-{theme}.png" if folder else checkout() / "docs" / f"lineage-{what}.png"


def picture(browser: Browser, url: str, *, theme: Any, cards: int, path: Path) -> None:
    page = browser.new_page(viewport=SIZE, color_scheme=theme)
    page.goto(url)
    page.wait_for_function(DRAWN, arg=cards, timeout=60_000)
    page.wait_for_timeout(1500)
    page.screenshot(path=path)
    page.close()
    print(path, flush=True)


async def apply(kubeconfig: Path) -> None:
    """Apply them all, and wait until most have run."""
    async with api(kubeconfig) as client:
        path = f"{ASSETS}/namespaces/{NAMESPACE}/assets"
        try:
            await client.post("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        except RuntimeError:
            print(f"{NAMESPACE} is there already: its assets are taken as they are")
            return
        await many(manifests(), lambda body: client.post(path, body))
        for _ in range(PATIENCE_SECONDS):
            if await ended(client, path) >= MOST:
                return
            await asyncio.sleep(1)
        raise SystemExit(f"fewer than {MOST} have been built in {PATIENCE_SECONDS} s")


async def ended(client: Api, path: str) -> int:
    items = (await client.get(path))["items"]
    return sum((item.get("status") or {}).get("state") in ENDED for item in items)


def manifests() -> Iterator[dict[str, Any]]:
    """Ten domains of a hundred; each asset reads one to three of the stage before, now and then of another domain."""
    rnd = random.Random(7)
    for domain in DOMAINS:
        before: list[str] = []
        for stage, count in STAGES:
            names = [f"{stage}-{domain}-{number:02}" for number in range(count)]
            for name in names:
                upstreams = rnd.sample(before, min(len(before), rnd.choice((1, 1, 2, 3))))
                if stage == "mart" and rnd.random() < 0.1:
                    upstreams.append(f"stg-{rnd.choice([it for it in DOMAINS if it != domain])}-{rnd.randrange(14):02}")
                yield manifest(name, upstreams, rnd)
            before = names


def manifest(name: str, upstreams: list[str], rnd: random.Random) -> dict[str, Any]:
    if not upstreams:
        return _asset(name, _announced(rnd), materialize={"external": {}})
    kind = rnd.choices([*KINDS, "plain"], [*KINDS.values(), 100 - sum(KINDS.values())])[0]
    kind = kind if name.startswith(("mart", "report")) else "plain"
    command = {"fails": ["false"], "sleeps": ["sleep", "1500"]}.get(kind, ["true"])
    container = {"name": "main", "image": "none", "command": command}
    pod = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    more: dict[str, Any] = {
        "suspended": {"suspend": True},
        "manual": {"automation": {"when": "Manual"}},
        "aging": {"freshness": {"maximumLag": "24h", "warnLag": "1s"}},
    }.get(kind, {})
    job = {"template": {"spec": {"template": pod}}}
    return _asset(name, {}, upstreams=upstreams, materialize={"job": job}, retries={"limit": 0}, **more)


def _announced(rnd: random.Random) -> dict[str, str]:
    """What has been loaded by something else; one in fifteen a day ago, too long."""
    age = timedelta(hours=26) if rnd.random() < 1 / 15 else timedelta(minutes=rnd.randrange(240))
    at = (datetime.now(UTC) - age).isoformat()
    return {"freshet.dev/materialized": "v1", "freshet.dev/data-time": at}


def _asset(name: str, annotations: dict[str, str], **spec: Any) -> dict[str, Any]:
    body = {"freshness": {"maximumLag": "24h"}, **spec}
    metadata = {"name": name, "annotations": annotations}
    return {"apiVersion": "freshet.dev/v1alpha1", "kind": "Asset", "metadata": metadata, "spec": body}


if __name__ == "__main__":
    main()
