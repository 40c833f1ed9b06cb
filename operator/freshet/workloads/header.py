"""The head of a CSV file: its column names, read as text before DuckDB sees it."""

import codecs
import csv as csvlib
import io
import zlib
from typing import Any

from freshet.workloads.encodings import UTF_8, codec_of
from freshet.workloads.errors import InputError
from freshet.workloads.not_csv import expect_text
from freshet.workloads.records import is_sound, records
from freshet.workloads.spec import Csv

__all__ = [
    "first_record",
    "leading_blanks",
    "open_text",
    "read_header",
    "text_codec",
]

_SHORTEST, _LONGEST = 16, 1 << 20
csvlib.field_size_limit(1 << 31)
"""Python takes 128 KB for the longest field; DuckDB refuses a line of more than 2 MB."""


def open_text(path: str, csv: Csv) -> io.TextIOWrapper:
    """The unpacked file as text. Raises InputError for an encoding that is not read here."""
    codec, mark = codec_of(csv.encoding), 0
    if codec == UTF_8:
        codec = "utf-8-sig"
    elif codec == "utf-16":  # Python's own wants a mark at the start
        with open(path, "rb") as source:
            codec, mark = text_codec(source.read(2), csv)
    return _behind(mark, io.TextIOWrapper(open(path, "rb"), encoding=codec, errors="replace", newline=""))


def _behind(mark: int, stream: io.TextIOWrapper) -> io.TextIOWrapper:
    source: Any = stream.buffer
    source.seek(mark)
    return stream


def dialect(csv: Csv) -> dict[str, Any]:
    """The same dialect for Python's csv module."""
    is_doubled = csv.escaping == csv.quote
    return {
        "delimiter": csv.delimiter,
        "quotechar": csv.quote or None,
        "quoting": csvlib.QUOTE_MINIMAL if csv.quote else csvlib.QUOTE_NONE,
        "doublequote": is_doubled,
        "escapechar": None if is_doubled else csv.escaping,
    }


def read_header(path: str, csv: Csv) -> tuple[str, ...]:
    """The names in the first record; without a header ``csv.columns``, or ``column0``…

    Raises InputError with a sentence.
    """
    try:
        with open(path, "rb") as source:
            start = source.read(_SHORTEST)
        with open_text(path, csv) as stream:
            head = stream.read(_LONGEST)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise InputError(
            "FileUnreadable",
            f"The file {path} cannot be read or unpacked: see csv.compression, its permissions and whether it "
            "is whole.",
        ) from error
    expect_text(path, start=start, head=head)
    return _names(head, path, csv)


def _names(head: str, path: str, csv: Csv) -> tuple[str, ...]:
    try:
        reader = csvlib.reader(io.StringIO(head, newline=""), **dialect(csv))
        first = next((record for record in reader if record), None)
    except (csvlib.Error, TypeError) as error:
        raise InputError(
            "HeaderUnreadable",
            f"The first line of {path} cannot be read as CSV: see csv.delimiter and csv.quote, each one character.",
        ) from error
    if first is None:
        raise InputError("EmptyFile", f"The file {path} holds only blank lines: see whether its export failed.")
    if not csv.header:
        return csv.columns or tuple(f"column{index}" for index in range(len(first)))
    if any("\ufffd" in name for name in first):
        raise InputError(
            "BadEncoding", f"The header of {path} is not {csv.encoding}: set csv.encoding or mend the export."
        )
    _expect_sound(head, path, csv)
    return tuple(first)


def _expect_sound(head: str, path: str, csv: Csv) -> None:
    """Raises InputError for a header that Python takes and DuckDB does not, with which all rows below it would go."""
    row = next(text for _, text in records(io.StringIO(head, newline=""), csv) if text)
    if not is_sound(row, csv):
        raise InputError(
            "HeaderUnreadable",
            f"The header of {path} cannot be read as CSV: a quote in it is never closed, or text follows it: see"
            " csv.delimiter and csv.quote, or mend the export.",
        )


def leading_blanks(path: str, csv: Csv) -> int:
    """How many blank lines come before the header: DuckDB would take the first for it. None where there is none."""
    if not csv.header:
        return 0
    with open_text(path, csv) as stream:
        head = stream.read(_LONGEST)
    return len(head[: len(head) - len(head.lstrip("\r\n"))].splitlines())


_MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


def text_codec(head: bytes, csv: Csv) -> tuple[str, int]:
    """How the text is encoded, and the length of the byte order mark at its start. ``head``: its first bytes."""
    wanted = codec_of(csv.encoding)
    marks = ((mark, codec) for mark, codec in _MARKS.items() if codec.startswith(wanted) and head.startswith(mark))
    mark, codec = next(marks, (b"", "utf-16-le" if wanted == "utf-16" else wanted))
    return codec, len(mark)


def first_record(head: bytes, csv: Csv) -> int:
    """How many of a text's first bytes its byte order mark and its header (if it has one) take, line end included."""
    codec, mark = text_codec(head, csv)
    if not csv.header:
        return mark
    lines = io.StringIO(head[mark:].decode(codec, "replace"), newline="").readlines()
    rows = records(lines, csv)
    next((text for _, text in rows if text), None)
    beyond = next((line for line, _ in rows), len(lines) + 1)
    return mark + len("".join(lines[: beyond - 1]).encode(codec))
