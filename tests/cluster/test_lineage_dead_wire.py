"""A wire that goes dead without a word: the page notices by itself and goes on, with what has changed meanwhile."""

from pathlib import Path

from playwright.sync_api import Browser, expect
from tests.support.freshet_objects import Place
from tests.support.lineage import opened
from tests.support.page import serving
from tests.support.wire import wire

PATIENCE_MS = 240_000
"""Up to 45 seconds until it is noticed, then ten for each dead connection that the browser has kept."""


def test_a_page_whose_connections_are_dead_is_live_again(
    browser: Browser, place: Place, operator_kubeconfig: Path, tmp_path: Path
) -> None:
    place.add_asset("orders")
    with (
        serving(place.namespace, kubeconfig=operator_kubeconfig, folder=tmp_path) as operator,
        wire(to=int(operator.port_file.read_text())) as between,
        opened(browser, f"http://127.0.0.1:{between.port}/lineage/", cards=1) as page,
    ):
        expect(page.get_by_test_id("connection")).to_have_text("Live")
        between.cut()
        place.add_asset("meanwhile")
        expect(page.get_by_test_id("connection")).to_have_text("Connecting", timeout=PATIENCE_MS)
        expect(page.get_by_test_id("connection")).to_have_text("Live", timeout=PATIENCE_MS)
        expect(page.locator(".card")).to_have_count(2, timeout=PATIENCE_MS)
