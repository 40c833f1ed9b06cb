"""Whether DuckDB took each row of a file for one: it may lose its place, and then rows, and tells nothing of it.

In pieces of 8 MB it guesses where the first row of each begins, which is wrong within quotes, and leaves the last one
out if that is a bad row. In one piece it goes wrong behind a row that is longer than its buffers, and says nothing of
the last row where its quotes are left open. So pieces are for files each of whose lines is a row, and all rows are
counted once more: by line ends where these tell, else apart from DuckDB.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

from freshet.workloads.bad_rows import SHOWN, Refused
from freshet.workloads.by_lines import Lines, blank_lines, spans
from freshet.workloads.errors import DataRefused
from freshet.workloads.lines import blanks_are_rows, rows_of
from freshet.workloads.records import LONGEST
from freshet.workloads.spec import Csv

__all__ = ["PlaceLost", "Way", "expect_all", "way_of"]

_TAKEN = 2_000_000
"""Bytes of a row that DuckDB takes."""


class PlaceLost(Exception):
    """Read the other way, in one piece or in several, it may be right."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


@dataclass(frozen=True, kw_only=True)
class Way:
    """How a file is read. ``lines``: how many there are but the header, None where one is no row. ``each_line``: in
    pieces, since each line is taken for a row, though there are quotes. ``is_turned``: it was read
    in the other way before. ``is_last``: there is none left.
    """

    lines: int | None
    in_pieces: bool
    each_line: bool
    is_turned: bool
    is_last: bool

    def tells(self, count: int, path: str, csv: Csv) -> bool:
        """Whether so many rows are all of ``path``. Blank lines are looked up where there seem to be some."""
        if self.lines is None or count == self.lines:
            return self.lines is not None
        return not blanks_are_rows(path, csv) and count == self.lines - blank_lines(path, csv)


def way_of(path: str, lines: Lines, *, is_turned: bool) -> Way:
    """``is_turned``: it was read in the one way, and now is to be in the other: in several pieces, or in one."""
    is_short = os.path.getsize(path) <= _TAKEN
    in_pieces = is_short or (lines.count is not None) != is_turned
    each_line = in_pieces and not is_short and lines.count is not None and lines.quoted
    return Way(
        lines=lines.count,
        in_pieces=in_pieces,
        each_line=each_line,
        is_turned=is_turned,
        is_last=is_short or is_turned,
    )


def expect_all(path: str, csv: Csv, *, count: int, told: Sequence[Refused], way: Way, ahead: int) -> list[Refused]:
    """Those that were ``told``, with the text that they have in the file.

    Raises PlaceLost, or DataRefused where there is no other way, if ``count``, of good and bad rows, is not how many
    there are, or one that was told is none of them. Of lines in a quoted field that is longer than ``LONGEST`` some may
    have come for as many that are lost.
    """
    lines = {one.line: one for one in told}
    found: list[Refused] = []
    rows, longest, text = 0, 0, ""
    for line, own in rows_of(path, csv):
        rows += 1
        if way.each_line and spans(own):
            raise PlaceLost(path)
        if len(own) > len(text):
            longest, text = line, own
        if line in lines and lines[line].is_of(own):
            found.append(replace(lines[line], raw=own[:SHOWN]))
    swallows = len(text) >= LONGEST and spans(text)
    if rows == count and len(found) == len(told) and not swallows:
        return found
    if not (way.is_last or swallows):
        raise PlaceLost(path)
    raise DataRefused(
        "BadCsv",
        f"The rows of {path} cannot be told apart: the longest, which begins in line {longest + ahead}, has a quote"
        " that is never closed, or one in its text that is not doubled, or is longer than 2 MB; nothing was loaded, so"
        " that none is lost: mend the export.",
    )
