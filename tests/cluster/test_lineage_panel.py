"""The panel, addresses that are shared, and the keyboard: a busy asset whose every text is hostile."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from tests.support.freshet_objects import Place
from tests.support.lineage import PATIENCE_MS, address, opened
from tests.support.namespaces import own_namespace
from tests.support.operator import OperatorProcess
from tests.support.page import serving
from tests.support.waiting import wait_for

from freshet.local.controlplane import LocalCluster

expect.set_options(timeout=PATIENCE_MS)
EVIL = "<img/src=x/onerror=alert(1)>"
AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOST = "https://cloud.example/deploy/1/runs"
CHAIN = ("orders", "busy", "report", "board")
OTHER = "other"
BAD_LINKS = (
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "//cloud.example/x",
    "ftp://cloud.example/x",
)


def run(number: int, **more: Any) -> dict[str, Any]:
    finished = AT + timedelta(minutes=number)
    return {
        "id": f"{number}", "url": f"{HOST}/{number}", "outcome": "Succeeded", "cause": f"updated: {EVIL}",
        "startedAt": (finished - timedelta(seconds=30)).isoformat(), "finishedAt": finished.isoformat(),
        "message": f"run {number} {EVIL}", "rows": 1000 + number, "durationSeconds": 3.25, **more,
    }  # fmt: skip


CHECKS = [
    {"name": "not_null_id", "passed": True, "severity": "error", "at": AT.isoformat()},
    {"name": f"unique_{EVIL}", "passed": False, "severity": "error", "message": f"3 rows {EVIL}", "at": AT.isoformat()},
    {"name": "recent", "passed": False, "severity": "warn", "message": "old", "at": AT.isoformat()},
    {"name": "same", "passed": True, "severity": "error", "at": AT.isoformat(), "pipeline": "shop"},
    {"name": "same", "passed": False, "severity": "error", "at": AT.isoformat(), "pipeline": "side"},
]
DBT = {"host": "http://127.0.0.1:9", "accountId": 1, "jobId": 1, "tokenSecretRef": {"name": "dbt-cloud"}}
"""Nobody is there, so that the checks are neither told anew nor taken away, as they are without a project."""
HISTORY = [run(n, **({"outcome": "Failed", "attempt": 2} if n == 105 else {})) for n in range(110, 100, -1)]


@pytest.fixture(scope="module")
def place(cluster: LocalCluster) -> Iterator[Place]:
    """orders → busy → report → board, and another of another pipeline; all external, so that they stay as they are."""
    with own_namespace(cluster, "panel") as name:
        made = Place(cluster, name)
        for pipeline in ("shop", "side"):
            made.add_pipeline(pipeline, dbtCloud=DBT)
        for above, below in zip((None, *CHAIN), CHAIN, strict=False):
            more = {"key": EVIL} if below == "busy" else {}
            made.add_asset(below, pipeline="shop", upstreams=[above] if above else [], **more)
        made.add_asset(OTHER, pipeline="side", suspend=True)
        yield made


@pytest.fixture(scope="module")
def operator(
    place: Place, operator_kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OperatorProcess]:
    with serving(place.namespace, kubeconfig=operator_kubeconfig, folder=tmp_path_factory.mktemp("panel")) as process:
        for name in CHAIN:
            place.announce(name, f"v-{EVIL}")
            place.wait_status(name, state="Fresh")
        told = {"history": HISTORY, "lastRun": run(111), "checks": CHECKS, "relation": f"shop.{EVIL}"}
        place.patch("assets", "busy", {"status": told}, subresource="status")
        yield process


@pytest.fixture
def page(browser: Browser, operator: OperatorProcess) -> Iterator[Page]:
    with opened(browser, address(operator), cards=len(CHAIN) + 1) as found:
        yield found


def card(page: Page, place: Place, name: str) -> Locator:
    return page.locator(f'[data-asset="{place.namespace}/{name}"]')


@pytest.fixture
def panel(page: Page, place: Place) -> Locator:
    card(page, place, "busy").click()
    found = page.get_by_test_id("panel")
    expect(found).to_have_attribute("data-detail", "loaded")
    expect(found.locator(".runs")).to_be_visible()
    return found


def test_it_tells_the_reason_and_all_conditions(panel: Locator, place: Place) -> None:
    status = place.status("busy")
    expect(panel.get_by_test_id("reason")).to_have_text(status["reason"])
    rows = panel.locator(".conditions tr")
    expect(rows).to_have_count(len(status["conditions"]))
    for row, told in zip(rows.all(), status["conditions"], strict=True):
        for text in (told["type"], told["status"], told["reason"], told["message"]):
            expect(row).to_contain_text(text)


def test_it_lists_the_last_ten_runs_newest_first_each_with_its_link(panel: Locator) -> None:
    rows = panel.locator(".runs li")
    expect(rows).to_have_count(10)
    for row, number in zip(rows.all(), range(111, 101, -1), strict=True):
        expect(row).to_contain_text("Failed" if number == 105 else "Succeeded")
        expect(row).to_contain_text(f"run {number} {EVIL}")
        said = ["attempt 2"] * (number == 105) + ["3.3 s"] + [f"{1000 + number:,} rows"] * (number != 111)
        expect(row).to_contain_text(" · ".join([f"updated: {EVIL}", *said]))
        link = row.get_by_role("link", name="Open the run")
        expect(link).to_have_attribute("href", f"{HOST}/{number}")
        assert (link.get_attribute("target"), link.get_attribute("rel")) == ("_blank", "noopener noreferrer")


def test_it_lists_the_checks_with_what_they_found(panel: Locator) -> None:
    rows = panel.locator(".checks li")
    expect(rows).to_have_count(5)
    said = ["✓ passed not_null_id", f"✕ failed unique_{EVIL}3 rows {EVIL}", "! warns recentold"]
    said += ["✓ passed same of shop", "✕ failed same of side"]
    for row, words in zip(rows.all(), said, strict=True):
        expect(row).to_have_text(words)


def test_who_reads_it_comes_and_goes_by_itself(panel: Locator, page: Page, place: Place) -> None:
    below = panel.locator("section").filter(has=page.get_by_role("heading", name="Downstreams"))
    expect(below.get_by_role("listitem")).to_have_count(1)
    place.add_asset("audit", upstreams=["busy"])
    expect(below.get_by_role("listitem")).to_have_count(2)
    expect(below.get_by_role("button", name="audit")).to_be_visible()
    place.delete("assets", "audit")
    expect(below.get_by_role("listitem")).to_have_count(1)


def test_hostile_texts_are_texts(panel: Locator, page: Page, place: Place) -> None:
    """An element of theirs would open a dialog, which the page's fixture takes for a complaint."""
    for fact in (EVIL, f"shop.{EVIL}", f"v-{EVIL}"):
        expect(panel.locator(".facts").get_by_text(fact, exact=True)).to_be_visible()
    panel.get_by_text("Manifest").click()
    expect(panel.get_by_test_id("manifest")).to_contain_text(EVIL)
    expect(card(page, place, "busy")).to_contain_text(EVIL)
    expect(card(page, place, "busy")).to_contain_text("2 failed")
    page.get_by_role("searchbox").fill(EVIL)
    expect(page.get_by_test_id("tally")).to_have_text(f"1 of {len(CHAIN) + 1} assets")
    page.get_by_role("button", name="Table").click()
    expect(page.locator("tr[data-asset]")).to_have_count(1)
    assert page.locator("img, script:not([src])").count() == 0


