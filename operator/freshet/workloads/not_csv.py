"""Files that are something else than CSV text, told by how they begin."""

import re

from freshet.workloads.errors import InputError

__all__ = ["expect_text"]

_OF_EXCEL = re.compile(r'[\r\n]*"?(sep=.)"?[ \t]*[\r\n]', re.IGNORECASE)
_PAGE = re.compile(r"\s*<(!doctype|html|\?xml)\b", re.IGNORECASE)
_UNPACK = "unpack it, or let the export write CSV; freshet unpacks gzip and zstd"
_KINDS = {
    b"\x1f\x8b": ("packed by gzip", "set csv.compression to gzip"),
    b"\x28\xb5\x2f\xfd": ("packed by zstd", "set csv.compression to zstd"),
    b"\xfd7zXZ\0": ("packed by xz", _UNPACK),
    **{b"BZh%d1AY" % level: ("packed by bzip2", _UNPACK) for level in range(1, 10)},
    b"7z\xbc\xaf\x27\x1c": ("a 7-Zip archive", _UNPACK),
    b"PK\x03\x04": ("a ZIP archive or an Excel workbook", _UNPACK),
    b"\xd0\xcf\x11\xe0": ("an Excel workbook", "export it as CSV"),
    b"PAR1": ("a Parquet file", "let the export write CSV"),
}
"""https://en.wikipedia.org/wiki/List_of_file_signatures"""


def expect_text(path: str, *, start: bytes, head: str) -> None:
    """Raises InputError for what nobody meant to be read as CSV. ``start``: its first bytes; ``head``: as text."""
    for mark, (kind, cure) in _KINDS.items():
        if start.startswith(mark):
            raise InputError("HeaderUnreadable", f"{path} is {kind}, not CSV: {cure}.")
    if _PAGE.match(head):
        raise InputError(
            "HeaderUnreadable",
            f"{path} is a web page or XML, not CSV: see whether its address wants a login (csv.secretRef), or is that"
            " of a page about the file.",
        )
    if note := _OF_EXCEL.match(head):
        raise InputError(
            "HeaderUnreadable",
            f"The first line of {path} is {note[1]!r}, which tells Excel the delimiter and is no row: let the export"
            " leave it out.",
        )
