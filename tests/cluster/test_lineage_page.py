"""The lineage page in a real browser, against a running operator: what it shows, how it follows, how it is used."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from tests.support.freshet_objects import Place, user_job
from tests.support.kube import list_objects
from tests.support.lineage import PATIENCE_MS, address, opened
from tests.support.namespaces import own_namespace
from tests.support.operator import OperatorProcess
from tests.support.page import serving
from tests.support.waiting import wait_for

from freshet.local.cluster import free_port
from freshet.local.controlplane import LocalCluster

RAW, MODEL, COUNT = "raw-orders", "stg-orders", "orders-count"
expect.set_options(timeout=PATIENCE_MS)
EVIL = "<img src=x onerror=alert(1)>"
EVIL_URL = "javascript:alert(1)"


@pytest.fixture(scope="module")
def place(cluster: LocalCluster) -> Iterator[Place]:
    """raw-orders, announced from outside ← stg-orders ← orders-count, built by Jobs that this test ends."""
    with own_namespace(cluster, "lineage") as name:
        made = Place(cluster, name)
        made.add_pipeline("shop")
        made.add_asset(RAW, freshness={"maximumLag": "1h"}, pipeline="shop")
        made.add_asset(MODEL, materialize=user_job(), upstreams=[RAW], pipeline="shop")
        made.add_asset(COUNT, materialize=user_job(), upstreams=[MODEL])
        yield made


@pytest.fixture(scope="module")
def operator(
    place: Place, operator_kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OperatorProcess]:
    """With the page; on a port that it keeps when it starts again."""
    folder, port = tmp_path_factory.mktemp("lineage"), f"--port={free_port()}"
    with serving(place.namespace, port, kubeconfig=operator_kubeconfig, folder=folder) as process:
        yield process


@pytest.fixture(scope="module")
def built(place: Place, operator: OperatorProcess) -> None:
    """All three have a version, each from the one before."""
    place.announce(RAW, "first")
    for name in (MODEL, COUNT):
        place.build(name)
        place.wait_status(name, state="Fresh", timeout=60)


@pytest.fixture
def page(browser: Browser, operator: OperatorProcess, built: None) -> Iterator[Page]:
    """The page with all three cards on it."""
    with opened(browser, address(operator), cards=3) as found:
        yield found


def card(page: Page, place: Place, name: str) -> Locator:
    return page.locator(f'[data-asset="{place.namespace}/{name}"]')


def edge(page: Page, place: Place, upstream: str, name: str) -> Locator:
    return page.locator(f'[data-edge="{place.namespace}/{upstream} {place.namespace}/{name}"]')


def test_it_shows_the_assets_from_left_to_right_with_their_states(page: Page, place: Place) -> None:
    boxes = [card(page, place, name).bounding_box() for name in (RAW, MODEL, COUNT)]
    assert [box["x"] for box in boxes] == sorted(box["x"] for box in boxes)
    expect(card(page, place, RAW)).to_contain_text(re.compile(r"Fresh.*of 1h", re.DOTALL))
    for upstream, name in ((RAW, MODEL), (MODEL, COUNT)):
        expect(edge(page, place, upstream, name)).to_have_attribute("data-state", "UpToDate")
    expect(page.get_by_test_id("connection")).to_have_text("Live")
    expect(page.get_by_test_id("tally")).to_have_text("3 assets")


def test_a_change_in_the_cluster_appears_by_itself(page: Page, place: Place) -> None:
    place.announce(RAW, EVIL)
    expect(edge(page, place, RAW, MODEL)).to_have_attribute("data-state", "Moving")
    expect(card(page, place, MODEL)).to_contain_text("Updating")
    place.build(MODEL)
    expect(edge(page, place, RAW, MODEL)).to_have_attribute("data-state", "UpToDate")
    expect(edge(page, place, MODEL, COUNT)).to_have_attribute("data-state", "Moving")
    place.build(COUNT)
    place.add_asset("visitor", upstreams=["nowhere"])
    expect(page.locator(".card")).to_have_count(5)
    expect(edge(page, place, "nowhere", "visitor")).to_have_attribute("data-state", "NotFound")
    place.delete("assets", "visitor")
    expect(page.locator(".card")).to_have_count(3)


def test_ages_count_by_themselves(page: Page, place: Place) -> None:
    age = card(page, place, MODEL).locator(".age")
    before = age.inner_text()
    expect(age).not_to_have_text(before)


def test_a_click_shows_all_about_an_asset_and_its_address_can_be_shared(
    page: Page, place: Place, operator: OperatorProcess, browser: Browser
) -> None:
    place.announce(RAW, EVIL)
    card(page, place, RAW).click()
    panel = page.get_by_test_id("panel")
    expect(panel).to_have_attribute("data-detail", "loaded")
    expect(panel).to_contain_text(EVIL)  # text, not an element: `page` would have seen a dialog
    assert page.locator("img").count() == 0
    expect(panel).to_contain_text("Succeeded")
    expect(panel.locator(".conditions")).to_contain_text("Ready")
    panel.get_by_text("Manifest").click()
    expect(panel.get_by_test_id("manifest")).to_contain_text("external: {}")
    assert "managedFields" not in panel.get_by_test_id("manifest").inner_text()
    panel.get_by_role("button", name=MODEL, exact=True).click()
    expect(panel.get_by_role("heading", name=MODEL)).to_be_visible()
    page.go_back()
    expect(panel.get_by_role("heading", name=RAW)).to_be_visible()
    other = browser.new_page()
    other.goto(page.url)
    expect(other.get_by_role("heading", name=RAW)).to_be_visible()
    other.close()
    page.get_by_role("button", name="Close details").click()
    expect(panel).to_have_count(0)


def test_a_deadline_counts_down_and_bad_rows_are_shown(page: Page, place: Place) -> None:
    place.add_asset("yearly", freshness={"schedule": "0 0 1 1 *", "within": "1h", "maximumUnchanged": "9000h"})
    place.announce("yearly", "first")
    expect(card(page, place, "yearly")).to_contain_text(re.compile(r"old, due in \d+[dhm]"))
    sample = {"line": 7, "column": EVIL, "reason": "not a number"}
    rejected = {"rows": 12, "samples": [sample], "at": "2026-11-24T12:00:00Z"}
    place.patch("assets", "yearly", {"status": {"rejected": rejected}}, subresource="status")
    card(page, place, "yearly").click()
    bad = page.get_by_test_id("bad-rows")
    for words in ("12", f"line 7, column {EVIL}", "not a number", "These are the first"):
        expect(bad).to_contain_text(words)
    expect(page.get_by_test_id("panel")).to_contain_text(re.compile(r"unchanged \d+s of 375d"))
    place.delete("assets", "yearly")
    expect(page.locator(".card")).to_have_count(3)


def test_a_run_s_page_is_opened_apart_and_knows_nothing_of_this_one(page: Page, place: Place) -> None:
    """A script's address is no link."""
    url = "https://cloud.example/deploy/1/runs/77"
    at = "2026-11-24T12:00:00Z"
    runs = [{"id": str(n), "url": it, "outcome": "Failed", "finishedAt": at} for n, it in ((77, url), (78, EVIL_URL))]
    place.add_asset("modelled")
    place.wait_status("modelled", state="Missing")
    place.patch("assets", "modelled", {"status": {"history": runs, "lastRun": runs[0]}}, subresource="status")
    page.context.route(
        "https://cloud.example/**", lambda route: route.fulfill(body="the run", content_type="text/html")
    )
    card(page, place, "modelled").click()
    panel = page.get_by_test_id("panel")
    link = panel.get_by_role("link", name="Open the run")
    expect(link).to_have_attribute("rel", "noopener noreferrer")
    assert [each.get_attribute("href") for each in panel.get_by_role("link").all()] == [url]
    with page.expect_popup() as opened:
        link.click()
    expect(opened.value.locator("body")).to_have_text("the run")
    assert opened.value.url == url
    assert opened.value.evaluate("[window.opener, document.referrer]") == [None, ""]
    opened.value.close()
    place.delete("assets", "modelled")
    expect(page.locator(".card")).to_have_count(3)


