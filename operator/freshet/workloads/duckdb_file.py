"""Opening a DuckDB file that several processes share: one writer, or many readers, at a time.

Its lock is the lock of all loads: whoever holds the file alone reads, decides and writes undisturbed. Waiting
is normal, bounded, and said.
"""

import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from freshet.workloads.duckdb_new import make_file
from freshet.workloads.errors import ConfigError, InputError, Unavailable, WorkloadError
from freshet.workloads.log import LOG, Progress
from freshet.workloads.space import SAYS_MEMORY
from freshet.workloads.spec import DuckDb
from freshet.workloads.sql import literal
from freshet.workloads.threads import bound_threads
from freshet.workloads.waiting import waits_for

__all__ = ["connect", "lock_timeout", "warehouse_error"]

_ALIAS = "freshet_warehouse_file"
_MEMORY, _OF_COLUMN = 125_000, 1_024
"""KiB, at least, and for each column. DuckDB fills what it may hold, and it comes on top of dlt: with more, writing
peaks above parsing.
"""
_FIRST, _LONGEST = 0.02, 0.5


def lock_timeout(where: DuckDb) -> float:
    """Seconds to wait for the file: the spec's, or ``FRESHET_LOCK_TIMEOUT``, or 120."""
    if where.lock_timeout is not None:
        return where.lock_timeout
    text = os.environ.get("FRESHET_LOCK_TIMEOUT", "120")
    try:
        return float(text)
    except ValueError:
        raise ConfigError("SpecInvalid", f"FRESHET_LOCK_TIMEOUT is {text!r}: give seconds, such as 120.") from None


@contextmanager
def connect(
    where: DuckDb,
    *,
    read_only: bool,
    spill: Path | None = None,
    columns: int = 0,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Any]:
    """A connection, once the file is free. Raises Unavailable, InputError or ConfigError with a sentence.

    ``columns``: of the rows that are to be written.
    """
    _expect_folder(where.path)
    config = {**_memory(columns), "preserve_insertion_order": "false"}
    if spill is not None:
        config["temp_directory"] = str(spill)
    con = _open(where, read_only=read_only, config=config, clock=clock, sleep=sleep)
    try:
        con.execute("SET TimeZone = 'UTC'")
        bound_threads(con, columns=columns)
        yield con
    finally:
        con.close()


def _memory(columns: int) -> dict[str, str]:
    """DuckDB holds a block of each column that a thread writes, however few its rows are."""
    own = f"{max(_MEMORY, columns * _OF_COLUMN)}KiB"
    return {"memory_limit": os.environ.get("FRESHET_LOAD_MEMORY", own)}


def _expect_folder(path: str) -> None:
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise InputError(
            "WarehouseMissing",
            f"The folder {folder} of the warehouse {path} does not exist: check warehouse.duckdb.path and its volume.",
        )


def _open(
    where: DuckDb,
    *,
    read_only: bool,
    config: dict[str, str],
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> Any:
    import duckdb

    timeout, started, pause = lock_timeout(where), clock(), _FIRST
    progress = Progress(clock=clock)
    with ExitStack() as said:
        while True:
            try:
                return _attached(where, read_only=read_only, config=config)
            except duckdb.Error as error:
                if not _is_lock(error):
                    raise warehouse_error(error, path=where.path) from error
            waited = clock() - started
            if waited >= timeout:
                raise Unavailable(
                    "WarehouseLocked",
                    f"The warehouse {where.path} was held by another process for {waited:.0f} s: it is tried again; "
                    "if that happens often, space the loads or raise FRESHET_LOCK_TIMEOUT.",
                )
            if pause == _FIRST:
                LOG.info("Waiting for %s, which another process holds (at most %.0f s).", where.path, timeout)
                said.enter_context(waits_for(f"{where.path}, which another process holds", logged=False))
            progress.say("Still waiting for %s, %.0f s by now.", where.path, waited)
            sleep(min(pause * random.uniform(0.7, 1.3), max(0.001, timeout - waited)))
            pause = min(pause * 1.5, _LONGEST)


def _attached(where: DuckDb, *, read_only: bool, config: dict[str, str]) -> Any:
    """DuckDB calls the file by its name, and takes ``a.b`` in a file ``a.duckdb`` for ambiguous: then by another."""
    import duckdb

    if not read_only:
        make_file(where.path)
    name = os.path.basename(where.path).lower()
    if where.schema.lower() not in (name.partition(".")[0], os.path.splitext(name)[0]):
        return duckdb.connect(where.path, read_only=read_only, config=config)
    con = duckdb.connect(":memory:", config=config)
    try:
        con.execute(f"ATTACH {literal(where.path)} AS {_ALIAS}{' (READ_ONLY)' if read_only else ''}")
        con.execute(f"USE {_ALIAS}")
    except BaseException:
        con.close()
        raise
    return con


def _is_lock(error: Exception) -> bool:
    text = str(error)
    return "lock" in text.lower() and "IO Error" in text and "corrupt" not in text.lower()


def warehouse_error(error: Exception, *, path: str) -> WorkloadError:
    """DuckDB's complaint about its file as a sentence."""
    text = str(error).lower()
    if "permission denied" in text or "read-only" in text or "read only" in text:
        return InputError(
            "WarehouseNotWritable",
            f"The warehouse {path} cannot be opened or written by this pod: mend its permissions or the volume "
            "(readOnly, fsGroup).",
        )
    if (
        "not a valid duckdb" in text
        or "corrupt" in text
        or "checksum" in text
        or "serialization" in text
        or "deserialize" in text
    ):
        return InputError(
            "WarehouseCorrupt",
            f"The warehouse {path} is not a sound DuckDB file: restore it from a backup, or move it away to load anew.",
        )
    if "version number" in text or "newer version" in text:
        return InputError(
            "WarehouseVersion",
            f"The warehouse {path} was written by another version of DuckDB: upgrade freshet or export and import it.",
        )
    if "no space left" in text or ("disk" in text and "full" in text):
        return Unavailable(
            "WarehouseFull", f"There is no space left where the warehouse {path} lies: free some or enlarge the volume."
        )
    if SAYS_MEMORY.search(text):
        return Unavailable(
            "OutOfMemory",
            f"The warehouse {path} needs more memory for this than FRESHET_LOAD_MEMORY allows: raise it and the "
            "pod's limit.",
        )
    return Unavailable(
        "WarehouseFailed",
        f"The warehouse {path} failed ({type(error).__name__}): it is tried again; --debug shows the details.",
    )
