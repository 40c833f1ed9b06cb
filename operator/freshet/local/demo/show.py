"""``freshet local demo``: put everything on stage and watch three assets become fresh."""

import csv
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

import click
from rich.console import Console
from rich.live import Live

from freshet.local.cluster_client import ClusterError
from freshet.local.controlplane import BuildError, build, progress_bar
from freshet.local.demo.hints import hints
from freshet.local.demo.process import DemoError
from freshet.local.demo.stage import Stage
from freshet.local.demo.steps import steps
from freshet.local.demo.story import Story, status_of
from freshet.local.demo.table import by_depth, line, render, screen
from freshet.local.paths import cache_folder

__all__ = ["demo"]

ASSETS = ("dlt-kaizen-wars-fact-virtual", "stg-kaizen-wars--fact-virtual", "fact-virtual-count")
GROW_EVERY = 20
LOOK_EVERY = 0.1
INTERRUPTED = 130
ONCE_SECONDS = 240
WIDTH_OF_A_LOG = 140
FOOTER = (
    "A load every five minutes; after one without, the first asset is Stale, as its limit says. Ctrl-C ends it all."
)


@click.command()
@click.option("--once", is_flag=True, help="End when all three have materialized: 0 if the count is right.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where it all lives; emptied before each show. Default: below the cache folder.",
)
def demo(*, once: bool, folder: Path | None) -> None:
    """Run the kaizen-wars example on this machine and watch it become fresh."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH_OF_A_LOG)
    try:
        with _signals():
            _play(console, once=once, folder=(folder or cache_folder() / "demo").absolute())
    except (DemoError, BuildError, ClusterError) as error:
        raise click.ClickException(str(error)) from None
    except KeyboardInterrupt:
        console.print("Stopped; nothing is left running.")
        sys.exit(INTERRUPTED if once else 0)


def _play(console: Console, *, once: bool, folder: Path) -> None:
    with progress_bar() as progress:
        binary = build(progress=progress)
    with Stage(folder=folder, binary=binary, step=steps(console)) as stage:
        try:
            _once(stage, console) if once else _live(stage, console)
        except KeyboardInterrupt:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not cut the clearing up short
            raise


@contextmanager
def _signals() -> Iterator[None]:
    """A closed terminal and SIGTERM end the demo as Ctrl-C does."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, interrupt)
    yield


def _once(stage: Stage, console: Console) -> None:
    """Print each change; done when the last asset has counted what the CSV holds."""
    end, story = time.monotonic() + ONCE_SECONDS, Story()
    while True:
        assets = _look(stage, story, console)
        if _complete(assets):
            console.print(render(assets.values(), now=datetime.now(UTC)))
            return _compare(stage, assets, console)
        failed = [name for name, asset in assets.items() if _failed(asset)]
        if failed or time.monotonic() > end:
            console.print(render(assets.values(), now=datetime.now(UTC)))
            why = f"{' and '.join(failed)} failed" if failed else f"not all assets materialized in {ONCE_SECONDS} s"
            raise DemoError(f"{why}: {_reasons(assets)} (logs: {stage.folder / 'logs'})")
        time.sleep(LOOK_EVERY)


def _look(stage: Stage, story: Story, console: Console) -> dict[str, dict[str, Any]]:
    """The assets by name; what changed is printed as a line."""
    stage.check()
    assets = sorted(stage.assets(), key=by_depth)
    for change in story.look(assets, now=datetime.now(UTC)):
        console.print(line(change), highlight=False, soft_wrap=True)
    return {asset["metadata"]["name"]: asset for asset in assets}


def _complete(assets: dict[str, dict[str, Any]]) -> bool:
    """All have a version and nothing is on its way, so that the count has seen what was loaded."""
    found = [status_of(assets.get(name, {})) for name in ASSETS]
    return all(status.get("version") and status.get("state") != "Updating" for status in found)


def _failed(asset: dict[str, Any]) -> bool:
    """The newest run failed by its own fault; one that was merely interrupted is tried again soon."""
    status = status_of(asset)
    return status.get("state") == "Failed" or (status.get("lastRun") or {}).get("outcome") == "Failed"


def _compare(stage: Stage, assets: dict[str, dict[str, Any]], console: Console) -> None:
    with stage.csv.open(newline="", encoding="utf-8") as file:
        expected = sum(1 for _ in csv.reader(file)) - 1
    counted = status_of(assets["fact-virtual-count"]).get("rows")
    if counted != expected:
        raise DemoError(f"fact_virtual_count_asset counted {counted} rows, but the CSV holds {expected}")
    console.print(f"[green]All three assets are there; the count of {counted:,} rows equals the CSV's.[/]")


def _reasons(assets: dict[str, dict[str, Any]]) -> str:
    said = ((name, _reason(status_of(asset))) for name, asset in assets.items())
    return "; ".join(f"{name}: {reason}" for name, reason in said if reason)


def _reason(status: dict[str, Any]) -> str:
    """What its newest run says, where that went wrong, says more than its state."""
    last = status.get("lastRun") or {}
    wrong = last.get("outcome") in ("Failed", "Interrupted", "Cancelled") and last.get("message")
    return str(wrong or status.get("reason") or "")


def _live(stage: Stage, console: Console) -> None:
    """Until Ctrl-C. On a terminal a table that changes in place; in a log a line for each change."""
    console.print(hints(stage), highlight=False, soft_wrap=True)
    story, silent = Story(), Console(quiet=True)
    with Live(console=console, auto_refresh=False) as live:
        grow_at = time.monotonic() + GROW_EVERY
        while True:
            if console.is_terminal:
                assets = _look(stage, story, silent).values()
                shown = screen(assets, changes=story.changes, footer=FOOTER, now=datetime.now(UTC))
                live.update(shown, refresh=True)
            else:
                _look(stage, story, console)
            if time.monotonic() >= grow_at:
                stage.grow()
                grow_at = time.monotonic() + GROW_EVERY
            time.sleep(0.25)
