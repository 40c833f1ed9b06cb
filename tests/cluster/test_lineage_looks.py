"""How the lineage page looks in a real browser: one asset in each state, each kind of edge, in both themes."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from tests.support.freshet_objects import Place, user_job
from tests.support.lineage import PATIENCE_MS, address, low_contrasts, nameless, opened, painted
from tests.support.namespaces import own_namespace
from tests.support.operator import OperatorProcess
from tests.support.page import serving

from freshet.local.controlplane import LocalCluster

expect.set_options(timeout=PATIENCE_MS)
COLOURS = {
    "fresh": ("#15803d", "#4ade80"),
    "aging": ("#a16207", "#facc15"),
    "stale": ("#c2410c", "#fb923c"),
    "failed": ("#b91c1c", "#f87171"),
    "missing": ("#64707f", "#9aa6b5"),
    "updating": ("#1d4ed8", "#7aa7ff"),
    "suspended": ("#7e22ce", "#c99bff"),
}
"""By state, in light and in dark: each asset here is named after the state that it is in."""
OTHERS = ("built", "behind", "declared", "not-built", "lost")
CARDS = len(COLOURS) + len(OTHERS) + 1
"""One is a ghost: an upstream that does not exist."""
THEMES = ("light", "dark")


@pytest.fixture(scope="module")
def place(cluster: LocalCluster) -> Iterator[Place]:
    with own_namespace(cluster, "looks") as name:
        yield Place(cluster, name)


@pytest.fixture(scope="module")
def operator(
    place: Place, operator_kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OperatorProcess]:
    with serving(place.namespace, kubeconfig=operator_kubeconfig, folder=tmp_path_factory.mktemp("looks")) as process:
        grow(place)
        yield process


def grow(place: Place) -> None:
    """One asset in each state, and one for each way to stand to an upstream."""
    day = {"maximumLag": "24h"}
    for name, freshness in (("fresh", day), ("aging", {**day, "warnLag": "1s"}), ("stale", day)):
        place.add_asset(name, freshness=freshness)
    place.add_asset("missing", freshness=day)
    place.add_asset("suspended", suspend=True)
    at = {"stale": datetime.now(UTC) - timedelta(days=2)}
    for name in ("fresh", "aging", "stale", "suspended"):
        place.announce(name, "v1", data_time=at.get(name))
    place.add_asset("updating", materialize=user_job(), upstreams=["fresh"])
    place.add_asset("failed", materialize=user_job(), upstreams=["fresh"], retries={"limit": 0})
    place.build("failed", exit_code=1)
    place.add_asset("built", materialize=user_job(), upstreams=["fresh"])
    place.build("built")
    place.add_asset("behind", materialize=user_job(), upstreams=["fresh"], automation={"when": "Manual"})
    place.add_asset("declared", upstreams=["fresh"])
    place.add_asset("not-built", upstreams=["missing"])
    place.add_asset("lost", upstreams=["nowhere"])
    for state in COLOURS:
        place.wait_status(state, state=state.capitalize(), timeout=60)


@pytest.fixture(params=THEMES)
def theme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def page(browser: Browser, operator: OperatorProcess, theme: str) -> Iterator[Page]:
    with opened(browser, address(operator), cards=CARDS, color_scheme=theme, reduced_motion="reduce") as found:
        yield found


def card(page: Page, place: Place, name: str) -> Locator:
    return page.locator(f'[data-asset="{place.namespace}/{name}"]')


def shown(page: Page, element: Locator, property: str, *, part: str = "") -> tuple[int, int, int]:
    """A colour of an element as the screen shows it."""
    script = "(it, [property, part]) => getComputedStyle(it, part || null).getPropertyValue(property)"
    return painted(page, element.evaluate(script, [property, part]))


@pytest.mark.parametrize("state", COLOURS)
def test_a_card_has_the_colour_of_its_state_and_says_it_too(page: Page, place: Place, theme: str, state: str) -> None:
    found, colour = card(page, place, state), painted(page, COLOURS[state][THEMES.index(theme)])
    expect(found).to_contain_text(state.capitalize())
    assert shown(page, found, "background-color", part="::before") == colour, "the stripe at its left"
    words = painted(page, f"color-mix(in srgb, {COLOURS[state][0]} 78%, black)") if theme == "light" else colour
    assert shown(page, found.locator(".badge"), "color") == words
    page.get_by_role("button", name="Table").click()
    assert shown(page, card(page, place, state).locator(".badge"), "color") == words


def test_no_two_states_have_one_colour() -> None:
    for n in range(len(THEMES)):
        assert len({colours[n] for colours in COLOURS.values()}) == len(COLOURS)


def test_from_afar_cards_are_colours_only(page: Page, place: Place, theme: str) -> None:
    for _ in range(12):
        page.get_by_role("button", name="Zoom Out").click()
    expect(page.locator(".graph[data-far]")).to_have_count(1)
    for state, colours in COLOURS.items():
        border = shown(page, card(page, place, state), "border-top-color")
        assert border == painted(page, colours[THEMES.index(theme)])


def test_all_words_can_be_read(page: Page, place: Place) -> None:
    """Of the graph with its legend, of the panel of each state, and of the table."""
    page.get_by_text("Legend").click()
    assert low_contrasts(page) == []
    page.get_by_text("Legend").click()
    for state in ("failed", "updating", "lost"):
        page.goto(f"{page.url.partition('?')[0]}?asset={place.namespace}/{state}")
        expect(page.get_by_test_id("panel")).to_have_attribute("data-detail", "loaded")
        assert low_contrasts(page) == [], state
    page.get_by_role("button", name="Table").click()
    assert low_contrasts(page) == []


def test_from_afar_nothing_moves(browser: Browser, operator: OperatorProcess, place: Place) -> None:
    """Each step would be a drawing of all edges; near by, an edge that takes something in does move."""
    with opened(browser, address(operator), cards=CARDS, reduced_motion="no-preference") as page:
        moving = page.locator(f'[data-edge="{place.namespace}/fresh {place.namespace}/updating"] path').first
        runs = "() => document.getAnimations().map((it) => it.animationName).sort()"
        assert moving.evaluate("(it) => getComputedStyle(it).animationName") == "flow"
        assert page.evaluate(runs) == ["flow", "turn"]
        for _ in range(12):
            page.get_by_role("button", name="Zoom Out").click()
        expect(page.locator(".graph[data-far]")).to_have_count(1)
        assert page.evaluate(runs) == []


EDGES = [
    ("fresh", "built", "UpToDate", "", "none"),
    ("fresh", "updating", "Moving", "building", "8px, 5px"),
    ("fresh", "behind", "Waiting", "waiting", "6px, 5px"),
    ("fresh", "failed", "Considered", "", "1.5px, 5px"),
    ("fresh", "declared", "Declared", "", "1.5px, 5px"),
    ("missing", "not-built", "NotBuilt", "never built", "6px, 5px"),
    ("nowhere", "lost", "NotFound", "not found", "2px, 4px"),
]


@pytest.mark.parametrize(("upstream", "name", "state", "label", "dashes"), EDGES, ids=lambda it: it or "none")
def test_edges_show_what_has_been_consumed_and_what_waits(
    page: Page, place: Place, upstream: str, name: str, state: str, label: str, dashes: str
) -> None:
    edge = page.locator(f'[data-edge="{place.namespace}/{upstream} {place.namespace}/{name}"]')
    expect(edge).to_have_attribute("data-state", state)
    expect(edge.locator("text")).to_have_text([label] if label else [])
    line = edge.locator("path").first
    assert line.evaluate("(it) => getComputedStyle(it).strokeDasharray") == dashes


def test_a_card_says_age_against_limit_and_rows(page: Page, place: Place) -> None:
    place.patch("assets", "fresh", {"status": {"rows": 20025}}, subresource="status")
    expect(card(page, place, "fresh")).to_contain_text(re.compile(r"\d+s of 1d.*20,025 rows|\d+m.* of 1d.*20,025 rows"))
    expect(card(page, place, "stale")).to_contain_text(re.compile(r"2d.* of 1d"))
    expect(card(page, place, "missing")).to_contain_text("– of 24h")
    full = "(it) => it.getBoundingClientRect().width / it.parentElement.getBoundingClientRect().width"
    assert card(page, place, "stale").locator(".meter i").evaluate(full) == pytest.approx(1)
    assert card(page, place, "fresh").locator(".meter i").evaluate(full) < 0.1


def test_everything_that_can_be_used_has_a_name(page: Page, place: Place) -> None:
    assert nameless(page) == []
    card(page, place, "failed").click()
    expect(page.get_by_test_id("panel")).to_have_attribute("data-detail", "loaded")
    assert nameless(page) == []
    page.get_by_role("button", name="Table").click()
    assert nameless(page) == []
