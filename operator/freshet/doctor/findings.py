"""What an examination found, and how it reads."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

__all__ = ["Finding", "bad", "good", "summary", "trouble", "unsure"]

Level = Literal["good", "unsure", "bad"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """``subject``: what was looked at; ``message``: how it is; ``remedy``: what to do about it."""

    level: Level
    subject: str
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        mark = {"good": "✓", "unsure": "!", "bad": "✗"}[self.level]
        remedy = f"\n  {'':34}→ {self.remedy}" if self.remedy else ""
        return f"{mark} {self.subject:34} {self.message}{remedy}"


def good(subject: str, message: str) -> Finding:
    return Finding(level="good", subject=subject, message=message)


def unsure(subject: str, message: str, remedy: str = "") -> Finding:
    """It may be well; it could not be seen, or is not as one would expect."""
    return Finding(level="unsure", subject=subject, message=message, remedy=remedy)


def bad(subject: str, message: str, remedy: str) -> Finding:
    return Finding(level="bad", subject=subject, message=message, remedy=remedy)


def trouble(findings: Iterable[Finding]) -> int:
    """How many are bad."""
    return sum(finding.level == "bad" for finding in findings)


def summary(findings: Sequence[Finding]) -> str:
    """The last line: what could not be seen, or is not as expected, is not called well."""
    count, open = trouble(findings), sum(finding.level == "unsure" for finding in findings)
    if count:
        return f"{count} of {len(findings)} findings need somebody."
    return f"Nothing is wrong for sure; {open} of {len(findings)} findings are open (!)." if open else "All is well."
