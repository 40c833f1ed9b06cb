"""Checks of the lineage page's sources: types, and the tests of its pure parts. Packages lie in ``ui/node_modules``."""

import hashlib
import subprocess
from pathlib import Path

from freshet.local.build_once import BuildError, Progress, one_at_a_time
from freshet.local.build_ui import Node, run, tools
from freshet.local.paths import checkout, ui_cache

__all__ = ["check_ui"]

STAMP = "node_modules/.freshet"


def check_ui(*, progress: Progress) -> None:
    """Raises BuildError with what is wrong; tests print for themselves."""
    folder = checkout() / "ui"
    with one_at_a_time(ui_cache(), what="the lineage page", progress=progress) as told:
        node = tools(told)
        _packages(folder, node=node, progress=told)
    run([*node.node, "node_modules/typescript/bin/tsc", "--noEmit"], folder=folder, what="The types do not hold")
    if subprocess.run([*node.node, "test.mjs"], cwd=folder, check=False).returncode:
        raise BuildError("Tests of the lineage page failed: their output is above.")


def _packages(folder: Path, *, node: Node, progress: Progress) -> None:
    """Those of the lock file, fetched once per state of it."""
    state, stamp = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest(), folder / STAMP
    if stamp.exists() and stamp.read_text() == state:
        return
    progress("Fetching the lineage page's packages")
    run([*node.npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder=folder)
    stamp.write_text(state)
