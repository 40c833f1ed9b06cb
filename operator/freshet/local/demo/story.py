"""What happened to the assets so far: each change of a state, in the order in which it was seen."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

__all__ = ["Change", "Story", "status_of"]


@dataclass(frozen=True, kw_only=True)
class Change:
    """An asset's state differs from the one seen before; ``before`` is empty at first sight."""

    at: datetime
    asset: str
    before: str
    after: str
    reason: str


class Story:
    """Remembers states between looks."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self._states: dict[str, str] = {}

    def look(self, assets: Iterable[dict[str, Any]], *, now: datetime) -> list[Change]:
        """What is new since the look before."""
        seen = [change for asset in assets if (change := self._change(asset, now=now))]
        self.changes += seen
        return seen

    def _change(self, asset: dict[str, Any], *, now: datetime) -> Change | None:
        name, status = asset["metadata"]["name"], status_of(asset)
        after, before = status.get("state") or "", self._states.get(name, "")
        if after in ("", before):
            return None
        self._states[name] = after
        return Change(at=now, asset=name, before=before, after=after, reason=status.get("reason") or "")


def status_of(asset: dict[str, Any]) -> dict[str, Any]:
    """Its status, empty before the operator has seen it."""
    return asset.get("status") or {}
