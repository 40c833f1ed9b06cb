"""Whether DuckDB took each row of a file for one: it may lose its place, and then rows, and tells nothing of it.

In pieces of 8 MB it guesses where the first row of each begins, which is wrong within quotes, and leaves the last one
out if that is a bad row. In one piece it goes wrong behind a row that is longer than its buffers, and says nothing of
the last row where its quotes are left open. So pieces are for files each of whose lines is a row, and all rows are
counted once more: by line ends where these tell, else apart from DuckDB.
"""

import os
import re
from collections.abc import Iterable, Iterator

from freshet.workloads.errors import DataRefused
from freshet.workloads.lines import chunks, rows_of
from freshet.workloads.records import LONGEST
from freshet.workloads.spec import Csv

__all__ = ["PlaceLost", "expect_all", "is_short", "rows_by_lines"]

_TAKEN = 2_000_000
"""Bytes of a row that DuckDB takes."""
_BLANK = re.compile(rb"\n(?=\n)")


class PlaceLost(Exception):
    """Read the other way, in one piece or in several, it may be right."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


def is_short(path: str) -> bool:
    """Whether DuckDB cannot lose its place there."""
    return os.path.getsize(path) <= _TAKEN


def rows_by_lines(path: str, csv: Csv) -> int | None:
    """How many lines are rows: all but the header, if there is one, and blank ones. None where a line may end within
    quotes.

    A quote within a value that has none about it may be taken for one of a pair, so that this may be None, or too many.
    """
    rows, last, quotes = -int(csv.header), b"\n", _Quotes(csv)
    for chunk in _with_one_end(chunks(path, csv)):
        if quotes.may_span(chunk):
            return None
        rows += chunk.count(b"\n")
        if b"\n\n" in (text := last + chunk):
            rows -= sum(1 for _ in _BLANK.finditer(text))
        last = text[-1:]
    return rows + (last != b"\n")


class _Quotes:
    """Whether they are open, from one part of a text to the next."""

    def __init__(self, csv: Csv) -> None:
        self._quote = csv.quote.encode()
        self._has_escape = csv.escaping != csv.quote
        self._others = bytes(set(range(256)) - {*self._quote, *b"\n"})
        self._open = b""

    def may_span(self, chunk: bytes) -> bool:
        """Whether a line may end within them there. Line ends are LF."""
        if not self._quote or not (self._open or self._quote in chunk):
            return False
        if self._has_escape:
            return True
        # Two quotes with no line end between are nothing, or one, whose like has come before.
        marks = (self._open + chunk.translate(None, self._others)).replace(self._quote * 2, b"")
        lines, _, self._open = marks.rpartition(b"\n")
        return self._quote in lines


def _with_one_end(parts: Iterable[bytes]) -> Iterator[bytes]:
    """LF for CR LF, which may be parted, and for CR."""
    was_cr = False
    for part in parts:
        own = part[1:] if was_cr and part.startswith(b"\n") else part
        was_cr = part.endswith(b"\r")
        yield own.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in own else own


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
