"""The three assets as a coloured table, and what happened to them below it."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from freshet.local.demo.story import Change, status_of

__all__ = ["by_depth", "line", "render", "screen"]

COLOURS = {
    "Fresh": "bold green",
    "Aging": "bold yellow",
    "Stale": "bold red",
    "Missing": "dim",
    "Updating": "bold cyan",
    "Failed": "bold white on red",
    "Suspended": "magenta",
}
RECENT = 8


def render(assets: Iterable[dict[str, Any]], *, now: datetime) -> Table:
    """One row per asset, upstreams first."""
    table = Table(title=f"kubectl get assets · {now.astimezone(UTC):%H:%M:%S} UTC", title_justify="left", expand=False)
    for column in ("ASSET", "STATE", "UPDATED", "LIMIT", "ROWS", "REASON"):
        table.add_column(column, justify="right" if column == "ROWS" else "left", overflow="fold")
    for asset in sorted(assets, key=by_depth):
        status = status_of(asset)
        rows = status.get("rows")
        table.add_row(
            asset["spec"].get("key") or asset["metadata"]["name"],
            coloured(status.get("state") or "…"),
            _age(status.get("lastUpdatedAt"), now),
            (status.get("policy") or {}).get("maximumLag") or "",
            f"{rows:,}" if rows is not None else "",
            escape(status.get("reason") or ""),
        )
    return table


def screen(
    assets: Iterable[dict[str, Any]], *, changes: Sequence[Change], footer: str, now: datetime
) -> RenderableType:
    """The table, the newest changes and a last line."""
    recent = [_in_one_line(change) for change in changes[-RECENT:]]
    return Group(render(assets, now=now), *recent, Text(footer, style="dim"))


def _in_one_line(change: Change) -> Text:
    text = Text.from_markup(line(change), overflow="ellipsis")
    text.no_wrap = True
    return text


def line(change: Change) -> str:
    """One change as a line of markup: time, asset, states, why. At first sight the why is passing: objects arrive."""
    before = f"{change.before} → " if change.before else ""
    why = f" [dim]{escape(change.reason)}[/]" if change.reason and change.before and change.after != "Fresh" else ""
    return f"{change.at.astimezone(UTC):%H:%M:%S}  {change.asset:32} {before}{coloured(change.after)}{why}"


def coloured(state: str) -> str:
    """The state as markup."""
    return f"[{COLOURS.get(state, 'white')}]{state}[/]"


def by_depth(asset: dict[str, Any]) -> tuple[int, str]:
    """Sorts an asset after what it is made from: a load, a model, what follows."""
    order = {"source": 0, "dbtCloud": 1}
    kind = next(iter(asset["spec"]["materialize"]))
    return order.get(kind, 2), asset["metadata"]["name"]


def _age(text: str | None, now: datetime) -> str:
    if text is None:
        return "never"
    seconds = max(0, int((now - datetime.fromisoformat(text)).total_seconds()))
    return f"{seconds // 60}m{seconds % 60:02d}s ago" if seconds >= 60 else f"{seconds}s ago"
