"""``--once``: watch until all three assets are there, and judge the count; or say what went wrong."""

import csv
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from rich.console import Console

from freshet.local.demo.process import DemoError
from freshet.local.demo.story import Story, status_of
from freshet.local.demo.table import by_depth, line, render

__all__ = ["ASSETS", "Playing", "look", "play_once"]

ASSETS = ("dlt-kaizen-wars-fact-virtual", "stg-kaizen-wars--fact-virtual", "fact-virtual-count")
LOOK_EVERY = 0.1
ONCE_SECONDS = 240


class Playing(Protocol):
    """What is asked of a Stage."""

    @property
    def folder(self) -> Path: ...
    @property
    def csv(self) -> Path: ...
    def check(self) -> None: ...
    def assets(self) -> list[dict[str, Any]]: ...


def play_once(stage: Playing, *, console: Console, seconds: float = ONCE_SECONDS) -> None:
    """Print each change; done when the last asset has counted what the CSV holds. Raises DemoError."""
    end, story = time.monotonic() + seconds, Story()
    while True:
        assets = look(stage, story=story, console=console)
        if _complete(assets):
            console.print(render(assets.values(), now=datetime.now(UTC)))
            return _compare(stage, assets, console)
        failed = {name: asset for name, asset in assets.items() if _failed(asset)}
        if failed or time.monotonic() > end:
            console.print(render(assets.values(), now=datetime.now(UTC)))
            what = "the demo failed" if failed else f"not all assets materialized in {seconds:g} s"
            raise DemoError(f"{what}. {_reasons(failed or assets)} (logs: {stage.folder / 'logs'})")
        time.sleep(LOOK_EVERY)


def look(stage: Playing, *, story: Story, console: Console) -> dict[str, dict[str, Any]]:
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


def _compare(stage: Playing, assets: dict[str, dict[str, Any]], console: Console) -> None:
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
