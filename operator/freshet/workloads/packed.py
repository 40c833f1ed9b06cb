"""Packed files, unpacked once before anybody looks into them.

DuckDB checks no checksum, takes the early end of a zstd file for its end, and does not unpack every gzip file: so whole
files go through Python's gzip and Arrow's zstd, which do.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from freshet.workloads.unreadable import readable

__all__ = ["packing", "unpacked"]

_PIECE = 1 << 20


def packing(path: str, compression: str) -> Literal["gzip", "zstd"] | None:
    """How the file is packed, by the option or its suffix."""
    name = path.lower()
    if compression == "gzip" or (compression == "auto" and name.endswith(".gz")):
        return "gzip"
    return "zstd" if compression == "zstd" or (compression == "auto" and name.endswith((".zst", ".zstd"))) else None


def unpacked(files: Mapping[str, str], *, compression: str, folder: Path) -> dict[str, str]:
    """Where the files are to be read: name for people → path. Raises InputError or Unavailable with a sentence."""
    return {
        name: _unpacked(name, path, packing(path, compression), folder / f"unpacked-{at:05}")
        for at, (name, path) in enumerate(files.items())
    }


def _unpacked(name: str, path: str, packed: Literal["gzip", "zstd"] | None, target: Path) -> str:
    if packed is None:
        return path
    with readable(name), _opened(path, packed) as source, target.open("wb") as out:
        shutil.copyfileobj(source, out, _PIECE)
    return str(target)


def _opened(path: str, packed: Literal["gzip", "zstd"]) -> Any:
    if packed == "gzip":
        import gzip

        return gzip.open(path, "rb")
    import pyarrow

    return pyarrow.input_stream(path, compression="zstd")
