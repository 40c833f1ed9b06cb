"""No room left in the pod's temp folder (or no memory): neither the source's fault nor the file's."""

import errno
import os
import re

from freshet.workloads.errors import InputError

__all__ = ["SAYS_FULL", "is_full", "too_little"]

_FULL = (errno.ENOSPC, errno.EDQUOT)
SAYS_FULL = re.compile("no space left|disk quota exceeded", re.IGNORECASE)
"""DuckDB's errors have no number."""


def is_full(error: BaseException) -> bool:
    """Whether it, or what it came from, is a file system without room; libraries wrap such an error in their own."""
    seen: list[BaseException] = []
    found: BaseException | None = error
    while found is not None and found not in seen:
        if _says(found):
            return True
        seen.append(found)
        found = found.__cause__ or found.__context__
    return False


def _says(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno in _FULL
    return type(error).__module__ in ("duckdb", "_duckdb") and SAYS_FULL.search(str(error)) is not None


def too_little(name: str) -> InputError:
    folder = os.environ.get("TMPDIR", "/tmp")
    return InputError("TooLittleSpace", f"Reading {name} ran out of memory or of space in {folder}: give the pod more.")
