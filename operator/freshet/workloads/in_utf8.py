"""Files in an encoding that DuckDB does not read, such as cp1252, as UTF-8; it reads but one of the kinds of UTF-16."""

import codecs
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from msgspec import structs

from freshet.workloads.encodings import NATIVE, codec_of
from freshet.workloads.growth import Part
from freshet.workloads.header import text_codec
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
    if codec_of(csv.encoding) in NATIVE:
        return list(parts), csv
    found = [_written(part, csv, folder / f"utf8-{at:05}") for at, part in enumerate(parts)]
    return found, structs.replace(csv, encoding="utf-8")


def _written(part: Part, csv: Csv, target: Path) -> Part:
    with readable(part.file.path), open(part.path, "rb") as source, target.open("wb") as out:
        head = source.read(2)
        codec, mark = text_codec(head, csv)
        decoder = codecs.getincrementaldecoder(codec)(_BAD)
        _write(out, decoder.decode(head[mark:]))
        while piece := source.read(_PIECE):
            _write(out, decoder.decode(piece))
        _write(out, decoder.decode(b"", final=True))
    return replace(part, path=str(target), header=str(target))


def _write(out: Any, text: str) -> None:
    out.write(text.encode("utf-8", "surrogatepass"))
