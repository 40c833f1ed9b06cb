"""COPY INTO: parquet files of a volume into a table, each file once, and only where the columns are the same.

Files are held on to from the beginning: that they are removed meanwhile does not matter.
"""

import os
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from freshet.local.databricks.conflicts import settled
from freshet.local.databricks.errors import SqlError
from freshet.local.databricks.history import Write
from freshet.local.databricks.names import NAME, inside, quoted, resolve
from freshet.local.databricks.session import Answer, Session, rows
from freshet.local.databricks.store import HIDDEN, Store

__all__ = ["COPY", "copy_into", "forget_copies", "rename_copies"]

COPY = re.compile(
    rf"COPY\s+INTO\s+(?P<table>{NAME})\s+FROM\s+'(?P<path>[^']+)'\s+FILEFORMAT\s*=\s*(?P<format>\w+)"
    r"(?P<options>(\s+(FORMAT|COPY)_OPTIONS\s*\([^)]*\))*)\s*",
    re.IGNORECASE,
)


def copy_into(store: Store, session: Session, found: re.Match[str], begun: Callable[[], None]) -> Answer:
    if found["format"].upper() != "PARQUET" or found["options"].strip():
        raise SqlError("UNSUPPORTED_FEATURE", "This stand-in copies parquet files, without options.", "0A000")
    catalog, *names = resolve(found["table"], catalog=session.catalog, schema=session.schema)
    with store.begin(session.id) as statement, tempfile.TemporaryDirectory(dir=store.scratch) as held:
        target = (inside(catalog), *names)
        known = _known(statement.con, target)
        paths = [path for path in _files(store.path_of(found["path"]), found["path"]) if str(path) not in known]
        files = {str(path): _hold(path, Path(held) / f"{at}.parquet") for at, path in enumerate(paths)}
        begun()
        with store.turn(statement) as winners:
            write = Write(table=target, kind="append", files=frozenset(files))
            target, _ = settled(write, winners)
            con = statement.anew()
            columns = _columns(con, target)
            inserted = sum(_copy(con, path, own, target, columns) for path, own in files.items())
            store.commit(statement, replace(write, table=target))
    counts = ("num_affected_rows", "num_inserted_rows", "num_skipped_corrupt_files")
    return rows(counts, [dict(zip(counts, (inserted, inserted, 0), strict=True))])


def _hold(path: Path, link: Path) -> Path:
    os.link(path, link)
    return link


def forget_copies(con: Any, target: Sequence[str]) -> None:
    """The table is gone, and what was copied into it with it."""
    con.execute(
        f"DELETE FROM {quoted([target[0], HIDDEN, 'copied'])} WHERE schema_name = ? AND table_name = ?",
        list(target[1:]),
    )


def rename_copies(con: Any, target: Sequence[str], to: Sequence[str]) -> None:
    """What was copied into the table goes with it."""
    con.execute(
        f"UPDATE {quoted([target[0], HIDDEN, 'copied'])} SET schema_name = ?, table_name = ?"
        " WHERE schema_name = ? AND table_name = ?",
        [*to[1:], *target[1:]],
    )


def _known(con: Any, target: Sequence[str]) -> set[str]:
    copied = quoted([target[0], HIDDEN, "copied"])
    query = f"SELECT path FROM {copied} WHERE schema_name = ? AND table_name = ?"
    return {path for (path,) in con.execute(query, list(target[1:])).fetchall()}


def _files(path: Path, url: str) -> list[Path]:
    """Names that begin with a dot or an underscore are not read, as everywhere in Spark."""
    found = [path] if path.is_file() else sorted(path.rglob("*")) if path.is_dir() else []
    files = [one for one in found if one.is_file() and not one.name.startswith((".", "_"))]
    if not files:
        raise SqlError("COPY_INTO_SOURCE_SCHEMA_INFERENCE_FAILED", f"There is no file to read in {url}.", "42KD9")
    return files


def _columns(con: Any, target: Sequence[str]) -> dict[str, str]:
    found = con.execute(f"DESCRIBE {quoted(target)}").fetchall()
    return {row[0].lower(): row[1] for row in found}


def _copy(con: Any, path: str, own: Path, target: Sequence[str], columns: dict[str, str]) -> int:
    """``own`` is the file ``path``, held on to."""
    for name, kind, *_ in con.execute("DESCRIBE FROM read_parquet(?)", [str(own)]).fetchall():
        held = columns.get(name.lower())
        if held is None:
            raise SqlError("DELTA_METADATA_MISMATCH", f"A schema mismatch: the table has no column {name}.", "42KDG")
        if held != kind:
            raise SqlError(
                "DELTA_FAILED_TO_MERGE_FIELDS", f"Failed to merge fields '{name}': {held} and {kind}.", "22005"
            )
    count = con.execute(f"INSERT INTO {quoted(target)} BY NAME FROM read_parquet(?)", [str(own)]).fetchone()[0]
    con.execute(f"INSERT INTO {quoted([target[0], HIDDEN, 'copied'])} VALUES (?, ?, ?)", [*target[1:], path])
    return int(count)
