"""What goes wrong with a file that is read, as a sentence."""

import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from freshet.workloads.errors import DataRefused, InputError, Unavailable
from freshet.workloads.space import SAYS_FULL, is_full, says_memory, too_little, too_little_memory
from freshet.workloads.spec import Csv

__all__ = ["judging", "readable", "unreadable"]


@contextmanager
def readable(name: str) -> Iterator[None]:
    """Raises InputError, with the name for people, where a file within cannot be read or is broken, or its copy not be
    written; Unavailable where its volume fails.
    """
    try:
        yield
    except (OSError, EOFError, zlib.error) as error:
        if isinstance(error, OSError) and error.errno is not None and not isinstance(error, PermissionError):
            raise _failing(name, error) from error
        raise InputError(
            "FileUnreadable",
            f"The file {name} cannot be read or unpacked: see csv.compression, its permissions and "
            "whether it is whole.",
        ) from error


@contextmanager
def judging(name: str) -> Iterator[None]:
    """Raises InputError where DuckDB has too little memory or room for what it does with rows that were read, or
    Unavailable where it fails otherwise.
    """
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        raise too_little_memory(name) if says_memory(error) else _failing(name, error) from error


def _failing(path: str, error: Exception, *, where: str = "") -> Exception:
    """A volume that does not read, or has no room for a copy: none of the file's doing."""
    if is_full(error):
        return too_little(path)
    return Unavailable(
        "SourceUnavailable",
        f"Reading {path} failed{where} ({type(error).__name__}): it is tried again; see the volume if that stays.",
    )


def unreadable(path: str, csv: Csv, error: Exception, *, ahead: int = 0) -> Exception:
    """What DuckDB says as it gives up on one: that may quote values, and only the number of the line is taken."""
    import duckdb

    text = str(error).replace(path, "")
    line = re.search(r"\bLine: (\d+)", text)
    where = f" near line {int(line[1]) + ahead}" if line else ""
    if says_memory(error):
        return too_little_memory(path)
    if SAYS_FULL.search(text):
        return too_little(path)
    if "encod" in text or "utf" in text.lower():
        return DataRefused(
            "BadEncoding", f"The file {path} is not {csv.encoding}{where}: set csv.encoding or mend the export."
        )
    if "state machine" in text:
        return DataRefused(
            "BadCsv", f"The file {path} is not valid CSV{where} (mixed line ends or broken quotes): mend the export."
        )
    if isinstance(error, duckdb.IOException | OSError):
        return _failing(path, error, where=where)
    return DataRefused(
        "FileUnreadable",
        f"The file {path} cannot be read as CSV{where} ({type(error).__name__}): see csv.compression, csv.delimiter"
        " and csv.quote, and whether the file is whole.",
    )
