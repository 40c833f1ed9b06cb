"""Where each row of a CSV file stands, as DuckDB parts them, which is not how Python's csv module does.

DuckDB passes over a space before a quote, and knows an escape within quotes alone. One line end that is taken
otherwise, and each row after it would be told, and set aside, for another.
"""

import re
from collections.abc import Callable, Iterable, Iterator

from freshet.workloads.spec import Csv

__all__ = ["LONGEST", "is_left_open", "is_sound", "records"]

LONGEST = 1 << 22
"""So many characters of a row are kept: more than any has that DuckDB takes, which is 2 MB."""


def records(lines: Iterable[str], csv: Csv) -> Iterator[tuple[int, str]]:
    """(first line, counted from 1; text without its line end) of each row, blank ones too.

    Behind a quote that is never closed all the rest is one: of such a row no more than ``LONGEST`` is kept.
    """
    within = _quotes(csv) if csv.quote else None
    taken: list[str] = []
    first, kept, is_open = 1, 0, False
    for at, line in enumerate(lines, start=1):
        if kept < LONGEST:
            taken.append(line)
            kept += len(line)
        if within is not None and (is_open or csv.quote in line):
            is_open = within(line, is_open)
        if not is_open:
            yield first, "".join(taken).rstrip("\r\n")
            taken.clear()
            first, kept = at + 1, 0
    if taken:
        yield first, "".join(taken).rstrip("\r\n")


def is_left_open(lines: Iterable[str], csv: Csv) -> bool:
    """Whether they end within quotes."""
    within, is_open = _quotes(csv) if csv.quote else None, False
    for line in lines:
        if within is not None and (is_open or csv.quote in line):
            is_open = within(line, is_open)
    return is_open


def is_sound(row: str, csv: Csv) -> bool:
    """Whether each quoted field of a row is closed, with nothing but spaces behind it: else DuckDB does not take it."""
    if not csv.quote:
        return True
    (opening, closing), at = _marks(csv), 0
    behind = re.compile(f" *(?:{re.escape(csv.delimiter)}|[\r\n]|$)")
    while found := opening.search(row, at):
        while found is not None and (found.re is opening or found[0] != csv.quote):
            found = closing.search(row, found.end())
        if found is None or not behind.match(row, found.end()):
            return False
        at = found.end()
    return True


def _marks(csv: Csv) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """What opens quotes, and what may close them: a quote that no escape makes one of the text."""
    quote, escape = re.escape(csv.quote), re.escape(csv.escaping)
    opening = re.compile(f"(?:^|{re.escape(csv.delimiter)}) ?{quote}")
    closing = re.compile(f"{escape}{quote}|{quote}" if escape == quote else f"{escape}.|{quote}", re.DOTALL)
    return opening, closing


def _quotes(csv: Csv) -> Callable[[str, bool], bool]:
    """Whether a line ends within quotes, given whether it begins within them."""
    opening, closing = _marks(csv)

    def within(line: str, is_open: bool) -> bool:
        at = 0
        while found := (closing if is_open else opening).search(line, at):
            at = found.end()
            is_open = not is_open or found[0] != csv.quote
        return is_open

    return within