@pytest.mark.parametrize("url", BAD_LINKS)
def test_only_addresses_of_the_web_are_links(page: Page, place: Place, url: str) -> None:
    place.patch("assets", "board", {"status": {"lastRun": run(7, url=url), "history": []}}, subresource="status")
    card(page, place, "board").click()
    panel = page.get_by_test_id("panel")
    expect(panel.locator(".runs li")).to_contain_text("run 7")
    expect(panel.get_by_role("link")).to_have_count(0)


def test_the_manifest_is_what_kubectl_would_show(panel: Locator, place: Place) -> None:
    panel.get_by_text("Manifest").click()
    text = panel.get_by_test_id("manifest")
    for line in ("apiVersion: freshet.dev/v1alpha1", "kind: Asset", "name: busy", f"namespace: {place.namespace}"):
        expect(text).to_contain_text(line)
    assert "managedFields" not in text.inner_text()


def dimmed(page: Page) -> set[str]:
    return {str(it.get_attribute("data-asset")).partition("/")[2] for it in page.locator(".card.dim").all()}


def test_a_state_lets_its_assets_and_their_edges_stand_out(page: Page, place: Place) -> None:
    group = page.get_by_role("group", name="Show only these states")
    group.get_by_role("button", name="Suspended").click()
    expect(page.locator(".card:not(.dim)")).to_have_count(1)
    assert dimmed(page) == set(CHAIN)
    expect(page.locator(".edge.dim")).to_have_count(len(CHAIN) - 1)
    group.get_by_role("button", name="Fresh").click()
    expect(page.locator(".card.dim")).to_have_count(0)
    expect(page.locator(".edge.dim")).to_have_count(0)
    group.get_by_role("button", name="Suspended").click()
    expect(card(page, place, OTHER)).to_have_class(re.compile(r"\bdim\b"))
    assert dimmed(page) == {OTHER}


