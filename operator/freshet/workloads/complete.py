"""Whether DuckDB took each row of a file for one: within quotes it may lose its place, and then rows.

It reads pieces of 8 MB, and guesses where the first row of each begins; in one piece it goes wrong behind a row that is
longer than its buffers, and says nothing of the last row where its quotes are left open. So the rows are counted once
more, apart from it, where it refused one for its quotes or its length, and always where it read in one piece.
"""

import os

from freshet.workloads.errors import DataRefused
from freshet.workloads.lines import rows_of
from freshet.workloads.records import LONGEST
from freshet.workloads.spec import Csv

__all__ = ["PlaceLost", "expect_all", "is_short"]

_TAKEN = 2_000_000
"""Bytes of a row that DuckDB takes."""


class PlaceLost(Exception):
    """In pieces; it may be right in one."""


def is_short(path: str) -> bool:
    """Whether DuckDB cannot lose its place there."""
    return os.path.getsize(path) <= _TAKEN


def expect_all(path: str, csv: Csv, *, count: int, in_pieces: bool, ahead: int) -> None:
    """Raises PlaceLost or DataRefused where ``count``, of good and bad rows, is not how many there are.

    Of lines in a quoted field that is longer than ``LONGEST`` some may have come for as many that are lost.
    """
    rows, longest, text = 0, 0, ""
    for line, own in rows_of(path, csv):
        rows += 1
        if len(own) > len(text):
            longest, text = line, own
    spans = len(text) >= LONGEST and any(end in text for end in "\r\n")
    if rows == count and not spans:
        return
    if in_pieces and not spans:
        raise PlaceLost(path)
    raise DataRefused(
        "BadCsv",
        f"The rows of {path} cannot be told apart: the longest, which begins in line {longest + ahead}, has a quote"
        " that is never closed, or is longer than 2 MB; nothing was loaded, so that none is lost: mend the export.",
    )
