"""What DuckDB says of a file that it gives up on, as a sentence."""

import os
import re
import zlib

from freshet.workloads.errors import DataRefused, InputError, Unavailable
from freshet.workloads.header import open_bytes
from freshet.workloads.spec import Csv

__all__ = ["unreadable"]


def _unpacks(path: str, csv: Csv) -> bool:
    """Whether the file, read once more by other means, unpacks; also where nobody can tell, since it is not read."""
    try:
        with open_bytes(path, csv.compression) as source:
            while source.read(1 << 20):
                pass
    except (OSError, EOFError, ValueError, zlib.error) as error:
        return isinstance(error, OSError) and error.errno is not None
    return True


def unreadable(path: str, csv: Csv, error: Exception, *, ahead: int = 0) -> Exception:
    """DuckDB's message may quote values: only the number of the line is taken from it.

    A volume that fails is none of the file's doing: so it is told from a file that does not unpack.
    """
    import duckdb

    text = str(error).replace(path, "")
    line = re.search(r"\bLine: (\d+)", text)
    where = f" near line {int(line[1]) + ahead}" if line else ""
    if "out of memory" in text.lower() or "no space left" in text.lower():
        return InputError(
            "TooLittleSpace",
            f"Reading {path} ran out of memory or of space in {os.environ.get('TMPDIR', '/tmp')}: give the pod more.",
        )
    if "encod" in text or "utf" in text.lower():
        return DataRefused(
            "BadEncoding", f"The file {path} is not {csv.encoding}{where}: set csv.encoding or mend the export."
        )
    if "state machine" in text:
        return DataRefused(
            "BadCsv", f"The file {path} is not valid CSV{where} (mixed line ends or broken quotes): mend the export."
        )
    if isinstance(error, duckdb.IOException | OSError) and _unpacks(path, csv):
        return Unavailable(
            "SourceUnavailable",
            f"Reading {path} failed{where} ({type(error).__name__}): it is tried again; see the volume if that stays.",
        )
    return DataRefused(
        "FileUnreadable",
        f"The file {path} cannot be read as CSV{where} ({type(error).__name__}): see csv.compression, csv.delimiter"
        " and csv.quote, and whether the file is whole.",
    )
