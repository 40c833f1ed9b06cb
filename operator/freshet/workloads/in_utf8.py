"""Files in an encoding that DuckDB does not read, such as cp1252, as UTF-8; it reads but one of the kinds of UTF-16.

So with a gzip file that it does not unpack, and Python does.
"""

import codecs
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from msgspec import structs

from freshet.workloads.encodings import NATIVE, codec_of
from freshet.workloads.growth import Part, readable
from freshet.workloads.gzips import is_odd_gzip
from freshet.workloads.header import open_bytes, packing, text_codec
from freshet.workloads.spec import Csv

__all__ = ["in_utf8"]

_PIECE = 1 << 20
_BAD = "freshet.bad"
codecs.register_error(_BAD, lambda error: ("\udcff", error.end))  # type: ignore[attr-defined]
"""Half a surrogate pair is no UTF-8: DuckDB refuses the row, and only that. It is as long as U+FFFD, which others
write there, so that its place is found again."""


def in_utf8(parts: Sequence[Part], *, csv: Csv, folder: Path) -> tuple[list[Part], Csv]:
    """The parts as they are to be parsed, and how. Raises InputError with a sentence."""
    if codec_of(csv.encoding) in NATIVE:
        return _unpacked(parts, csv, folder)
    found = [_written(part, csv, folder / f"utf8-{at:05}") for at, part in enumerate(parts)]
    return found, structs.replace(csv, encoding="utf-8", compression="none")


def _unpacked(parts: Sequence[Part], csv: Csv, folder: Path) -> tuple[list[Part], Csv]:
    """As they are, unless one of them is packed in a way that DuckDB does not read."""
    if not any(_is_odd(part, csv) for part in parts):
        return list(parts), csv
    found = [_copied(part, csv, folder / f"unpacked-{at:05}") for at, part in enumerate(parts)]
    return found, structs.replace(csv, compression="none")


def _is_odd(part: Part, csv: Csv) -> bool:
    with readable(part.file.path):
        return packing(part.path, csv.compression) == "gzip" and is_odd_gzip(part.path)


def _copied(part: Part, csv: Csv, target: Path) -> Part:
    with readable(part.file.path), open_bytes(part.path, csv.compression) as source, target.open("wb") as out:
        shutil.copyfileobj(source, out, _PIECE)
    return replace(part, path=str(target), header=str(target))


def _written(part: Part, csv: Csv, target: Path) -> Part:
    with readable(part.file.path), open_bytes(part.path, csv.compression) as source, target.open("wb") as out:
        head = bytes(source.read(2))
        codec, mark = text_codec(head, csv)
        decoder = codecs.getincrementaldecoder(codec)(_BAD)
        out.write(_encoded(decoder.decode(head[mark:])))
        while piece := bytes(source.read(_PIECE)):
            out.write(_encoded(decoder.decode(piece)))
        out.write(_encoded(decoder.decode(b"", final=True)))
    return replace(part, path=str(target), header=str(target))


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
