"""``freshet local demo``: put everything on stage and watch three assets become fresh."""

import csv
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.live import Live

from freshet.local.cluster_client import ClusterError
from freshet.local.controlplane import BuildError, build, progress_bar
from freshet.local.demo.process import DemoError
from freshet.local.demo.stage import NAMESPACE, Stage
from freshet.local.demo.table import render
from freshet.local.paths import cache_folder

__all__ = ["demo"]

ASSETS = ("dlt-kaizen-wars-fact-virtual", "stg-kaizen-wars--fact-virtual", "fact-virtual-count")
GROW_EVERY = 45
ONCE_SECONDS = 240


@click.command()
@click.option("--once", is_flag=True, help="End when all three have materialized: 0 if the count is right.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where it all lives; made anew each time. Default: below the cache folder.",
)
def demo(*, once: bool, folder: Path | None) -> None:
    """Run the kaizen-wars example on this machine and watch it become fresh."""
    console = Console()
    try:
        with progress_bar() as progress:
            binary = build(progress=progress)
        place = (folder or cache_folder() / "demo").absolute()
        with Stage(folder=place, binary=binary, say=lambda line: console.print(f"[dim]· {line}[/]")) as stage:
            _once(stage, console) if once else _live(stage, console)
    except (DemoError, BuildError, ClusterError) as error:
        raise click.ClickException(str(error)) from None
    except KeyboardInterrupt:
        console.print("Stopped; nothing is left running.")


def _assets(stage: Stage) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = json.loads(
        stage.cluster.kubectl("get", "assets", f"--namespace={NAMESPACE}", "--output=json")
    )["items"]
    return items


def _once(stage: Stage, console: Console) -> None:
    """Print each transition; done when the last asset has counted what the CSV holds."""
    end, shown = time.monotonic() + ONCE_SECONDS, {}
    began = time.monotonic()
    while time.monotonic() < end:
        stage.check()
        assets = {asset["metadata"]["name"]: asset for asset in _assets(stage)}
        for name, asset in assets.items():
            state = (asset.get("status") or {}).get("state")
            if state and shown.get(name) != state:
                shown[name] = state
                console.print(f"{time.monotonic() - began:6.1f} s  {name:32} {state}")
        if _complete(assets):
            console.print(render(assets.values(), now=datetime.now(UTC)))
            _compare(stage, assets, console)
            return
        time.sleep(0.2)
    console.print(render(assets.values(), now=datetime.now(UTC)))
    raise DemoError(f"not all assets materialized within {ONCE_SECONDS} s: {_reasons(assets)} (logs: {stage.folder}/logs)")


def _complete(assets: dict[str, dict[str, Any]]) -> bool:
    return all((assets.get(name, {}).get("status") or {}).get("version") for name in ASSETS)


def _compare(stage: Stage, assets: dict[str, dict[str, Any]], console: Console) -> None:
    with stage.csv.open(newline="", encoding="utf-8") as file:
        expected = sum(1 for _ in csv.reader(file)) - 1
    counted = assets["fact-virtual-count"]["status"].get("rows")
    if counted != expected:
        raise DemoError(f"fact_virtual_count_asset counted {counted} rows, but the CSV holds {expected}")
    console.print(f"[green]All three assets are there; the count of {counted:,} rows equals the CSV's.[/]")


def _reasons(assets: dict[str, dict[str, Any]]) -> str:
    return "; ".join(f"{name}: {(asset.get('status') or {}).get('reason')}" for name, asset in assets.items())


def _live(stage: Stage, console: Console) -> None:
    console.print(_hints(stage))
    grow_at = time.monotonic() + GROW_EVERY
    with Live(console=console, refresh_per_second=2) as live:
        while True:
            stage.check()
            live.update(render(_assets(stage), now=datetime.now(UTC)))
            if time.monotonic() >= grow_at:
                stage.grow()
                grow_at = time.monotonic() + GROW_EVERY
            time.sleep(0.5)


def _hints(stage: Stage) -> str:
    return f"""
In another terminal:
  [bold]export KUBECONFIG={stage.cluster.kubeconfig} PATH={stage.tools}:$PATH[/]
  [bold]kubectl config set-context --current --namespace={NAMESPACE}[/]
  [bold]kubectl get assets -w[/]            what you see below; [bold]-o wide[/] says more
  [bold]kubectl get fpl,cronjobs,jobs[/]    the Pipeline, its CronJob, the runs
  [bold]kubectl annotate asset/dlt-kaizen-wars-fact-virtual freshet.dev/requestedAt="$(date +%s)" --overwrite[/]   load now
  [bold]kubectl describe asset/fact-virtual-count[/]
  [bold]kubectl logs job/<name>[/]
  [bold]curl -s {stage.metrics_url} | grep freshet_asset[/]
Loads come every five minutes; the first asset's limit is one minute, so it turns Stale in between. Ctrl-C ends it all.
"""
