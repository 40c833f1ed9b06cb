"""``freshet local demo``: put everything on stage and watch three assets become fresh."""

import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

import click
from rich.console import Console
from rich.live import Live

from freshet.local.build import Progress
from freshet.local.build_ui import build_ui
from freshet.local.cluster_client import ClusterError
from freshet.local.controlplane import BuildError, build, progress_bar
from freshet.local.demo.hints import hints
from freshet.local.demo.once import look, play_once
from freshet.local.demo.process import DemoError
from freshet.local.demo.stage import Stage
from freshet.local.demo.steps import steps
from freshet.local.demo.story import Story
from freshet.local.demo.table import screen
from freshet.local.paths import cache_folder

__all__ = ["demo"]

GROW_EVERY = 20
INTERRUPTED = 130
WIDTH_OF_A_LOG = 140
FIRST_TIME = "Kubernetes is built from its Go modules, once: 6 to 9 minutes on two cores. Later starts take seconds."
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
@click.option(
    "--warehouse",
    type=click.Choice(["duckdb", "databricks"]),
    default="duckdb",
    show_default=True,
    help="What is loaded into: a DuckDB file, or Databricks' stand-in, as the example's manifests say.",
)
def demo(*, once: bool, folder: Path | None, warehouse: str) -> None:
    """Run the kaizen-wars example on this machine and watch it become fresh."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH_OF_A_LOG)
    try:
        with _signals():
            place = (folder or cache_folder() / "demo").absolute()
            _play(console, once=once, folder=place, databricks=warehouse == "databricks")
    except (DemoError, BuildError, ClusterError) as error:
        raise click.ClickException(str(error)) from None
    except KeyboardInterrupt:
        console.print("Stopped; nothing is left running.")
        sys.exit(INTERRUPTED if once else 0)


def _play(console: Console, *, once: bool, folder: Path, databricks: bool) -> None:
    with _page(console) as page, progress_bar() as progress:
        binary = build(progress=_explained(progress, console))
    with Stage(folder=folder, binary=binary, step=steps(console), page=page.folder, databricks=databricks) as stage:
        try:
            play_once(stage, console=console) if once else _live(stage, console)
        except KeyboardInterrupt:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not cut the clearing up short
            raise


@dataclass(kw_only=True)
class _Page:
    """The built lineage page, once there is one."""

    folder: Path | None = None


@contextmanager
def _page(console: Console) -> Iterator[_Page]:
    """Build the lineage page meanwhile. Without Node or its packages the show goes on without the page, and says so."""
    page = _Page()
    with ThreadPoolExecutor(max_workers=1) as builder:
        building = builder.submit(build_ui)
        yield page
        try:
            done = building.done()
            with nullcontext() if done else steps(console)("The lineage page, from ui/ (once)"):
                page.folder = building.result()
        except BuildError as error:
            console.print(f"[yellow]![/] The demo goes on without the lineage page. {error}", highlight=False)


def _explained(progress: Progress, console: Console) -> Progress:
    """The same, after a word on why the first time takes long; nothing is said when all is built."""
    told = False

    def tell(message: str, *, done: int = 0, total: int = 0) -> None:
        nonlocal told
        if not told:
            console.print(FIRST_TIME, highlight=False)
        told = True
        progress(message, done=done, total=total)

    return tell


@contextmanager
def _signals() -> Iterator[None]:
    """A closed terminal and SIGTERM end the demo as Ctrl-C does."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, interrupt)
    yield


def _live(stage: Stage, console: Console) -> None:
    """Until Ctrl-C. On a terminal a table that changes in place; in a log a line for each change."""
    console.print(hints(stage), highlight=False, soft_wrap=True)
    story, silent = Story(), Console(quiet=True)
    with Live(console=console, auto_refresh=False) as live:
        grow_at = time.monotonic() + GROW_EVERY
        while True:
            if console.is_terminal:
                assets = look(stage, story=story, console=silent).values()
                shown = screen(assets, changes=story.changes, footer=FOOTER, now=datetime.now(UTC))
                live.update(shown, refresh=True)
            else:
                look(stage, story=story, console=console)
            if time.monotonic() >= grow_at:
                stage.grow()
                grow_at = time.monotonic() + GROW_EVERY
            time.sleep(0.25)
