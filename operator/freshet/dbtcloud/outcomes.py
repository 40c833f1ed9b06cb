"""What became of one dbt node in one run: the words, and what each means for its Asset."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

__all__ = ["CheckResult", "NodeResult", "Outcome", "outcome_of", "same_relation"]

Outcome = Literal["Success", "PartialSuccess", "Error", "Skipped", "NoOp", "Reused", "Cancelled", "Unknown"]
"""Success, PartialSuccess: a new version. Error: an attempt that left the version alone. NoOp, Reused: dbt looked and
left the table as it was. Skipped: no attempt, it waits for what failed above it. Cancelled: no attempt. Unknown: a word
not yet invented, or a result that was left out: it follows the run (a failed one failed, another has looked)."""

_OUTCOMES: dict[str, Outcome] = {
    "success": "Success",
    "partial success": "PartialSuccess",
    "partial_success": "PartialSuccess",
    "error": "Error",
    "runtime error": "Error",
    "fail": "Error",
    "skipped": "Skipped",
    "skip": "Skipped",
    "no-op": "NoOp",
    "noop": "NoOp",
    "no_op": "NoOp",
    "reused": "Reused",
    "cancelled": "Cancelled",
}


@dataclass(frozen=True, kw_only=True)
class NodeResult:
    """A model, seed or snapshot in a run. Times are UTC, `seconds` the time it took, `message` one line."""

    unique_id: str
    outcome: Outcome
    status: str = ""
    """dbt's own word."""
    relation: str | None = None
    rows_affected: int | None = None
    """Of the statement, so those of the table only where it was built whole (a table, a seed)."""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    seconds: float | None = None
    message: str = ""

    @property
    def built(self) -> bool:
        """Did it make a new version?"""
        return self.outcome in ("Success", "PartialSuccess")

    @property
    def considered(self) -> bool:
        """Did dbt look at it, so that the need is met?"""
        return self.built or self.outcome in ("NoOp", "Reused")

    @property
    def attempted(self) -> bool:
        """Does it count as an attempt of this model?"""
        return self.built or self.outcome == "Error"


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """A test that ran, and the nodes that it is about (none where that is not known)."""

    unique_id: str
    name: str
    nodes: tuple[str, ...]
    passed: bool
    severity: Literal["error", "warn"]
    message: str = ""
    at: datetime | None = None


def outcome_of(status: str | None) -> Outcome:
    """The outcome that a status means; one not yet invented is Unknown, never an error of ours."""
    return _OUTCOMES.get((status or "").strip().lower(), "Unknown")


def same_relation(one: str | None, other: str | None) -> bool | None:
    """Do two relation names mean one table, whatever their quotes, case and catalog? None where one is not known."""
    if not one or not other:
        return None
    first, second = _identifiers(one), _identifiers(other)
    size = min(len(first), len(second))
    return first[-size:] == second[-size:]


def _identifiers(relation: str) -> list[str]:
    """``"a"."b.c"`` → [a, b.c]. A dot within quotes belongs to the name."""
    parts, quote = [""], ""
    for letter in relation.strip():
        if letter in '"`' and quote in ("", letter):
            quote = "" if quote else letter
        elif letter == "." and not quote:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.casefold() for part in parts]
