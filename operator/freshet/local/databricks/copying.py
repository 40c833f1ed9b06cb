"""COPY INTO: parquet files of a volume into a table, each file once, and only where the columns are the same."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from freshet.local.databricks.errors import SqlError
from freshet.local.databricks.names import NAME, quoted, resolve
from freshet.local.databricks.session import Answer, Session, rows
from freshet.local.databricks.store import HIDDEN, Store

__all__ = ["COPY", "copy_into", "forget_copies"]

COPY = re.compile(
    rf"COPY\s+INTO\s+(?P<table>{NAME})\s+FROM\s+'(?P<path>[^']+)'\s+FILEFORMAT\s*=\s*(?P<format>\w+)"
    r"(?P<options>(\s+(FORMAT|COPY)_OPTIONS\s*\([^)]*\))*)\s*",
    re.IGNORECASE,
)


def copy_into(con: Any, store: Store, session: Session, found: re.Match[str]) -> Answer:
    if found["format"].upper() != "PARQUET" or found["options"].strip():
        raise SqlError("UNSUPPORTED_FEATURE", "This stand-in copies parquet files, without options.", "0A000")
    target = resolve(found["table"], catalog=session.catalog, schema=session.schema)
    files = _files(store.path_of(found["path"]), found["path"])
    columns = _columns(con, target)
    known = {row[0] for row in con.execute(_known(target[0]), list(target[1:])).fetchall()}
    fresh = [path for path in files if str(path) not in known]
    inserted = sum(_copy(con, path, target, columns) for path in fresh)
    names = ("num_affected_rows", "num_inserted_rows", "num_skipped_corrupt_files")
    return rows(names, [dict(zip(names, (inserted, inserted, 0), strict=True))])


def forget_copies(con: Any, target: Sequence[str]) -> None:
    """The table is gone, and what was copied into it with it."""
    con.execute(
        f"DELETE FROM {quoted([target[0], HIDDEN, 'copied'])} WHERE schema_name = ? AND table_name = ?",
        list(target[1:]),
    )


def _known(catalog: str) -> str:
    return f"SELECT path FROM {quoted([catalog, HIDDEN, 'copied'])} WHERE schema_name = ? AND table_name = ?"


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


def _copy(con: Any, path: Path, target: Sequence[str], columns: dict[str, str]) -> int:
    for name, kind, *_ in con.execute("DESCRIBE FROM read_parquet(?)", [str(path)]).fetchall():
        held = columns.get(name.lower())
        if held is None:
            raise SqlError("DELTA_METADATA_MISMATCH", f"A schema mismatch: the table has no column {name}.", "42KDG")
        if held != kind:
            raise SqlError(
                "DELTA_FAILED_TO_MERGE_FIELDS", f"Failed to merge fields '{name}': {held} and {kind}.", "22005"
            )
    count = con.execute(f"INSERT INTO {quoted(target)} BY NAME FROM read_parquet(?)", [str(path)]).fetchone()[0]
    con.execute(f"INSERT INTO {quoted([target[0], HIDDEN, 'copied'])} VALUES (?, ?, ?)", [*target[1:], str(path)])
    return int(count)
