"""No room left in the pod's temp folder (or no memory): neither the source's fault nor the file's."""

import errno
import os
import re

from freshet.workloads.errors import InputError

__all__ = ["SAYS_FULL", "SAYS_MEMORY", "is_full", "says_memory", "too_little", "too_little_memory"]

_FULL = (errno.ENOSPC, errno.EDQUOT)
SAYS_FULL = re.compile("no space left|disk quota exceeded|max_temp_directory_size", re.IGNORECASE)
SAYS_MEMORY = re.compile("out of memory|failed to pin block", re.IGNORECASE)
"""DuckDB's errors have no number. A COMMIT says the last."""


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


def says_memory(error: BaseException) -> bool:
    """Whether DuckDB may not hold as much as it has to; it says so, too, of a folder in which there is no room left."""
    text = str(error)
    return SAYS_MEMORY.search(text) is not None and SAYS_FULL.search(text) is None


def too_little(name: str) -> InputError:
    folder = os.environ.get("TMPDIR", "/tmp")
    return InputError("TooLittleSpace", f"Reading {name} ran out of space in {folder}: give the pod more.")


def too_little_memory(name: str) -> InputError:
    return InputError(
        "TooLittleSpace",
        f"Reading {name} needs more memory than FRESHET_PARSE_MEMORY allows: raise it and the pod's limit.",
    )
