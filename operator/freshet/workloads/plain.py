"""Packed files unpacked, and those in an encoding that DuckDB does not read, such as cp1252, as UTF-8.

DuckDB checks no checksum, takes the early end of a zstd file for its end, and does not unpack every gzip file: so whole
files go through Python's gzip and Arrow's zstd, which do.
"""

import codecs
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from msgspec import structs

from freshet.workloads.encodings import NATIVE, codec_of
from freshet.workloads.growth import Part, readable
from freshet.workloads.header import open_bytes, packing, text_codec
from freshet.workloads.spec import Csv

__all__ = ["in_plain"]

_PIECE = 1 << 20
_BAD = "freshet.bad"
codecs.register_error(_BAD, lambda error: ("\udcff", error.end))  # type: ignore[attr-defined]
"""Half a surrogate pair is no UTF-8: DuckDB refuses the row, and only that. It is as long as U+FFFD, which others
write there, so that its place is found again."""


def in_plain(parts: Sequence[Part], *, csv: Csv, folder: Path) -> tuple[list[Part], Csv]:
    """The parts as they are to be parsed, in files of their own where they differ, and how.

    Raises InputError or Unavailable with a sentence.
    """
    found = [_plain(part, csv, folder / f"plain-{at:05}") for at, part in enumerate(parts)]
    encoding = csv.encoding if _is_native(csv) else "utf-8"
    return found, structs.replace(csv, encoding=encoding, compression="none")


def _is_native(csv: Csv) -> bool:
    return codec_of(csv.encoding) in NATIVE


def _plain(part: Part, csv: Csv, target: Path) -> Part:
    if _is_native(csv) and packing(part.path, csv.compression) is None:
        return part
    with readable(part.file.path), open_bytes(part.path, csv.compression) as source, target.open("wb") as out:
        if _is_native(csv):
            shutil.copyfileobj(source, out, _PIECE)
        else:
            _encode(source, out, csv)
    return replace(part, path=str(target), header=str(target))


def _encode(source: Any, out: Any, csv: Csv) -> None:
    head = bytes(source.read(2))
    codec, mark = text_codec(head, csv)
    decoder = codecs.getincrementaldecoder(codec)(_BAD)
    out.write(_encoded(decoder.decode(head[mark:])))
    while piece := bytes(source.read(_PIECE)):
        out.write(_encoded(decoder.decode(piece)))
    out.write(_encoded(decoder.decode(b"", final=True)))


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
