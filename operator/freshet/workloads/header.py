"""The head of a CSV file: its column names, read as text before DuckDB sees it."""

import csv as csvlib
import io
from typing import Any

from freshet.workloads.errors import InputError
from freshet.workloads.spec import Csv

__all__ = ["open_text", "read_header"]

_LONGEST = 1 << 20
_CODECS = {"utf-8": "utf-8-sig", "utf8": "utf-8-sig", "utf-16": "utf-16", "latin-1": "latin-1"}


def open_text(path: str, csv: Csv) -> io.TextIOWrapper:
    """The file as text, decompressed by its options or its suffix.

    Raises InputError for an encoding that is not read here.
    """
    codec = _CODECS.get(csv.encoding.lower())
    if codec is None:
        raise InputError(
            "EncodingUnknown", f"csv.encoding {csv.encoding} is not read here: use utf-8, utf-16 or latin-1."
        )
    return io.TextIOWrapper(_open_bytes(path, csv.compression), encoding=codec, errors="replace", newline="")


def _open_bytes(path: str, compression: str) -> Any:
    if compression == "gzip" or (compression == "auto" and path.endswith(".gz")):
        import gzip

        return gzip.open(path, "rb")
    if compression == "zstd" or (compression == "auto" and path.endswith(".zst")):
        import pyarrow

        return pyarrow.input_stream(path, compression="zstd")
    return open(path, "rb")


def dialect(csv: Csv) -> dict[str, Any]:
    """The same dialect for Python's csv module."""
    escape = csv.escape if csv.escape is not None else csv.quote
    return {
        "delimiter": csv.delimiter,
        "quotechar": csv.quote or None,
        "quoting": csvlib.QUOTE_MINIMAL if csv.quote else csvlib.QUOTE_NONE,
        "doublequote": escape == csv.quote,
        "escapechar": None if escape == csv.quote else escape,
    }


def read_header(path: str, csv: Csv) -> tuple[str, ...]:
    """The names in the first record, or ``column0``… without a header. Raises InputError with a sentence."""
    try:
        with open_text(path, csv) as stream:
            head = stream.read(_LONGEST)
    except (OSError, EOFError, ValueError) as error:
        raise InputError(
            "FileUnreadable",
            f"The file {path} cannot be read or unpacked: see csv.compression, its permissions and whether it "
            "is whole.",
        ) from error
    return _names(head, path, csv)


def _names(head: str, path: str, csv: Csv) -> tuple[str, ...]:
    try:
        records = csvlib.reader(io.StringIO(head, newline=""), **dialect(csv))
        first = next((record for record in records if record), None)
    except (csvlib.Error, TypeError) as error:
        raise InputError(
            "HeaderUnreadable", f"The first line of {path} cannot be read as CSV: see csv.delimiter and csv.quote."
        ) from error
    if first is None:
        raise InputError("EmptyFile", f"The file {path} holds only blank lines: see whether its export failed.")
    if any("\ufffd" in name for name in first):
        raise InputError(
            "BadEncoding", f"The header of {path} is not {csv.encoding}: set csv.encoding or mend the export."
        )
    if csv.header:
        return tuple(first)
    return tuple(csv.schema) if csv.schema else tuple(f"column{index}" for index in range(len(first)))
