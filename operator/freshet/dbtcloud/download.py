"""Where an answer's body goes: into memory, or into a file that exists only when it is whole."""

import os
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = ["Sink", "TooLarge"]


class TooLarge(Exception):
    """The body is larger than it may be."""


class Sink:
    """Takes chunks, up to `limit` bytes. A file is written beside its place and moved there by `keep`."""

    def __init__(self, *, into: Path | None, limit: int) -> None:
        self._into, self._limit, self._size = into, limit, 0
        self._chunks: list[bytes] = []
        self._fd, self._part = -1, ""

    def __enter__(self) -> Self:
        if self._into is not None:
            self._fd, self._part = tempfile.mkstemp(dir=self._into.parent, prefix=f".{self._into.name}.")
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, t: TracebackType | None) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        if self._part and os.path.exists(self._part):
            os.unlink(self._part)

    def write(self, chunk: bytes) -> None:
        """Take a chunk. Raises TooLarge."""
        self._size += len(chunk)
        if self._size > self._limit:
            raise TooLarge(f"more than {self._limit >> 20} MiB")
        if self._into is None:
            self._chunks.append(chunk)
        else:
            rest = memoryview(chunk)
            while rest:
                rest = rest[os.write(self._fd, rest) :]

    def read(self) -> bytes:
        """What is in memory: nothing where it goes to a file."""
        return b"".join(self._chunks)

    def keep(self) -> bytes:
        """The whole body has come: what is in memory; a file is moved to its place."""
        if self._into is not None:
            os.replace(self._part, self._into)
        return self.read()
