"""Files in an encoding that DuckDB does not read, such as cp1252, as UTF-8; it reads but one of the kinds of UTF-16.

Of latin-1 it takes no control character (0x80 to 0x9f), and refuses the whole file for one.
"""

import codecs
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from msgspec import structs

from freshet.workloads.encodings import NATIVE, UTF_8, codec_of
from freshet.workloads.growth import Part
from freshet.workloads.header import read_header, text_codec
from freshet.workloads.spec import Csv
from freshet.workloads.unreadable import readable

__all__ = ["in_utf8"]

_PIECE = 1 << 20
_BAD = "freshet.bad"
codecs.register_error(_BAD, lambda error: ("\udcff", error.end))  # type: ignore[attr-defined]
"""Half a surrogate pair is no UTF-8: DuckDB refuses the row, and only that. It is as long as U+FFFD, which others
write there, so that its place is found again."""


def in_utf8(parts: Sequence[Part], *, csv: Csv, folder: Path) -> tuple[list[Part], Csv]:
    """The parts as they are to be parsed, and how. Raises InputError or Unavailable with a sentence."""
    codec = codec_of(csv.encoding)
    if codec == UTF_8 or (codec in NATIVE and not any(map(_has_controls, parts))):
        return list(parts), csv
    found = [_written(part, csv, folder / f"utf8-{at:05}") for at, part in enumerate(parts)]
    return found, structs.replace(csv, encoding="utf-8")


_CONTROLS = bytes(range(0x80, 0xA0))


def _has_controls(part: Part) -> bool:
    """Looked up without a copy, so that a file of plain latin-1 is read as fast as one of UTF-8."""
    with readable(part.file.path), open(part.path, "rb") as source:
        pieces = iter(lambda: source.read(_PIECE), b"")
        return any(not piece.isascii() and len(piece.translate(None, _CONTROLS)) < len(piece) for piece in pieces)


def _written(part: Part, csv: Csv, target: Path) -> Part:
    names = read_header(part.header, csv)
    with readable(part.file.path), open(part.path, "rb") as source, target.open("wb") as out:
        head = source.read(2)
        codec, mark = text_codec(head, csv)
        decoder = codecs.getincrementaldecoder(codec)(_BAD)
        _write(out, decoder.decode(head[mark:]))
        while piece := source.read(_PIECE):
            _write(out, decoder.decode(piece))
        _write(out, decoder.decode(b"", final=True))
    return replace(part, path=str(target), names=names)


def _write(out: Any, text: str) -> None:
    out.write(text.encode("utf-8", "surrogatepass"))
