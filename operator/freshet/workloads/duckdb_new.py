"""A DuckDB file that is new: it appears whole, for DuckDB does not open one that a kill has left empty."""

import fcntl
import os
import uuid
from contextlib import suppress

__all__ = ["is_there", "make_file"]


def is_there(path: str) -> bool:
    """Whether the file holds anything."""
    try:
        return os.path.getsize(path) > 0
    except FileNotFoundError:
        return False


def make_file(path: str) -> None:
    """Unless it is there. Raises what DuckDB raises; where the volume has no hard links, DuckDB makes it by itself."""
    if is_there(path):
        return
    import duckdb

    draft = os.path.join(os.path.dirname(path), f".freshet-new-{uuid.uuid4().hex}")
    try:
        duckdb.connect(draft).close()
        with suppress(OSError):
            _put(draft, path)
    finally:
        with suppress(OSError):
            os.remove(draft)


def _put(draft: str, path: str) -> None:
    try:
        os.link(draft, path)
    except FileExistsError:
        _replace_empty(path, draft)


def _replace_empty(path: str, draft: str) -> None:
    """One of those that come at once: the others then find another file than they had looked at."""
    with open(path, "rb") as empty:
        fcntl.flock(empty, fcntl.LOCK_EX)
        held, now = os.fstat(empty.fileno()), os.stat(path)
        if held.st_ino == now.st_ino and now.st_size == 0:
            os.replace(draft, path)
