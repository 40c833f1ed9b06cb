"""Files whose first row spans lines that end otherwise than rows do, or whose header, or a blank line about it, ends
so, with a plain line in the place of their header.

Excel ends rows with CR LF and lines within a cell with LF; a header from Windows may stand above rows from Linux.
DuckDB takes what ends the first line of a file for the end of each row, also where that line is part of a value; told
by ``new_line``, it loses rows in silence. Behind a byte order mark it takes each line of a header for a row.
"""

import io
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from string import ascii_letters

from msgspec import structs

from freshet.workloads.by_lines import spans
from freshet.workloads.growth import Part
from freshet.workloads.header import open_text, read_header, text_codec
from freshet.workloads.lines import blank_is_row
from freshet.workloads.records import LONGEST, records
from freshet.workloads.spec import Csv
from freshet.workloads.unreadable import readable

__all__ = ["plainly_begun"]

_END = re.compile("\r\n|\r|\n")


@dataclass(frozen=True, kw_only=True)
class _Start:
    """``text``: the header, with the blank lines before and below it, or else the first row, with those before it;
    with its line end. ``left_out``: what of it is in no copy. ``end``: that of the row below a header, if it has one.
    ``is_parted``: it is a header that DuckDB takes for several rows. Of what is longer than DuckDB takes no more is
    known than what is kept.
    """

    text: str
    left_out: str
    end: str
    is_parted: bool = False

    @property
    def misleads(self) -> bool:
        return self.is_parted or (self.text.endswith(("\r", "\n")) and set(_END.findall(self.text)) != {self.end})


def plainly_begun(parts: Sequence[Part], *, csv: Csv, folder: Path) -> tuple[list[Part], Csv]:
    """The parts as they are to be parsed, and how: without a header all get one, where one needs it.

    Raises InputError or Unavailable with a sentence.
    """
    starts = [_start(part, csv) for part in parts]
    if not any(start.misleads for start in starts):
        return list(parts), csv
    begun = [
        _begun(part, start, csv, folder / f"begun-{at:05}") if start.misleads or not csv.header else part
        for at, (part, start) in enumerate(zip(parts, starts, strict=True))
    ]
    return begun, structs.replace(csv, header=True)


def _start(part: Part, csv: Csv) -> _Start:
    with readable(part.file.path), open_text(part.path, csv) as stream:
        rows = _rows(stream.read(LONGEST), csv)
    return _of_header(rows, part, csv) if csv.header else _of_row(rows, part, csv)


def _of_header(rows: Iterator[str], part: Part, csv: Csv) -> _Start:
    (blank, header), (below, row) = _next(rows), _next(rows)
    if below and blank_is_row(csv, _names(part, csv)):
        below, row = "", below
    text = blank + header + below
    is_parted = spans(header.rstrip("\r\n")) and _is_marked(part, csv)
    return _Start(text=text, left_out=text, end=_end(row, header, blank), is_parted=is_parted)


def _of_row(rows: Iterator[str], part: Part, csv: Csv) -> _Start:
    blank, row = _next(rows)
    if blank and blank_is_row(csv, _names(part, csv)):
        blank, row = "", blank
    return _Start(text=blank + row, left_out=blank, end=_end(row, blank))


def _next(rows: Iterator[str]) -> tuple[str, str]:
    """The blank lines that come next, and the row behind them."""
    blank = ""
    for row in rows:
        if row.strip("\r\n"):
            return blank, row
        blank += row
    return blank, ""


def _end(*texts: str) -> str:
    """That of the first one that has any."""
    return next((ends[-1] for ends in map(_END.findall, texts) if ends), "\n")


def _names(part: Part, csv: Csv) -> tuple[str, ...]:
    return part.names or read_header(part.header, csv)


def _is_marked(part: Part, csv: Csv) -> bool:
    with readable(part.file.path), open(part.path, "rb") as source:
        return text_codec(source.read(4), csv)[1] > 0


def _rows(head: str, csv: Csv) -> Iterator[str]:
    """Each with its line end."""
    lines, begin = io.StringIO(head, newline=""), 0
    for _ in records(lines, csv):
        yield head[begin : lines.tell()]
        begin = lines.tell()


def _begun(part: Part, start: _Start, csv: Csv, target: Path) -> Part:
    names = _names(part, csv)
    with readable(part.file.path), open(part.path, "rb") as source, target.open("wb") as out:
        codec, mark = text_codec(source.read(4), csv)
        source.seek(mark + len(start.left_out.encode(codec)))
        out.write(_line(len(names), start.end, csv).encode(codec))
        shutil.copyfileobj(source, out)
    left_out = len(_END.findall(start.left_out))
    return replace(part, path=str(target), names=names, ahead=part.ahead + left_out - 1)


def _line(fields: int, end: str, csv: Csv) -> str:
    """So many fields."""
    field = next(sign for sign in ascii_letters if sign not in csv.delimiter + csv.quote + csv.escaping)
    return csv.delimiter.join([field] * fields) + end
