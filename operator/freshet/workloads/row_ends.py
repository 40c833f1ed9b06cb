"""Whether all rows of a file end alike, with LF, CR LF or CR: else it is refused before DuckDB reads it.

DuckDB takes what ends the first line for the end of each. Any other behind a closed quote is text to it: it looks for
the end of that row as far as its buffer goes, and so from each row on, so that a file of 2.5 MB took hours; then it
blames a good row.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

from freshet.workloads.by_lines import Lines, lines_of
from freshet.workloads.errors import DataRefused
from freshet.workloads.lines import chunks, line_ends
from freshet.workloads.records import LONGEST
from freshet.workloads.spec import Csv

__all__ = ["counted"]

_NAMES = {b"\n": "LF", b"\r\n": "CR LF", b"\r": "CR"}
_END = re.compile(rb"\r\n|\r|\n")
_TWICE = b"\r\r\n"
"""What CR LF becomes where text is written as such twice, as Python does on Windows: a row, and a blank line."""
_BOM = "\ufeff".encode()


def counted(files: Iterable[str], csv: Csv, *, ahead: Mapping[str, int]) -> dict[str, Lines]:
    """How many lines each of ``files`` has. Raises DataRefused for one whose rows do not end alike."""
    return {path: _counted(path, csv, ahead[path]) for path in files}


def _counted(path: str, csv: Csv, ahead: int) -> Lines:
    lines = lines_of(path, csv)
    found = _first_other(_whole_lines(chunks(path, csv)), csv) if lines.ends_differ else None
    if found is None:
        return lines
    line, usual, other = found
    if other == _TWICE:
        raise DataRefused(
            "BadCsv",
            f"The rows of {path} end with CR CR LF: the export wrote line ends twice; nothing was loaded: let it write"
            " them as they are (in Python, open the file with newline='').",
        )
    raise DataRefused(
        "BadCsv",
        f"{path} has mixed line ends: some of its rows end with {_NAMES[usual]}, line {line + ahead} with"
        f" {_NAMES[other]}; nothing was loaded: let all that write to it end lines alike, and quote a value that has"
        " line ends, with the quotes in it doubled.",
    )


def _first_other(pieces: Iterable[tuple[bytes, bool]], csv: Csv) -> tuple[int, bytes, bytes] | None:
    """The first line that ends otherwise, outside of quotes, than the first one does; and how both end.

    The other end is ``_TWICE`` where most rows end so.
    """
    quotes, usual, lines = _Quotes(csv) if csv.quote else None, b"", 0
    for piece, is_last in pieces:
        outside = quotes.blanked(piece) if quotes is not None else piece
        if not usual and (end := _END.search(outside)):
            usual = end[0]
        if is_last and usual == b"\r\n":
            outside = outside.removesuffix(b"\r")  # which may be half of one
        if other := _other(outside, usual):
            line = lines + line_ends(piece[: other.start()], after=b"") + 1
            return line, usual, _TWICE if _are_twice(outside) else other[0]
        lines += line_ends(piece, after=b"")
    return None


def _other(text: bytes, usual: bytes) -> re.Match[bytes] | None:
    both = text.count(b"\r\n")
    counts = {b"\r\n": both, b"\r": text.count(b"\r") - both, b"\n": text.count(b"\n") - both}
    if not any(count for end, count in counts.items() if end != usual):
        return None
    return next((end for end in _END.finditer(text) if end[0] != usual), None)


def _are_twice(text: bytes) -> bool:
    """Each such row has two line ends."""
    return text.count(_TWICE) * 4 > line_ends(text, after=b"")


def _whole_lines(parts: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Pieces that end where a line does, and whether it is the last; none behind a line that DuckDB does not take."""
    rest, first = b"", True
    for part in parts:
        text = rest + part
        if first:
            text, first = text.removeprefix(_BOM), False
        end = max(text.rfind(b"\n"), text.rfind(b"\r", 0, -1)) + 1
        if end:
            yield text[:end], False
        rest = text[end:]
        if len(rest) > LONGEST:
            return
    yield rest, True


class _Quotes:
    """Values within quotes, from one piece of a text to the next, as ``records`` finds them.

    Those of one row are found at once: one by one they took as long as half the load.
    """

    def __init__(self, csv: Csv) -> None:
        quote, escape, delimiter = re.escape(csv.quote), re.escape(csv.escaping), re.escape(csv.delimiter)
        escaped = quote if csv.escaping == csv.quote else "."
        text = f"[^{quote}{escape}]*+(?:{escape}{escaped}[^{quote}{escape}]*+)*+"
        before = (f"(?<={begin}{space}{quote})" for begin in (delimiter, r"\A", r"[\r\n]") for space in ("", " "))
        opening = f"{quote}(?:{'|'.join(before)})"
        to_next = rf"[^{quote}{escape}]*+(?:{escape}{escaped}|{quote}[^{quote}\r\n]*+{opening})"
        self._rest = re.compile(rf"{text}({quote}|{escape}?\Z)".encode(), re.DOTALL)
        self._values = re.compile(f"{opening}(?:{to_next})*+{self._rest.pattern.decode()}".encode(), re.DOTALL)
        self._quote = csv.quote.encode()
        self._is_open = False

    def blanked(self, piece: bytes) -> bytes:
        """``piece`` with signs in their place that are no line ends."""
        begun = self._rest.sub(self._blank, piece, count=1) if self._is_open else piece
        return self._values.sub(self._blank, begun)

    def _blank(self, value: re.Match[bytes]) -> bytes:
        self._is_open = value[1] != self._quote
        return b"-" * len(value[0])