def test_a_run_that_is_a_job_is_followed_by_its_pods_log(page: Page, place: Place) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    card(page, place, MODEL).click()
    panel = page.get_by_test_id("panel")
    panel.get_by_text("Its log").first.click()
    newest = place.status(MODEL)["history"][0]["id"]
    selector = f"batch.kubernetes.io/controller-uid={newest}"
    command = panel.locator(".log .command").first
    expect(command).to_contain_text(f"kubectl logs -n {place.namespace} -l {selector} --tail=-1")
    command.get_by_role("button", name="Copy").click()
    expect(command.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == command.locator("code").inner_text()
    assert list_objects(place.cluster, "pods", namespace=place.namespace, selector=selector), "that selects its pod"


def test_search_and_filters_let_some_stand_out(page: Page, place: Place) -> None:
    page.get_by_role("searchbox").fill("COUNT orders_")
    expect(card(page, place, RAW)).to_have_class(re.compile(r"\bdim\b"))
    expect(card(page, place, COUNT)).not_to_have_class(re.compile(r"\bdim\b"))
    expect(page.get_by_test_id("tally")).to_have_text("1 of 3 assets")
    expect(page).to_have_url(re.compile("q=COUNT"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=COUNT)).to_be_visible()
    page.get_by_role("searchbox").fill("")
    page.get_by_label("Pipeline").select_option("shop")
    expect(page.locator(".card")).to_have_count(2)
    page.get_by_label("Pipeline").select_option("")
    expect(page.locator(".card")).to_have_count(3)
    page.get_by_role("group", name="Show only these states").get_by_role("button", name="Fresh").click()
    expect(page).to_have_url(re.compile("state=Fresh"))


def test_focus_leaves_ancestors_or_descendants(page: Page, place: Place) -> None:
    """None of them dimmed by what was looked for to find it."""
    page.get_by_role("searchbox").fill(MODEL)
    expect(card(page, place, RAW)).to_have_class(re.compile(r"\bdim\b"))
    card(page, place, MODEL).click()
    page.get_by_role("button", name="Ancestors").click()
    expect(page.locator(".card.dim")).to_have_count(0)
    expect(card(page, place, COUNT)).to_have_count(0)
    expect(card(page, place, RAW)).to_be_visible()
    page.get_by_role("button", name="Descendants").click()
    expect(card(page, place, RAW)).to_have_count(0)
    expect(card(page, place, COUNT)).to_be_visible()
    page.get_by_role("button", name=re.compile("show all assets again")).click()
    expect(page.locator(".card")).to_have_count(3)


def test_it_is_used_by_keyboard_alone(page: Page, place: Place) -> None:
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.classList.contains('card')"):
            break
    expect(card(page, place, RAW)).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(card(page, place, MODEL)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=MODEL)).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("panel")).to_have_count(0)
    assert page.locator('.card[tabindex="0"]').count() == 1, "one stop of the Tab key for the whole graph"


