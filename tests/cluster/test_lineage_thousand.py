"""The lineage page with a thousand assets in a real browser: all of them are there, and it is used as with three."""

import asyncio
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from tests.bench.page import plant
from tests.support.chromium import browsing
from tests.support.freshet_objects import Place
from tests.support.operator import OperatorProcess
from tests.support.page import serving

from freshet.local.controlplane import LocalCluster

MANY = 1000
PATIENCE_MS = 120_000
expect.set_options(timeout=60_000)
LAST = f"asset-{MANY - 1}"
CORNERS = """[...document.querySelectorAll('.card')].map((card) => card.getBoundingClientRect())
  .map((box) => [box.x, box.y, box.right, box.bottom])"""


@pytest.fixture(scope="module")
def place(cluster: LocalCluster) -> Iterator[Place]:
    name = f"thousand-{uuid.uuid4().hex[:8]}"
    asyncio.run(plant(cluster.kubeconfig, namespace=name, assets=MANY))
    yield Place(cluster, name)
    cluster.http.delete(f"/api/v1/namespaces/{name}")


@pytest.fixture(scope="module")
def operator(
    place: Place, operator_kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OperatorProcess]:
    folder = tmp_path_factory.mktemp("thousand")
    with serving(place.namespace, kubeconfig=operator_kubeconfig, folder=folder) as process:
        yield process


@pytest.fixture(params=["light", "dark"])
def page(request: pytest.FixtureRequest, operator: OperatorProcess) -> Iterator[Page]:
    """With all cards on it, in both themes; the browser has nothing to complain of."""
    complaints: list[str] = []
    with browsing() as browser:
        opened = browser.new_page(viewport={"width": 1300, "height": 800}, color_scheme=request.param)
        opened.set_default_timeout(PATIENCE_MS)
        opened.on("pageerror", lambda error: complaints.append(str(error)))
        opened.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
        opened.goto(operator.url("/lineage/"))
        expect(opened.locator(".card")).to_have_count(MANY, timeout=PATIENCE_MS)
        yield opened
    assert complaints == []


def test_a_thousand_are_shown_searched_and_focused(page: Page, place: Place) -> None:
    expect(page.get_by_test_id("tally")).to_have_text("1,000 assets")
    expect(page.get_by_test_id("connection")).to_have_text("Live")
    no_card_lies_on_another(page)
    nothing_hides_a_card(page)
    page.keyboard.press("/")
    page.keyboard.type(LAST)
    expect(page.get_by_test_id("tally")).to_have_text("1 of 1,000 assets")
    expect(page.locator(".card:not(.dim)")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=LAST)).to_be_visible()
    page.get_by_role("button", name="Ancestors").click()
    expect(page.locator(".card")).to_have_count(4)
    page.get_by_role("button", name=re.compile("show all assets again")).click()
    expect(page.locator(".card")).not_to_have_count(4)  # from near, what is out of sight is not drawn
    expect(page.get_by_role("searchbox")).to_have_value("")  # it was found
    expect(page.get_by_test_id("tally")).to_have_text("1,000 assets")
    suspended = page.locator(f'[data-asset="{place.namespace}/{LAST}"]')
    place.patch("assets", LAST, {"spec": {"suspend": True}})
    expect(suspended).to_contain_text("Suspended")
    place.patch("assets", LAST, {"spec": {"suspend": False}})
    expect(suspended).not_to_contain_text("Suspended")
    expect(page.locator('.card[tabindex="0"]')).to_have_count(1)  # of those that are drawn
    page.get_by_role("button", name="Close details").click()
    page.get_by_role("button", name="Fit View").click()
    expect(page.locator(".card")).to_have_count(MANY)
    nothing_hides_a_card(page)
    page.get_by_role("button", name="Table").click()
    expect(page.get_by_role("row")).to_have_count(MANY + 1)


def nothing_hides_a_card(page: Page) -> None:
    """As all are shown."""
    boxes: list[list[float]] = page.evaluate(CORNERS)
    for name in (".react-flow__minimap", ".react-flow__controls", ".legend"):
        cover = page.locator(name).bounding_box()
        assert cover is not None
        right, bottom = cover["x"] + cover["width"], cover["y"] + cover["height"]
        hidden = [b for b in boxes if cover["x"] < b[2] and b[0] < right and cover["y"] < b[3] and b[1] < bottom]
        assert hidden == [], name


def no_card_lies_on_another(page: Page) -> None:
    """By their places on the screen, at whatever scale."""
    boxes: list[list[float]] = page.evaluate(CORNERS)
    ordered = sorted(boxes)
    for place, (x, y, right, bottom) in enumerate(ordered):
        for other in ordered[place + 1 :]:
            if other[0] >= right:
                break
            assert other[1] >= bottom or other[3] <= y, ((x, y, right, bottom), other)
