"""Files in an encoding that DuckDB does not read, such as cp1252, as UTF-8; it reads but one of the kinds of UTF-16."""

import codecs
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from msgspec import structs

from freshet.workloads.encodings import LATIN_1, UTF_8, codec_of
from freshet.workloads.errors import DataRefused
from freshet.workloads.growth import Part, readable
from freshet.workloads.header import open_bytes, text_codec
from freshet.workloads.spec import Csv

__all__ = ["in_utf8"]

_PIECE = 1 << 20


def in_utf8(parts: Sequence[Part], *, csv: Csv, folder: Path) -> tuple[list[Part], Csv]:
    """The parts as they are to be parsed, and how. Raises InputError or DataRefused with a sentence."""
    if codec_of(csv.encoding) in (UTF_8, LATIN_1):
        return list(parts), csv
    found = [_written(part, csv, folder / f"utf8-{at:05}") for at, part in enumerate(parts)]
    return found, structs.replace(csv, encoding="utf-8", compression="none")


def _written(part: Part, csv: Csv, target: Path) -> Part:
    with readable(part.file.path), open_bytes(part.path, csv.compression) as source, target.open("wb") as out:
        head = bytes(source.read(2))
        codec, mark = text_codec(head, csv)
        decoder = codecs.getincrementaldecoder(codec)()
        try:
            out.write(decoder.decode(head[mark:]).encode())
            while piece := bytes(source.read(_PIECE)):
                out.write(decoder.decode(piece).encode())
            decoder.decode(b"", final=True)
        except UnicodeError as error:
            raise DataRefused(
                "BadEncoding",
                f"The file {part.file.path.partition('?')[0]} is not {csv.encoding}: set csv.encoding or mend the"
                " export.",
            ) from error
    return replace(part, path=str(target), header=str(target))
