"""From a byte or a row to the physical line in a file: only on the way to an error, so speed matters little."""

import codecs
import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from freshet.workloads.encodings import UTF_8, codec_of
from freshet.workloads.header import open_text, read_header, text_codec
from freshet.workloads.records import records
from freshet.workloads.spec import Csv

__all__ = ["blank_is_row", "blanks_are_rows", "chunks", "line_ends", "lines_of_bytes", "lines_of_rows", "rows_of"]

_CHUNK = 1 << 20
_TEXT = re.compile(rb"[^\r\n]")


def lines_of_bytes(path: str, csv: Csv, positions: Collection[int]) -> dict[int, int]:
    """Byte position (in the unpacked UTF-8 text) → physical line, counted from 1. One pass.

    DuckDB counts the empty lines before a row as part of it, however many they are.
    """
    found: dict[int, int] = {}
    waiting = sorted(set(positions), reverse=True)
    line, at, last = 1, 0, b""
    for chunk in chunks(path, csv):
        begin = 0
        while waiting and waiting[-1] < at + len(chunk):
            row = _TEXT.search(chunk, max(begin, waiting[-1] - at))
            if row is None:
                break
            line += line_ends(chunk[begin : row.start()], after=last)
            begin, last = row.start(), chunk[max(0, row.start() - 1) : row.start()] or last
            found[waiting.pop()] = line
        if not waiting:
            return found
        line, at, last = line + line_ends(chunk[begin:], after=last), at + len(chunk), chunk[-1:]
    return found | dict.fromkeys(waiting, line)


def line_ends(part: bytes, *, after: bytes) -> int:
    """LF, CR LF, or CR alone, as editors count. ``after``: what came before ``part``, which may divide a CR LF."""
    divided = after == b"\r" and part.startswith(b"\n")
    return part.count(b"\n") + part.count(b"\r") - part.count(b"\r\n") - divided


def chunks(path: str, csv: Csv) -> Iterator[bytes]:
    """The unpacked text as UTF-8, a megabyte at a time."""
    if codec_of(csv.encoding) == UTF_8:
        with open_text(path, csv) as stream:
            raw: Any = stream.buffer
            while chunk := raw.read(_CHUNK):
                yield chunk
        return
    with open(path, "rb") as source:
        _, mark = text_codec(source.read(2), csv)
    if mark:
        yield codecs.BOM_UTF8  # which DuckDB counts, and Python does not show
    with open_text(path, csv) as stream:
        while text := stream.read(_CHUNK):
            yield text.encode()


def lines_of_rows(path: str, csv: Csv, rows: Sequence[int], *, skipped: Collection[int]) -> dict[int, tuple[int, str]]:
    """Row (counted from 0 over rows that DuckDB accepted) → physical line and text.

    ``skipped``: lines of the rows that it refused.
    """
    found: dict[int, tuple[int, str]] = {}
    last = max(rows, default=-1)
    wanted = set(rows)
    taken = ((line, text) for line, text in rows_of(path, csv) if line not in skipped)
    for row, (line, text) in enumerate(taken):
        if row in wanted:
            found[row] = (line, text)
        if row >= last:
            break
    return found


def rows_of(path: str, csv: Csv) -> Iterator[tuple[int, str]]:
    """First line and text of each row, good or bad. A blank line is no header."""
    alone = blanks_are_rows(path, csv)
    with open_text(path, csv) as stream:
        is_header = csv.header
        for line, text in records(stream, csv):
            if not text and (is_header or not alone):
                continue
            if not is_header:
                yield line, text
            is_header = False


def blanks_are_rows(path: str, csv: Csv) -> bool:
    """Whether a blank line of ``path`` is one. Without a header ``csv.columns`` tell: what a file grew by may have no
    row.
    """
    return blank_is_row(csv, (not csv.header and csv.columns) or read_header(path, csv))


def blank_is_row(csv: Csv, names: Sequence[str]) -> bool:
    """Whether a blank line is one: of one column, if it is null there. Else DuckDB passes over it."""
    return "" in csv.null_strings and len(names) == 1
