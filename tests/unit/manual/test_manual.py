"""The documents as they are served and printed."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urljoin

import aiohttp
import pytest
from click.testing import CliRunner

from freshet.cli import main
from freshet.manual import manual
from freshet.manual.app import HEADERS
from freshet.manual.folder import runbooks
from freshet.runtime.http import HttpServer

ROOT = Path(__file__).parents[3]


@pytest.fixture
async def url() -> AsyncIterator[str]:
    http = HttpServer(unhealthy=lambda: None, unready=lambda: None)
    http.mount("/docs", manual())
    port = await http.start(port=0, host="127.0.0.1")
    yield f"http://127.0.0.1:{port}"
    await http.close()


async def get(url: str) -> tuple[int, str, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
        body = await answer.read()
        return answer.status, answer.content_type, body.decode(errors="replace")


@pytest.mark.parametrize("name", sorted(runbooks()))
@pytest.mark.parametrize("suffix", ["", ".md"])
async def test_each_runbook_can_be_opened(url: str, name: str, suffix: str) -> None:
    status, kind, text = await get(f"{url}/docs/runbooks/{name}{suffix}")
    assert (status, kind) == (200, "text/html")
    for words in (">What it means</h2>", ">What to look at</h2>", ">What to do</h2>", "<pre><code"):
        assert words in text


@pytest.mark.parametrize("name", [*sorted(runbooks()), "README"])
async def test_what_a_runbook_links_to_is_served_down_to_its_heading(url: str, name: str) -> None:
    page = f"{url}/docs/runbooks/{name}.md"
    _, _, text = await get(page)
    for link in re.findall(r'href="([^"]+)"', text):
        address, _, heading = urljoin(page, link).partition("#")
        status, _, linked = await get(address)
        assert status == 200, link
        assert not heading or f'id="{heading}"' in linked, link


@pytest.mark.parametrize("place", ["/docs", "/docs/"])
async def test_the_list_of_them_comes_first_with_its_table(url: str, place: str) -> None:
    _, _, text = await get(f"{url}{place}")
    assert "<title>Runbooks</title>" in text
    assert '<td><a href="no-load.md">no-load.md</a></td>' in text


async def test_what_they_link_to_among_the_documents_is_there(url: str) -> None:
    for path in ("freshness.md", "rbac.md", "lineage.md", "lineage-three.png"):
        assert (await get(f"{url}/docs/{path}"))[0] == 200


async def test_nothing_else_is_served(url: str) -> None:
    for path in ("nothing.md", "..%2FREADME.md", "runbooks/..%2F..%2FREADME.md", "runbooks"):
        assert (await get(f"{url}/docs/{path}"))[0] == 404


async def test_what_is_written_in_angle_brackets_is_text(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# <b>A</b>\n\n<script>alert(1)</script> and `<i>`\n")
    http = HttpServer(unhealthy=lambda: None, unready=lambda: None)
    http.mount("/docs", manual(folder=tmp_path))
    port = await http.start(port=0, host="127.0.0.1")
    _, _, text = await get(f"http://127.0.0.1:{port}/docs/a.md")
    await http.close()
    assert "<script>" not in text
    assert "<title>&lt;b&gt;A&lt;/b&gt;</title>" in text


def test_without_an_operator_they_are_printed() -> None:
    shown = CliRunner().invoke(main, ["runbook", "https://git.example.com/docs/runbooks/operator-down.md"])
    assert shown.output == (ROOT / "docs" / "runbooks" / "operator-down.md").read_text()
    assert CliRunner().invoke(main, ["runbook"]).output.splitlines() == sorted(runbooks())
    refused = CliRunner().invoke(main, ["runbook", "nothing"])
    assert (refused.exit_code, "operator-down" in refused.output) == (1, True)
