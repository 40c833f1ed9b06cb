"""Whether DuckDB took each row of a file for one: within quotes it may lose its place, and then rows.

It reads pieces of 8 MB, and guesses where the first row of each begins; in one piece it goes wrong behind a row that is
longer than its buffers, and says nothing of the last row where its quotes are left open. So a file with line ends
within quotes is read in one piece, and the rows are counted once more, apart from DuckDB, of such a file and where it
refused a row for its quotes or its length.
"""

import os

from freshet.workloads.errors import DataRefused
from freshet.workloads.lines import chunks, rows_of
from freshet.workloads.records import LONGEST
from freshet.workloads.spec import Csv

__all__ = ["PlaceLost", "expect_all", "is_short", "spans_lines"]

_TAKEN = 2_000_000
"""Bytes of a row that DuckDB takes."""
_ENDS = b"\r\n"
_ONE_END = bytes.maketrans(b"\r", b"\n")


class PlaceLost(Exception):
    """Read the other way, in one piece or in several, it may be right: in several where its quotes are left open."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


def is_short(path: str) -> bool:
    """Whether DuckDB cannot lose its place there."""
    return os.path.getsize(path) <= _TAKEN


def spans_lines(path: str, csv: Csv) -> bool:
    """Whether a line may end within quotes, in a file that is not short. A quote within a value that has none about it
    may be taken for one of a pair: it then says so of a file where none does.
    """
    if not csv.quote or is_short(path):
        return False
    quote, is_open = csv.quote.encode(), False
    others = bytes(set(range(256)) - {*quote, *_ENDS})
    for chunk in chunks(path, csv):
        if not is_open and quote not in chunk:
            continue
        if csv.escaping != csv.quote:
            return True
        # Two quotes with no line end between are nothing, or one, whose like has come before.
        marks = (quote * is_open + chunk.translate(_ONE_END, others)).replace(quote * 2, b"")
        lines, _, rest = marks.rpartition(b"\n")
        if quote in lines:
            return True
        is_open = bool(rest)
    return False


def expect_all(path: str, csv: Csv, *, count: int, is_last: bool, ahead: int) -> None:
    """Raises PlaceLost, or DataRefused if it ``is_last``, where ``count``, of good and bad rows, is not how many there
    are.

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
    if not (is_last or spans):
        raise PlaceLost(path)
    raise DataRefused(
        "BadCsv",
        f"The rows of {path} cannot be told apart: the longest, which begins in line {longest + ahead}, has a quote"
        " that is never closed, or is longer than 2 MB; nothing was loaded, so that none is lost: mend the export.",
    )
