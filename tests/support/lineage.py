"""The lineage page in a browser that complains of whatever it finds odd, and what is measured there."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page, expect
from tests.support.operator import OperatorProcess

__all__ = ["PATIENCE_MS", "address", "low_contrasts", "nameless", "opened", "painted"]

PATIENCE_MS = 60_000
WITH_NAMES = (
    "button",
    "link",
    "searchbox",
    "textbox",
    "combobox",
    "checkbox",
    "region",
    "complementary",
    "group",
    "img",
)
MEASURE = """() => {
  const dot = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
  const paint = (...colours) => {
    dot.clearRect(0, 0, 1, 1);
    for (const colour of colours) { dot.fillStyle = colour; dot.fillRect(0, 0, 1, 1); }
    return [...dot.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.map((x) => x / 255).map((x) => (x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    const found = [];
    for (let here = element; here; here = here.parentElement) found.unshift(getComputedStyle(here).backgroundColor);
    return found;
  };
  const shades = (element, colour) => [paint(...behind(element)), paint(...behind(element), colour)];
  const contrast = (element, colour) => {
    const [a, b] = shades(element, colour).map(light);
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  };
  const isDim = (element) => element.closest('.dim') !== null;
  const isShown = (it) => it.checkVisibility({visibilityProperty: true}) && it.getClientRects().length > 0;
  return {paint, contrast, isDim, isShown};
}"""
TEXTS = f"""() => {{
  const {{contrast, isDim, isShown}} = ({MEASURE})();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [];
  while (walker.nextNode()) {{
    const [text, element] = [walker.currentNode.data.trim(), walker.currentNode.parentElement];
    if (!text || !isShown(element) || isDim(element)) continue;
    const style = getComputedStyle(element);
    const value = contrast(element, element instanceof SVGElement ? style.fill : style.color);
    found.push([value, `${{text.slice(0, 40)}} (${{element.tagName}} ${{element.getAttribute('class') ?? ''}})`]);
  }}
  return found;
}}"""


def address(operator: OperatorProcess, query: str = "") -> str:
    return f"http://127.0.0.1:{operator.port_file.read_text()}/lineage/{query}"


@contextmanager
def opened(browser: Browser, url: str, *, cards: int, **options: Any) -> Iterator[Page]:
    """The page with so many cards on it. Anything that the browser complains of fails the test."""
    complaints: list[str] = []
    page = browser.new_page(**{"viewport": {"width": 1300, "height": 800}, **options})
    page.set_default_timeout(PATIENCE_MS)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.goto(url)
    expect(page.locator(".card")).to_have_count(cards, timeout=PATIENCE_MS)
    yield page
    page.close()
    assert [text for text in complaints if "net::ERR_" not in text] == [], "but for an operator that is away"


def painted(page: Page, colour: str) -> tuple[int, int, int]:
    """A colour as the screen shows it, in whichever way it is written."""
    script = f"(colour) => ({MEASURE})().paint(colour)"
    red, green, blue = page.evaluate(script, colour)
    return red, green, blue


def low_contrasts(page: Page, *, least: float = 4.5) -> list[str]:
    """Texts that are hard to read on what is behind them (WCAG 2.2, 1.4.3), but for those that shall not stand out."""
    found: list[tuple[float, str]] = page.evaluate(TEXTS)
    assert len(found) > 20, "that many words at least are there to be read"
    return [f"{text}: {value:.2f}" for value, text in found if value < least]


def nameless(page: Page) -> list[str]:
    """What assistive technology would announce without a name, by the browser's own accessibility tree."""
    nodes = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    shown = [node for node in nodes if not node.get("ignored") and node.get("role", {}).get("value") in WITH_NAMES]
    assert len(shown) > 5
    return [str(node["role"]["value"]) for node in shown if not node.get("name", {}).get("value", "").strip()]