def test_a_pipeline_leaves_its_own(page: Page, place: Place) -> None:
    page.get_by_label("Pipeline").select_option("side")
    expect(page.locator(".card")).to_have_count(1)
    expect(card(page, place, OTHER)).to_be_visible()


FOCUSES = [("Ancestors", {"orders", "busy"}), ("Lineage", set(CHAIN)), ("Descendants", {"busy", "report", "board"})]


@pytest.mark.parametrize(("word", "left"), FOCUSES)
def test_focus_leaves_all_ancestors_or_descendants(
    panel: Locator, page: Page, place: Place, word: str, left: set[str]
) -> None:
    panel.get_by_role("button", name=word).click()
    expect(page.locator(".card")).to_have_count(len(left))
    for name in left:
        expect(card(page, place, name)).to_have_count(1)
    panel.get_by_role("button", name=word).click()
    expect(page.locator(".card")).to_have_count(len(CHAIN) + 1)


def look(page: Page) -> dict[str, Any]:
    """What one sees."""
    return {
        "cards": sorted(
            (it.get_attribute("data-asset"), it.get_attribute("class")) for it in page.locator(".card").all()
        ),
        "rows": [it.get_attribute("data-asset") for it in page.locator("tbody tr[data-asset]").all()],
        "tally": page.get_by_test_id("tally").inner_text(),
        "search": page.get_by_role("searchbox").input_value(),
        "pipeline": page.get_by_label("Pipeline").input_value(),
        "pressed": [it.inner_text() for it in page.locator("header button[aria-pressed=true]").all()],
        "panel": [it.inner_text() for it in page.locator(".panel h2").all()],
        "focus": [it.inner_text() for it in page.locator(".focused").all()],
    }


def test_an_address_can_be_shared_and_shows_the_same(
    panel: Locator, page: Page, place: Place, operator: OperatorProcess, browser: Browser
) -> None:
    """With everything in it that an address can have: first the graph, then the table."""
    page.get_by_label("Pipeline").select_option("shop")
    panel.get_by_role("button", name="Descendants").click()
    page.get_by_role("searchbox").fill("board")
    page.get_by_role("group", name="Show only these states").get_by_role("button", name="Fresh").click()
    expect(page.locator(".card.dim")).to_have_count(2)
    for view in ("Graph", "Table"):
        page.get_by_role("button", name=view).click()
        expect(page.get_by_test_id("panel")).to_have_attribute("data-detail", "loaded")
        cards = len(CHAIN) - 1 if view == "Graph" else 0
        with opened(browser, page.url, cards=cards) as other:
            expect(other.get_by_test_id("panel")).to_have_attribute("data-detail", "loaded")
            wait_for(lambda other=other: look(other) == look(page), what=f"the same: {look(other)}, {look(page)}")


