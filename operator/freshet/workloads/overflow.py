"""DuckDB keeps two kilobytes for each row that is no CSV, outside of its own limit: too many would end the pod.

So the memory of this process is watched while it reads, and reading ends with a sentence before the kernel ends it
without one.
"""

import resource
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from msgspec import structs

from freshet.workloads.bad_rows import Refused, structural
from freshet.workloads.columns import Column
from freshet.workloads.csvsql import read_csv
from freshet.workloads.engine import forget_rejects
from freshet.workloads.errors import DataRefused, InputError, WorkloadError
from freshet.workloads.header import open_text
from freshet.workloads.spec import Csv
from freshet.workloads.sql import identifier

__all__ = ["within_memory"]

BUDGET = 512 << 20
"""On top of what DuckDB may hold (``FRESHET_PARSE_MEMORY``)."""
_EVERY = 0.1
_HEAD = 1 << 20
_SHOWN = 3


@contextmanager
def within_memory(
    con: Any, *, files: Mapping[str, Sequence[str]], csv: Csv, folder: Path, ahead: Mapping[str, int]
) -> Iterator[None]:
    """``files``: path → names of its columns; ``ahead``: path → how many lines come before its first. Raises
    DataRefused or InputError where there is too little.
    """
    done, over, budget = threading.Event(), threading.Event(), BUDGET + _own_limit(con)
    limit = _resident() + budget

    def watch() -> None:
        while not done.wait(_EVERY):
            if over.is_set() or _resident() > limit:
                over.set()
                con.interrupt()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    except WorkloadError as error:
        done.set()
        thread.join()
        if not over.is_set():
            raise
        raise _too_much(_first_bad(con, files, csv, folder, ahead), csv, budget) from error
    finally:
        done.set()
        thread.join()


def _resident() -> int:
    """Bytes that this process holds; where only their peak is told, none, so that nothing is ended."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    except OSError:
        return 0


def _own_limit(con: Any) -> int:
    return int(con.execute("SELECT parse_formatted_bytes(current_setting('memory_limit'))").fetchone()[0])


def _too_much(bad: Sequence[Refused], csv: Csv, budget: int) -> WorkloadError:
    if not bad:
        return InputError(
            "TooLittleSpace",
            f"Reading {csv.path} takes more than {budget >> 20} MB of memory: its rows are too long, or a great many of"
            " them, not the first, are no CSV: mend the export.",
        )
    return DataRefused(
        "TooManyBadRows",
        f"So many rows of {csv.path} are no CSV of its columns that there is no memory to count them, first in line"
        f" {bad[0].line}: {bad[0].reason}; nothing was loaded: see csv.delimiter, csv.quote and the header, or mend the"
        " export.",
        samples=[one.sample() for one in bad],
    )


def _first_bad(
    con: Any, files: Mapping[str, Sequence[str]], csv: Csv, folder: Path, ahead: Mapping[str, int]
) -> list[Refused]:
    """Among the first rows of each file."""
    found = [(one, ahead[path]) for path, names in files.items() for one in _bad_of(con, path, names, csv, folder)]
    return [replace(one, line=one.line + lines) for one, lines in found[:_SHOWN]]


def _bad_of(con: Any, path: str, names: Sequence[str], csv: Csv, folder: Path) -> list[Refused]:
    with open_text(path, csv) as stream:
        text = stream.read(_HEAD)
    head = folder / "head.csv"
    head.write_text(text[: max(text.rfind("\n"), text.rfind("\r")) + 1], newline="")
    plain = structs.replace(csv, encoding="utf-8")
    forget_rejects(con)
    source = read_csv(path=str(head), csv=plain, columns=[Column(name=name, type="VARCHAR") for name in names])
    con.execute(f"SELECT {', '.join(f'count({identifier(name)})' for name in names)} FROM {source}").fetchall()
    return structural(con, str(head), plain, _SHOWN)[1]
