"""What lies beyond the known beginning of a text: streams in, streams out, and nothing held but a piece."""

import codecs
import hashlib
from typing import Any

from freshet.workloads.encodings import NATIVE
from freshet.workloads.errors import InputError
from freshet.workloads.header import first_record, text_codec
from freshet.workloads.inputs import Content
from freshet.workloads.lines import line_ends
from freshet.workloads.spec import Csv

__all__ = ["changed", "content_of", "copy_beyond"]

_PIECE = 1 << 20


class _Text:
    """A text as far as it was read; ``source`` is an open binary stream, unpacked."""

    def __init__(self, source: Any, csv: Csv) -> None:
        self._source = source
        self._csv = csv
        self._digest = hashlib.sha256()
        self._decoder: Any = None
        self.size = 0
        self.lines = 0
        self._end = b""
        self.head = b""
        self.last = b""
        self.codec = ""

    def read(self, size: int = _PIECE) -> bytes:
        piece = bytes(self._source.read(min(size, _PIECE)))
        if self._decoder is None:
            self.codec, _ = text_codec(piece, self._csv)
            self._decoder = codecs.getincrementaldecoder(self.codec)("replace")
        text = piece if self.codec in NATIVE else self._decoder.decode(piece).encode()
        self.lines += line_ends(text, after=self._end)
        self._end = text[-1:] or self._end
        self._digest.update(piece)
        self.size += len(piece)
        self.head += piece[: _PIECE - len(self.head)]
        self.last = (self.last + piece)[-2:]
        return piece

    def read_until(self, size: int) -> None:
        while self.size < size and self.read(size - self.size):
            pass

    @property
    def content(self) -> Content:
        return Content(size=self.size, sha256=self._digest.hexdigest())


def changed(name: str, what: str, *instead: str) -> InputError:
    choice = ", ".join(["write new rows to a new file", *instead])
    return InputError("FileChanged", f"The file {name.partition('?')[0]} {what}: {choice}, or use merge or replace.")


def content_of(source: Any, csv: Csv) -> Content:
    """All of ``source``, an open binary stream."""
    text = _Text(source, csv)
    while text.read():
        pass
    return text.content


def copy_beyond(source: Any, out: Any, *, known: Content, name: str, csv: Csv) -> tuple[int, Content]:
    """Write what follows ``known`` in ``source`` to ``out``, below the same header.

    Returns how many lines of ``source`` are not in ``out``, and the whole content. Raises InputError (FileChanged)
    where ``source`` does not begin with ``known``, or goes on in the row with which that ended.
    """
    text = _Text(source, csv)
    text.read_until(known.size)
    _expect_known(text, known, name)
    ahead, last, head = text.lines, text.last, text.head[: first_record(text.head, csv)]
    piece = text.read()
    end = _rest_of_line(last, piece, text.codec)
    if end is None:
        raise changed(name, f"goes on in line {ahead + 1:,}, which had no line end when it was appended before")
    if len(head) < known.size:
        ahead, piece = ahead + _lines(piece[:end], text.codec, after=last), piece[end:]
    out.write(head)
    while piece:
        out.write(piece)
        piece = text.read()
    return ahead - _lines(head, text.codec), text.content


def _expect_known(text: _Text, known: Content, name: str) -> None:
    if text.size < known.size:
        raise changed(name, f"is shorter than what was appended of it before ({known.size:,} bytes)")
    if text.content != known:
        raise changed(name, f"has changed within its first {known.size:,} bytes, which were appended before")


def _rest_of_line(last: bytes, piece: bytes, codec: str) -> int | None:
    """How many bytes of ``piece`` end the line before it; None where they go on with it instead."""
    feed, back = "\n".encode(codec), "\r".encode(codec)
    if not piece or last.endswith(feed):
        return 0
    if last.endswith(back):
        return len(feed) if piece.startswith(feed) else 0
    return next((len(end) for end in (back + feed, feed, back) if piece.startswith(end)), None)


def _lines(part: bytes, codec: str, *, after: bytes = b"") -> int:
    before = after.decode(codec, "replace").encode()
    return line_ends(part.decode(codec, "replace").encode(), after=before[-1:])
