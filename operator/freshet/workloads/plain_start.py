"""Files whose first row spans lines that end otherwise than rows do, with a plain line in the place of their header.

Excel ends rows with CR LF and lines within a cell with LF. DuckDB takes what ends the first line of a file for the end
of each row, also where that line is part of a value; told by ``new_line``, it loses rows in silence.
"""

import io
import re
import shutil
from collections.abc import Sequence
from dataclasses import replace
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


def plainly_begun(parts: Sequence[Part], *, csv: Csv, folder: Path) -> tuple[list[Part], Csv]:
    """The parts as they are to be parsed, and how: without a header all get one, where one needs it.

    Raises InputError or Unavailable with a sentence.
    """
    misleading = [_misleads(_first_row(part, csv)) for part in parts]
    if not any(misleading):
        return list(parts), csv
    begun = [
        _begun(part, csv, folder / f"begun-{at:05}") if misleads or not csv.header else part
        for at, (part, misleads) in enumerate(zip(parts, misleading, strict=True))
    ]
    return begun, structs.replace(csv, header=True)


def _first_row(part: Part, csv: Csv) -> str:
    """With its line end; of one that is longer than DuckDB takes, what is kept of it."""
    with readable(part.file.path), open_text(part.path, csv) as stream:
        head = stream.read(LONGEST)
    end = _END.search(head)
    if end is None or not csv.quote or csv.quote not in head[: end.start()]:
        return head[: end.end() if end else None]
    lines = io.StringIO(head, newline="")
    next(records(lines, csv))
    return head[: lines.tell()]


def _misleads(start: str) -> bool:
    ends = _END.findall(start)
    return len(ends) > 1 and start.endswith(ends[-1]) and ends[0] != ends[-1]


def _begun(part: Part, csv: Csv, target: Path) -> Part:
    names, start = part.names or read_header(part.header, csv), _first_row(part, csv)
    with readable(part.file.path), open(part.path, "rb") as source, target.open("wb") as out:
        codec, mark = text_codec(source.read(4), csv)
        source.seek(mark + (len(start.encode(codec)) if csv.header else 0))
        out.write(_line(len(names), start, csv).encode(codec))
        shutil.copyfileobj(source, out)
    left_out = len(_END.findall(start)) if csv.header else 0
    return replace(part, path=str(target), names=names, ahead=part.ahead + left_out - 1)


def _line(fields: int, start: str, csv: Csv) -> str:
    """So many fields, ended as the first row is."""
    field = next(sign for sign in ascii_letters if sign not in csv.delimiter + csv.quote + csv.escaping)
    end: str = (_END.findall(start) or ["\n"])[-1]
    return csv.delimiter.join([field] * fields) + end
