"""The three assets as a coloured table."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from rich.table import Table

__all__ = ["render"]

COLOURS = {
    "Fresh": "bold green",
    "Aging": "yellow",
    "Stale": "bold red",
    "Missing": "dim",
    "Updating": "bold cyan",
    "Failed": "bold white on red",
    "Suspended": "magenta",
}


def render(assets: Iterable[dict[str, Any]], *, now: datetime) -> Table:
    """One row per asset, upstreams first."""
    table = Table(title=f"kubectl get assets · {now.astimezone(UTC):%H:%M:%S} UTC", title_justify="left")
    for column in ("ASSET", "STATE", "UPDATED", "LIMIT", "ROWS", "REASON"):
        table.add_column(column, justify="right" if column == "ROWS" else "left", overflow="fold")
    for asset in sorted(assets, key=_depth):
        status = asset.get("status") or {}
        state = status.get("state") or "…"
        rows = status.get("rows")
        table.add_row(
            (asset["spec"].get("key") or asset["metadata"]["name"]),
            f"[{COLOURS.get(state, 'white')}]{state}[/]",
            _age(status.get("lastUpdatedAt"), now),
            (status.get("policy") or {}).get("maximumLag") or "",
            f"{rows:,}" if rows is not None else "",
            (status.get("reason") or "").replace("[", "\\["),
        )
    return table


def _depth(asset: dict[str, Any]) -> tuple[int, str]:
    order = {"source": 0, "dbtCloud": 1}
    kind = next(iter(asset["spec"]["materialize"]))
    return order.get(kind, 2), asset["metadata"]["name"]


def _age(text: str | None, now: datetime) -> str:
    if text is None:
        return "never"
    seconds = int((now - datetime.fromisoformat(text)).total_seconds())
    return f"{seconds // 60}m{seconds % 60:02d}s ago" if seconds >= 60 else f"{max(0, seconds)}s ago"
