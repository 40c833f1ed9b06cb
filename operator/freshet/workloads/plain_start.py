"""Files whose first row spans lines that end otherwise than rows do, or whose header ends so, with a plain line in the
place of their header.

Excel ends rows with CR LF and lines within a cell with LF; a header from Windows may stand above rows from Linux.
DuckDB takes what ends the first line of a file for the end of each row, also where that line is part of a value; told
by ``new_line``, it loses rows in silence.
"""

import io
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from string import ascii_letters

from msgspec import structs

from freshet.workloads.growth import Part
from freshet.workloads.header import open_text, read_header, text_codec
from freshet.workloads.records import LONGEST, records
from freshet.workloads.spec import Csv
from freshet.workloads.unreadable import readable

__all__ = ["plainly_begun"]

_END = re.compile("\r\n|\r|\n")


@dataclass(frozen=True, kw_only=True)
class _Start:
    """``text``: the header, with the blank lines before it, or else the first row; with its line end. ``end``: that of
    the row below a header, if it has one. Of what is longer than DuckDB takes no more is known than what is kept.
    """

    text: str
    end: str

    @property
    def misleads(self) -> bool:
        ends = _END.findall(self.text)
        return self.text.endswith(("\r", "\n")) and {ends[0], ends[-1]} != {self.end}


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
    text = next(rows, "")
    while csv.header and text and not text.strip("\r\n") and (row := next(rows, "")):
        text += row
    below = _END.findall(next(rows, "")) if csv.header else []
    return _Start(text=text, end=(below or _END.findall(text) or ["\n"])[-1])


def _rows(head: str, csv: Csv) -> Iterator[str]:
    """Each with its line end."""
    lines, begin = io.StringIO(head, newline=""), 0
    for _ in records(lines, csv):
        yield head[begin : lines.tell()]
        begin = lines.tell()


def _begun(part: Part, start: _Start, csv: Csv, target: Path) -> Part:
    names = part.names or read_header(part.header, csv)
    with readable(part.file.path), open(part.path, "rb") as source, target.open("wb") as out:
        codec, mark = text_codec(source.read(4), csv)
        source.seek(mark + (len(start.text.encode(codec)) if csv.header else 0))
        out.write(_line(len(names), start.end, csv).encode(codec))
        shutil.copyfileobj(source, out)
    left_out = len(_END.findall(start.text)) if csv.header else 0
    return replace(part, path=str(target), names=names, ahead=part.ahead + left_out - 1)


def _line(fields: int, end: str, csv: Csv) -> str:
    """So many fields."""
    field = next(sign for sign in ascii_letters if sign not in csv.delimiter + csv.quote + csv.escaping)
    return csv.delimiter.join([field] * fields) + end
