"""gzip files that Python unpacks and DuckDB does not (https://www.rfc-editor.org/rfc/rfc1952)."""

import os
from pathlib import Path

__all__ = ["is_odd_gzip"]

_MAGIC = b"\x1f\x8b"
_HEADER_CHECKSUM, _COMMENT = 2, 16
_TRAILER = 8


def is_odd_gzip(path: str) -> bool:
    """Whether its header has a comment or a checksum, or zeros pad its end. Raises OSError."""
    with Path(path).open("rb") as stream:
        head = stream.read(4)
        stream.seek(max(os.fstat(stream.fileno()).st_size - _TRAILER, 0))
        is_padded = not any(stream.read(_TRAILER))
    return head.startswith(_MAGIC) and (is_padded or bool(head[3:] and head[3] & (_HEADER_CHECKSUM | _COMMENT)))
