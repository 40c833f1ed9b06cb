"""Row checks, as data: pure, shared by loads and counts."""

from typing import Any

from freshet.workloads.spec import Checks

__all__ = ["evaluate"]


def evaluate(*, checks: Checks | None, rows: int, previous: int | None) -> list[dict[str, Any]]:
    """The outcome of each declared check as ``{name, passed, severity, message}``.

    ``previous``: rows before; without it, or with 0, a drop cannot be judged and the check passes.
    """
    if checks is None or checks.rows is None:
        return []
    declared = checks.rows
    found = []
    if declared.minimum is not None:
        text = f"{rows:,} rows, at least {declared.minimum:,} expected"
        found.append(("rows.minimum", rows >= declared.minimum, text))
    if declared.maximum is not None:
        text = f"{rows:,} rows, at most {declared.maximum:,} expected"
        found.append(("rows.maximum", rows <= declared.maximum, text))
    if declared.maximum_drop_percent is not None:
        found.append(("rows.maximumDropPercent", *_drop(rows, previous, declared.maximum_drop_percent)))
    return [
        {"name": name, "passed": passed, "severity": declared.severity, "message": text} for name, passed, text in found
    ]


def _drop(rows: int, previous: int | None, limit: float) -> tuple[bool, str]:
    if not previous:
        return True, f"{rows:,} rows, nothing to compare with yet"
    drop = max(0.0, (previous - rows) * 100 / previous)
    passed = drop <= limit
    return passed, f"{rows:,} rows after {previous:,}: {_shown(drop, limit)} % fewer, at most {limit:g} % allowed"


def _shown(drop: float, limit: float) -> str:
    """With as many digits as the judgement needs to be seen: 20.04 is more than 20, and 20.0 is not."""
    digits = next((n for n in range(1, 17) if (round(drop, n) <= limit) == (drop <= limit)), 17)
    return f"{drop:.{digits}f}"