def test_a_table_says_the_same_to_screen_readers(page: Page, place: Place) -> None:
    expect(page.get_by_role("button", name=re.compile(f"^{RAW}, Fresh, .* of 1h"))).to_be_visible()
    page.get_by_role("button", name="Table").click()
    rows = page.get_by_role("row")
    expect(rows).to_have_count(4)
    expect(rows.filter(has=page.get_by_role("rowheader", name=RAW))).to_contain_text("1h")
    header = page.get_by_role("columnheader", name="Asset")
    header.get_by_role("button").click()
    expect(header).to_have_attribute("aria-sort", "ascending")
    expect(rows.nth(1)).to_contain_text(COUNT)
    header.get_by_role("button").click()
    expect(rows.nth(1)).to_contain_text(MODEL)
    page.get_by_role("rowheader", name=RAW).get_by_role("button").click()
    expect(page.get_by_role("complementary")).to_contain_text(RAW)


def test_light_and_dark(page: Page) -> None:
    def background() -> str:
        found: str = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        return found

    page.emulate_media(color_scheme="light")
    light = background()
    page.emulate_media(color_scheme="dark")
    dark = background()
    assert light != dark
    page.get_by_role("button", name="Theme: auto").click()
    wait_for(lambda: background() == light, what="it is light")
    page.get_by_role("button", name="Theme: light").click()
    page.emulate_media(color_scheme="light")
    wait_for(lambda: background() == dark, what="it is dark although the machine is light")
    page.reload()
    expect(page.get_by_role("button", name="Theme: dark")).to_be_visible()
    wait_for(lambda: background() == dark, what="it stays dark")


def test_an_operator_that_starts_again_is_found_again(page: Page, place: Place, operator: OperatorProcess) -> None:
    operator.kill()
    expect(page.get_by_test_id("connection")).to_have_text("Connecting")
    place.add_asset("meanwhile")
    operator.start()
    expect(page.get_by_test_id("connection")).to_have_text("Live")
    expect(card(page, place, "meanwhile")).to_contain_text("Missing")
    place.delete("assets", "meanwhile")
    expect(page.locator(".card")).to_have_count(3)


HIDE = """() => {
  Object.defineProperty(document, 'visibilityState', {configurable: true, value: 'hidden'});
  document.dispatchEvent(new Event('visibilitychange'));
}"""


def test_a_dozen_tabs_do_not_keep_each_other_from_the_operator(
    browser: Browser, operator: OperatorProcess, built: None
) -> None:
    """A browser has six connections to a server, and Grafana opens a tab for each asset that is looked at."""
    with browser.new_context() as tabs:
        for _ in range(12):
            page = tabs.new_page()
            page.goto(address(operator))
            expect(page.locator(".card")).to_have_count(3)
            page.evaluate(HIDE)
