"""The table of docs/freshness.md has every reason that an Asset's line can begin with, and no other."""

import re
from pathlib import Path

from freshet.api import conditions as c

DOCUMENT = Path(__file__).parents[3] / "docs" / "freshness.md"
TYPES = {c.READY, c.FRESH, c.UPDATING, c.FAILING, c.CHECKS_PASSED, c.STALLED, c.DBT_CLOUD_READY, c.DISCOVERED}
OF_OTHERS = {
    *(c.RECONCILED, c.IDLE, c.RETRIES_EXHAUSTED, c.RUNS_SUCCEED, c.CHECKS_HOLD, c.CHECKS_FAILED),
    *(c.REACHABLE, c.UNREACHABLE, c.NAME_CONFLICT),
    *(c.MANIFEST_READ, c.MANIFEST_UNREADABLE, c.PARSING, c.CONFLICT, c.INVALID_META, c.TOO_MANY_UPSTREAMS),
}
"""Reasons of conditions only: of an Asset's, of a Pipeline's, of discovery's."""


def words() -> set[str]:
    """All reasons of conditions."""
    return {value for name, value in vars(c).items() if name.isupper() and isinstance(value, str)} - TYPES


def table() -> set[str]:
    """What the lines of the table begin with."""
    section = DOCUMENT.read_text().partition("## Whom to blame\n")[2].partition("\n## ")[0]
    cells = [row.split(" | ")[0] for row in section.splitlines() if row.startswith("| `")]
    return {word for cell in cells for word in re.findall(r"`([A-Z]\w+)", cell)}


def test_every_reason_that_occurs_is_explained_and_no_other() -> None:
    assert table() == words() - OF_OTHERS
    assert words() >= OF_OTHERS