def test_back_and_forward_go_from_view_to_view(panel: Locator, page: Page, place: Place) -> None:
    panel.get_by_role("button", name="Ancestors").click()
    expect(page.locator(".card")).to_have_count(2)
    page.get_by_role("button", name="Table").click()
    page.go_back()
    expect(page.locator(".card")).to_have_count(2)
    page.go_back()
    expect(page.locator(".card")).to_have_count(len(CHAIN) + 1)
    page.go_back()
    expect(page.get_by_test_id("panel")).to_have_count(0)
    page.go_forward()
    expect(page.get_by_role("heading", name="busy")).to_be_visible()


def test_enter_goes_from_one_that_was_found_to_the_next(page: Page, place: Place) -> None:
    page.keyboard.press("/")
    page.keyboard.type("shop fresh")
    for name in (*sorted(CHAIN), sorted(CHAIN)[0]):
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name=name)).to_be_visible()
        expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.press("Shift+Enter")
    expect(page.get_by_role("heading", name=sorted(CHAIN)[-1])).to_be_visible()


def test_a_lineage_of_what_is_gone_says_so_and_shows_all(
    browser: Browser, operator: OperatorProcess, place: Place
) -> None:
    query = f"?focus={place.namespace}/gone"
    with opened(browser, address(operator, query), cards=len(CHAIN) + 1) as page:
        page.get_by_role("button", name="gone does not exist: all assets are shown").click()
        expect(page).to_have_url(re.compile("/lineage/$"))


def test_an_address_of_an_asset_that_is_gone_says_so(browser: Browser, operator: OperatorProcess, place: Place) -> None:
    with opened(browser, address(operator, f"?asset={place.namespace}/gone"), cards=len(CHAIN) + 1) as page:
        expect(page.get_by_test_id("panel")).to_contain_text("There is no such asset now.")


def focused(page: Page) -> str:
    """What has the keyboard, by its name or text."""
    script = "document.activeElement.getAttribute('aria-label') ?? document.activeElement.innerText ?? ''"
    found: str = page.evaluate(script)
    return found


def pressed_until(page: Page, holds: str, *, key: str = "Tab") -> None:
    """Press until the focused element is that one."""
    for _ in range(60):
        page.keyboard.press(key)
        if re.match(holds, focused(page)):
            return
    raise AssertionError(f"{key} never comes to {holds}, but to {focused(page)}")


def test_the_keyboard_alone_reads_a_panel_and_comes_back(page: Page, place: Place) -> None:
    page.keyboard.press("/")
    page.keyboard.type("busy")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="busy")).to_be_visible()
    expect(page.get_by_test_id("panel")).to_have_attribute("data-detail", "loaded")
    pressed_until(page, "Close details")
    pressed_until(page, "Descendants")
    page.keyboard.press("Enter")
    expect(page.locator(".card")).to_have_count(3)
    pressed_until(page, "report$")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="report")).to_be_focused()
    pressed_until(page, "Close details")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("panel")).to_have_count(0)
    expect(card(page, place, "report")).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(card(page, place, "busy")).to_be_focused()
    page.keyboard.press("Enter")
    pressed_until(page, "Close details")
    page.keyboard.press("Escape")
    expect(card(page, place, "busy")).to_be_focused()


def test_in_the_table_the_keyboard_comes_back_to_its_row(page: Page, place: Place) -> None:
    page.get_by_role("button", name="Table").focus()
    page.keyboard.press("Enter")
    pressed_until(page, "report$")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="report")).to_be_visible()
    pressed_until(page, "Close details")
    page.keyboard.press("Enter")
    expect(page.get_by_role("rowheader", name="report").get_by_role("button")).to_be_focused()


def test_changes_are_announced_to_screen_readers(page: Page, place: Place) -> None:
    place.patch("assets", "board", {"spec": {"suspend": True}})
    expect(card(page, place, "board")).to_contain_text("Suspended")
    expect(page.get_by_test_id("announcer")).to_have_text("board is now Suspended.")
    place.patch("assets", "board", {"spec": {"suspend": False}})
    expect(page.get_by_test_id("announcer")).to_have_text("board is now Fresh.")
