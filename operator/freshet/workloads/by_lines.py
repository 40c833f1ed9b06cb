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
    quote. ``ends_differ``: they end in more ways than one, within quotes or outside.
    """

    count: int | None
    quoted: bool
    ends_differ: bool


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
    found, last, quotes, ends, may_span = 0, b"\n", _Quotes(csv), _Ends(), False
    for chunk in ends.made_one(chunks(path, csv)):
        may_span = may_span or quotes.may_span(chunk)
        found += chunk.count(b"\n")
        last = chunk[-1:] or last
    count = None if may_span else found - csv.header + (last != b"\n")
    return Lines(count=count, quoted=quotes.seen, ends_differ=ends.differ(found))


def blank_lines(path: str, csv: Csv) -> int:
    """How many of them are empty. Looked up apart: it takes longer, and few files have any."""
    count, last = 0, b"\n"
    for chunk in _Ends().made_one(chunks(path, csv)):
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


class _Ends:
    """How many lines end with CR LF, which may be parted, and how many with CR."""

    def __init__(self) -> None:
        self._both = self._back = 0
        self._was_back = False

    def made_one(self, parts: Iterable[bytes]) -> Iterator[bytes]:
        """LF for either."""
        for part in parts:
            is_parted = self._was_back and part.startswith(b"\n")
            self._both, self._back = self._both + is_parted, self._back - is_parted
            self._was_back = part.endswith(b"\r")
            yield self._made_one(part[1:] if is_parted else part)

    def _made_one(self, part: bytes) -> bytes:
        if b"\r" not in part:
            return part
        text = part.replace(b"\r\n", b"\n")
        self._both += len(part) - len(text)
        if b"\r" not in text:
            return text
        self._back += text.count(b"\r")
        return text.replace(b"\r", b"\n")

    def differ(self, found: int) -> bool:
        """Of so many in all. A CR at the end of a file may be half of a CR LF."""
        back = self._back - (self._was_back and self._both > 0)
        return [self._both, back, found - self._both - self._back].count(0) < 2
