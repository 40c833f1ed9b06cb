"""How many lines a file has, by its bytes, which is fast: where each is a row, that is how many rows."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from freshet.workloads.lines import chunks
from freshet.workloads.spec import Csv

__all__ = ["Lines", "blank_lines", "lines_of", "spans", "spans_in"]

_BLANK = re.compile(rb"\n(?=\n)")


@dataclass(frozen=True, kw_only=True)
class Lines:
    """``count``: all but the header, if there is one; None where one may end within quotes. ``quoted``: there is a
    quote.
    """

    count: int | None
    quoted: bool


def spans(text: str) -> bool:
    """Whether a row, without the line end behind it, has several lines."""
    return "\n" in text or "\r" in text


def spans_in(batch: Any) -> bool:
    """Whether a text of an Arrow record batch has several lines: looked up in its bytes."""
    parts = (
        buffer.to_pybytes()
        for column in batch.columns
        if "string" in str(column.type)
        for buffer in column.buffers()[2:]
        if buffer is not None
    )
    return any(b"\n" in part or b"\r" in part for part in parts)


def lines_of(path: str, csv: Csv) -> Lines:
    """A quote within a value without quotes may be taken for one of a pair: None may be told then, or too many."""
    count, last, quotes = -int(csv.header), b"\n", _Quotes(csv)
    for chunk in _with_one_end(chunks(path, csv)):
        if quotes.may_span(chunk):
            return Lines(count=None, quoted=True)
        count += chunk.count(b"\n")
        last = chunk[-1:] or last
    return Lines(count=count + (last != b"\n"), quoted=quotes.seen)


def blank_lines(path: str, csv: Csv) -> int:
    """How many of them are empty. Looked up apart: it takes longer, and few files have any."""
    count, last = 0, b"\n"
    for chunk in _with_one_end(chunks(path, csv)):
        text = last + chunk
        count += sum(1 for _ in _BLANK.finditer(text))
        last = text[-1:]
    return count


class _Quotes:
    """Whether they are open, from one part of a text to the next."""

    def __init__(self, csv: Csv) -> None:
        self._quote = csv.quote.encode()
        self._has_escape = csv.escaping != csv.quote
        self._others = bytes(set(range(256)) - {*self._quote, *b"\n"})
        self._open = b""
        self.seen = False

    def may_span(self, chunk: bytes) -> bool:
        """Whether a line may end within them there. Line ends are LF."""
        if not self._quote or not (self._open or self._quote in chunk):
            return False
        self.seen = True
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
