"""freshet's own record in the warehouse: which load left what, beside the data and written in the same transaction.

``_freshet_loads`` has a row per load that ran, ``_freshet_files`` one per file that ``append`` has taken. They make a
load idempotent wherever it starts from: a pod's folder, the operator's memory and dlt's packages may all be lost.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from freshet.workloads.inputs import Content, InputFile
from freshet.workloads.sql import qualified
from freshet.workloads.warehouse import Batch, Level, TableState

__all__ = [
    "FILES",
    "FILES_COLUMNS",
    "LEVEL",
    "LOADS",
    "LOADS_COLUMNS",
    "LOAD_ID",
    "file_values",
    "files_taken",
    "forget",
    "level_of",
    "make_ledger",
    "record",
    "taken_by",
    "taken_file",
    "untold",
]

LOADS = "_freshet_loads"
FILES = "_freshet_files"
LEVEL = (
    *("load_id", "version", "fingerprint", "updated_at", "data_time", "rows", "previous_rows"),
    *("rows_in", "rows_loaded", "rows_rejected", "samples", "asset", "files_taken"),
)
"""What a ``Level`` takes of a load's record."""
LOAD_ID = "_freshet_load_id"
"""The column by which rows name the load that wrote them, where a warehouse has no transaction for both."""
_TABLE = "lower(table_name) = lower(?)"
"""``raw`` and ``Raw`` are one table to DuckDB, also where the spec was written the one way and is the other by now."""

LOADS_COLUMNS = {
    "seq": "BIGINT",
    "load_id": "VARCHAR",
    "asset": "VARCHAR",
    "table_name": "VARCHAR",
    "fingerprint": "VARCHAR",
    "version": "VARCHAR",
    "changed": "BOOLEAN",
    "updated_at": "TIMESTAMP WITH TIME ZONE",
    "data_time": "TIMESTAMP WITH TIME ZONE",
    "rows": "BIGINT",
    "previous_rows": "BIGINT",
    "rows_in": "BIGINT",
    "rows_loaded": "BIGINT",
    "rows_rejected": "BIGINT",
    "bytes": "BIGINT",
    "finished_at": "TIMESTAMP WITH TIME ZONE",
    "samples": "VARCHAR",
    "files_taken": "BIGINT",
}
FILES_COLUMNS = {
    "table_name": "VARCHAR",
    "path": "VARCHAR",
    "sha256": "VARCHAR",
    "bytes": "BIGINT",
    "load_id": "VARCHAR",
    "content_bytes": "BIGINT",
    "content_sha256": "VARCHAR",
}


def make_ledger(con: Any, schema: str) -> None:
    """Both tables; those that an earlier freshet made get the columns that came since."""
    for name, columns in ((LOADS, LOADS_COLUMNS), (FILES, FILES_COLUMNS)):
        table = qualified([schema, name])
        described = ", ".join(f"{column} {kind}" for column, kind in columns.items())
        con.execute(f"CREATE TABLE IF NOT EXISTS {table} ({described})")
        held = {column for column, *_ in con.execute(f"FROM {table} LIMIT 0").description}
        for column, kind in columns.items():
            if column not in held:
                con.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")


def level_of(con: Any, schema: str, table: str, *, asset: str | None = None) -> Level | None:
    """``asset``: of its loads alone."""
    of_asset, values = (" AND asset = ?", [table, asset]) if asset else ("", [table])
    found = _rows(con, [schema, LOADS], f"WHERE {_TABLE}{of_asset} ORDER BY seq DESC LIMIT 1", *values)
    return Level(**{name: value for name, value in found[0].items() if name in LEVEL}) if found else None


def taken_by(con: Any, schema: str, table: str) -> dict[str, InputFile]:
    names = ("path", "sha256", "bytes", "content_bytes", "content_sha256")
    found = _rows(con, [schema, FILES], f"WHERE {_TABLE}", table)
    return {row["path"]: taken_file(**{name: row[name] for name in names if name in row}) for row in found}


def _rows(con: Any, table: Sequence[str], condition: str, *values: object) -> list[dict[str, Any]]:
    """By what the table has: a look writes nothing, so that one of an earlier freshet may lack columns."""
    found = con.execute(f"SELECT * FROM {qualified(table)} {condition}", list(values))
    names = [column for column, *_ in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def taken_file(
    path: str, sha256: str, bytes: int, content_bytes: int | None = None, content_sha256: str | None = None
) -> InputFile:
    """A file as it stands in the record (``file_values``)."""
    known = content_bytes is not None and content_sha256 is not None
    content = Content(size=content_bytes or 0, sha256=content_sha256 or "") if known else None
    return InputFile(path=path, sha256=sha256, size=bytes, content=content)


def files_taken(batch: Batch, before: TableState, *, disposition: str) -> int | None:
    """So many files of ``append`` are in the table once ``batch`` is."""
    if disposition == "append":
        return len({*before.taken, *(file.path for file in batch.files)})
    kept = before.level if disposition == "merge" and before.columns is not None else None
    return kept.files_taken if kept else 0


def untold(level: Level | None, taken: Mapping[str, InputFile], *, rows: int) -> str:
    """Why the record does not tell which files are in a table with so many rows; empty where it does.

    That ``FILES`` is there says nothing: once dropped, it is made again by the next load into the schema.
    """
    if level is None or level.files_taken == 0 or taken or not rows:
        return ""
    return f"holds rows, but the record, {FILES}, names no file that they came from"


def file_values(file: InputFile) -> dict[str, Any]:
    """What the record holds of a file."""
    content = file.content
    return {
        "path": file.path,
        "sha256": file.sha256,
        "bytes": file.size,
        "content_bytes": content and content.size,
        "content_sha256": content and content.sha256,
    }


def forget(con: Any, schema: str, table: str) -> None:
    """The table is gone or replaced: files that it took may come again."""
    con.execute(f"DELETE FROM {qualified([schema, FILES])} WHERE {_TABLE}", [table])


def record(con: Any, schema: str, *, table: str, values: Mapping[str, Any], files: Sequence[InputFile]) -> None:
    loads = qualified([schema, LOADS])
    names = ", ".join(values)
    marks = ", ".join("?" for _ in values)
    con.execute(
        f"INSERT INTO {loads} (seq, table_name, {names}) SELECT coalesce(max(seq), 0) + 1, ?, {marks} FROM {loads}",
        [table, *values.values()],
    )
    for file in files:
        _note_file(con, schema, {"table_name": table, "load_id": values["load_id"], **file_values(file)})


def _note_file(con: Any, schema: str, values: Mapping[str, Any]) -> None:
    """In place of what was noted of the file before it grew."""
    target = qualified([schema, FILES])
    con.execute(f"DELETE FROM {target} WHERE {_TABLE} AND path = ?", [values["table_name"], values["path"]])
    marks = ", ".join("?" for _ in values)
    con.execute(f"INSERT INTO {target} ({', '.join(values)}) VALUES ({marks})", [*values.values()])
