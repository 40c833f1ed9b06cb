"""Memory of an idle operator that watches the example: what freshet costs a cluster all day long.

    PYTHONPATH=. python tests/bench/memory.py [--idle 20]

The demo is played until its three assets are there, then left alone. The last line is one JSON object. Bar: ≤ 65 MB,
a tenth of what the Dagster deployment that it replaces holds at rest (646 MB).
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

from rich.console import Console
from tests.bench.support import memory_mb

from freshet.local.controlplane import build, progress_bar
from freshet.local.demo.once import play_once
from freshet.local.demo.stage import Stage
from freshet.local.demo.steps import steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--idle", type=int, default=20, help="seconds of rest before the look")
    options = parser.parse_args()
    console = Console(width=140)
    with progress_bar() as progress:
        binary = build(progress=progress)
    with (
        tempfile.TemporaryDirectory(prefix="freshet-bench-") as name,
        Stage(folder=Path(name) / "demo", binary=binary, step=steps(console)) as stage,
    ):
        play_once(stage, console=console)
        time.sleep(options.idle)
        pid = next(program.pid for program in stage.programs if program.name == "operator")
        figures = {"rss_mb": memory_mb(pid, "VmRSS"), "peak_mb": memory_mb(pid, "VmHWM")}
    print(f"{'memory of the idle operator (MB)':42}{figures['rss_mb']:>12,}")
    print(f"{'at its peak (MB)':42}{figures['peak_mb']:>12,}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
