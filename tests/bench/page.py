"""The lineage page with many assets: how long until it stands in a browser, and how soon it shows a change.

    PYTHONPATH=. python tests/bench/page.py [--assets 1000] [--changes 30]

Headless Chromium opens the page afresh for each load, then once more, as people come back; loaded means that every
asset's card is drawn. An update is the
time from before a write of an Asset's spec until the card says so: API server, watch, operator, its own write of the
status, server-sent event, browser. The last line is one JSON object. Bar: an update is seen within 200 ms.
"""

import argparse
import asyncio
import json
import statistics
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page
from tests.bench.support import ASSETS, Setup, api, many, percentile, prepared, settled
from tests.support.chromium import browsing
from tests.support.kube import merge_patch
from tests.support.operator import OperatorProcess
from tests.support.page import with_page

__all__ = ["measure", "plant"]

NAMESPACE = "bench-page"
LOADS = 5
PATIENCE_MS = 120_000
WATCH_A_CARD = """(id) => {
  window.seen = [];
  const look = () => {
    const card = document.querySelector(`[data-asset="${id}"]`);
    const text = card?.textContent ?? '';
    if (text !== window.last) { window.last = text; window.seen.push([Date.now(), text]); }
  };
  new MutationObserver(look).observe(document.body, {subtree: true, childList: true, characterData: true});
  look();
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--assets", type=int, default=1000)
    parser.add_argument("--changes", type=int, default=30)
    options = parser.parse_args()
    with prepared() as setup:
        print(json.dumps(measure(setup, assets=options.assets, changes=options.changes)))


def measure(
    setup: Setup, running: OperatorProcess | None = None, *, assets: int = 1000, changes: int = 30
) -> dict[str, float]:
    """The page's figures, printed as they come: in a namespace of its own, by an operator of its own, whatever runs."""
    asyncio.run(plant(setup.cluster.kubeconfig, namespace=NAMESPACE, assets=assets))
    operator = OperatorProcess(
        kubeconfig=setup.operator_kubeconfig,
        folder=setup.folder / "page",
        namespaces=[NAMESPACE],
        arguments=with_page(),
    )
    try:
        operator.start(wait=False)
        settled(operator)
        with browsing() as browser:
            return {"page_assets": assets, **_figures(browser, setup, operator, assets=assets, changes=changes)}
    finally:
        operator.stop()


def _figures(
    browser: Browser, setup: Setup, operator: OperatorProcess, *, assets: int, changes: int
) -> dict[str, float]:
    url = f"http://127.0.0.1:{operator.port_file.read_text()}/lineage/"
    loads, again = zip(*[_load(browser, url, assets=assets) for _ in range(LOADS)], strict=True)
    updates = _updates(browser, setup, f"{url}?asset={NAMESPACE}/asset-0", changes=changes)
    print(f"{'page with ' + format(assets, ',') + ' assets, loaded, median (ms)':52}{statistics.median(loads):>10,.0f}")
    print(f"{'the same again, its layout kept, median (ms)':52}{statistics.median(again):>10,.0f}")
    print(f"{'a change is seen, median (ms)':52}{statistics.median(updates):>10,.1f}")
    print(f"{'a change is seen, p95 (ms)':52}{percentile(updates, 0.95):>10,.1f}", flush=True)
    return {
        "page_load_ms": round(statistics.median(loads)),
        "page_load_again_ms": round(statistics.median(again)),
        "page_update_ms": round(statistics.median(updates), 1),
        "page_update_p95_ms": round(percentile(updates, 0.95), 1),
    }


def _load(browser: Browser, url: str, *, assets: int) -> tuple[float, float]:
    """Milliseconds in a browser that was never there, and when it comes back."""
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    took = [_visit(page, url, assets=assets) for _ in range(2)]
    page.close()
    return took[0], took[1]


def _visit(page: Page, url: str, *, assets: int) -> float:
    page.goto("about:blank")
    began = time.monotonic()
    page.goto(url, wait_until="commit")
    _drawn(page, assets)
    return 1000 * (time.monotonic() - began)


def _drawn(page: Page, cards: int) -> None:
    enough = "(count) => document.querySelectorAll('.card').length >= count"
    page.wait_for_function(enough, arg=cards, timeout=PATIENCE_MS)


def _updates(browser: Browser, setup: Setup, url: str, *, changes: int) -> list[float]:
    """Milliseconds from each write to the card's change; both clocks are this machine's."""
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.goto(url)
    _drawn(page, 1)
    page.evaluate(WATCH_A_CARD, f"{NAMESPACE}/asset-0")
    took = [_update(page, setup, suspend=number % 2 == 0) for number in range(changes)]
    page.close()
    return took


def _update(page: Page, setup: Setup, *, suspend: bool) -> float:
    word, body = "Suspended" if suspend else "Fresh", {"spec": {"suspend": suspend}}
    began = 1000 * time.time()
    merge_patch(setup.cluster, "assets", namespace=NAMESPACE, name="asset-0", body=body)
    shown = "(word) => window.seen.find(([, text]) => text.includes(word))?.[0]"
    at: float = page.wait_for_function(shown, arg=word, timeout=PATIENCE_MS).json_value()
    page.evaluate("window.seen = []")
    return at - began


async def plant(kubeconfig: Path, *, namespace: str, assets: int) -> None:
    """A namespace with asset-0, asset-1 and so on, in trees."""
    async with api(kubeconfig) as client:
        await client.post("/api/v1/namespaces", {"metadata": {"name": namespace}})
        path = f"{ASSETS}/namespaces/{namespace}/assets"
        await many((_manifest(number) for number in range(assets)), lambda body: client.post(path, body))


def _manifest(number: int) -> dict[str, Any]:
    """Trees of ten: each asset but the first reads one of those before it in its tree."""
    place = number % 10
    upstreams = [f"asset-{number - place + (place - 1) // 2}"] if place else []
    notes = {"freshet.dev/materialized": "v1"}
    spec = {"materialize": {"external": {}}, "upstreams": upstreams, "freshness": {"maximumLag": "24h"}}
    metadata = {"name": f"asset-{number}", "annotations": notes}
    return {"apiVersion": "freshet.dev/v1alpha1", "kind": "Asset", "metadata": metadata, "spec": spec}


if __name__ == "__main__":
    main()
