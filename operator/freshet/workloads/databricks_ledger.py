"""freshet's own record in Databricks: the same two tables as in DuckDB, but each statement stands alone.

Nothing can be written together with the rows, so the rows themselves carry the id of the load that wrote them
(``LOAD_ID``): that alone says whether a load happened. Each load is noted before its rows, ``append`` with the files
that it takes. A note whose load is not recorded is pending: its rows came and were not recorded, or may still come.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import tenacity

from freshet.workloads.databricks_catalog import add_columns, lacking
from freshet.workloads.databricks_sql import ABSENT, Sql, error_class
from freshet.workloads.databricks_types import to_databricks
from freshet.workloads.errors import TableMoved
from freshet.workloads.inputs import InputFile
from freshet.workloads.ledger import (
    FILES,
    FILES_COLUMNS,
    LEVEL,
    LOAD_ID,
    LOADS,
    LOADS_COLUMNS,
    file_values,
    taken_file,
)
from freshet.workloads.sql import literal, qualified
from freshet.workloads.warehouse import Batch, Level

__all__ = [
    "Noted",
    "came",
    "files_of",
    "forget",
    "forget_lost",
    "forget_older",
    "level_of",
    "lost",
    "make_ledger",
    "note",
    "overtaken",
    "pending",
    "record",
    "settle",
    "taken_by",
    "write",
]

_FOUND = ("rows_in", "rows_rejected", "samples")
_COLUMNS = {name: to_databricks(kind) for name, kind in LOADS_COLUMNS.items()}
_FILES = {
    **{name: to_databricks(kind) for name, kind in FILES_COLUMNS.items()},
    "noted_at": "TIMESTAMP",
    "load_rows": "BIGINT",
    "asset": _COLUMNS["asset"],
    "disposition": "STRING",
    **{name: _COLUMNS[name] for name in _FOUND},
}
_MARKS = 100
"""So many values are given to one statement; Databricks takes 256."""
_TRIES = 6
"""So often a statement of the ledger is tried that other loads' statements are in the way of."""
_PATHS = "sum(CASE WHEN f.path <> '' THEN 1 ELSE 0 END)"
_NO_FILE = InputFile(path="", sha256="", size=0)
_UP_TO = (
    "SELECT l.load_id FROM {loads} AS l JOIN {loads} AS m ON m.table_name = l.table_name AND l.seq {than} m.seq"
    " WHERE m.table_name = :name AND m.load_id = :id"
)
"""Loads that were recorded before the load ``:id``. One subquery: Databricks' DELETE takes none within another."""


@dataclass(frozen=True, kw_only=True)
class Noted:
    """A load that is not recorded. ``rows``: as many are to be published; None where an earlier freshet noted it.

    ``asset``: whose it is. ``disposition``: how it writes its rows; None where an earlier freshet noted it.
    ``files``: so many it takes for good. ``found``: what it read and found bad, by the columns of ``_freshet_loads``.
    """

    rows: int | None
    asset: str | None
    disposition: str | None
    files: int
    found: Mapping[str, Any]

    def is_fewer_than(self, written: int) -> bool:
        """Whether so many rows are more than it had."""
        return self.rows is not None and written > self.rows


def make_ledger(sql: Sql, schema: Sequence[str]) -> None:
    """Both tables; those that an earlier freshet made get the columns that came since."""
    tables = {LOADS: _COLUMNS, FILES: _FILES}
    for name, columns in tables.items():
        described = ", ".join(f"`{column}` {kind}" for column, kind in columns.items())
        sql.ask(f"CREATE TABLE IF NOT EXISTS {_named(schema, name)} ({described})")
    for name, new in lacking(sql, schema, tables).items():
        _add(sql, schema, name, {column: tables[name][column] for column in new})


def _add(sql: Sql, schema: Sequence[str], name: str, columns: Mapping[str, str]) -> None:
    try:
        add_columns(sql, [*schema, name], [*columns.items()])
    except Exception:
        # Another pod was faster, or the connector asked twice since the answer was lost.
        if lacking(sql, schema, {name: columns}):
            raise
    if "noted_at" in columns:
        write(sql, f"UPDATE {_named(schema, name)} SET noted_at = :now WHERE noted_at IS NULL", now=datetime.now(UTC))


def level_of(sql: Sql, schema: Sequence[str], table: str, *, asset: str | None = None) -> Level | None:
    """``asset``: of its loads alone."""
    of_asset, values = (" AND asset = :asset", {"asset": asset}) if asset else ("", {})
    found = sql.ask(
        f"SELECT {', '.join(f'`{name}`' for name in LEVEL)} FROM {_named(schema, LOADS)}"
        f" WHERE table_name = :name AND seq > 0{of_asset} ORDER BY seq DESC LIMIT 1",
        name=table,
        **values,
    )
    return Level(**dict(zip(LEVEL, found[0], strict=True))) if found else None


def taken_by(sql: Sql, schema: Sequence[str], table: str) -> dict[str, InputFile]:
    """The files of recorded loads, by path, as they last came: of those after the last that left none of theirs."""
    loads = _named(schema, LOADS)
    found = sql.ask(
        f"SELECT f.path, f.sha256, f.bytes, f.content_bytes, f.content_sha256 FROM {_named(schema, FILES)} AS f"
        f" JOIN {loads} AS l ON l.load_id = f.load_id AND l.table_name = f.table_name"
        " WHERE f.table_name = :name AND f.path <> '' AND l.seq >"
        f" (SELECT coalesce(max(seq), 0) FROM {loads} WHERE table_name = :name AND files_taken = 0) ORDER BY l.seq",
        name=table,
    )
    return {values[0]: taken_file(*values) for values in found}


def pending(sql: Sql, schema: Sequence[str], table: str) -> dict[str, Noted]:
    """Loads that were noted and are not recorded, the oldest first: their rows may still come while a pod lives on."""
    said = ", ".join(f"max(f.`{name}`)" for name in ("load_rows", "asset", "disposition", *_FOUND))
    found = sql.ask(
        f"SELECT f.load_id, {_PATHS}, {said} FROM {_named(schema, FILES)} AS f WHERE f.table_name = :name"
        f" AND NOT EXISTS (SELECT 1 FROM {_named(schema, LOADS)} AS l"
        " WHERE l.load_id = f.load_id AND l.table_name = f.table_name) GROUP BY f.load_id"
        " ORDER BY max(f.noted_at), f.load_id",
        name=table,
    )
    return {
        load_id: Noted(
            rows=rows,
            asset=asset,
            disposition=disposition,
            files=int(files),
            found=dict(zip(_FOUND, values, strict=True)),
        )
        for load_id, files, rows, asset, disposition, *values in found
    }


def came(sql: Sql, schema: Sequence[str], table: str, *, among: Iterable[str]) -> frozenset[str]:
    """Of those loads the ones whose rows are in the table, which is there."""
    ids = ", ".join(map(literal, among))
    if not ids:
        return frozenset()
    found = sql.ask(f"SELECT DISTINCT {LOAD_ID} FROM {_named(schema, table)} WHERE {LOAD_ID} IN ({ids})")
    return frozenset(load_id for (load_id,) in found)


def files_of(sql: Sql, schema: Sequence[str], table: str, *, load_id: str) -> frozenset[str]:
    """What the load takes for good, by path."""
    found = sql.ask(
        f"SELECT path FROM {_named(schema, FILES)} WHERE table_name = :name AND load_id = :id AND path <> ''",
        name=table,
        id=load_id,
    )
    return frozenset(path for (path,) in found)


def forget_older(sql: Sql, schema: Sequence[str], table: str, *, load_id: str, paths: Sequence[str]) -> None:
    """What loads that were recorded before ``load_id`` noted of those files says nothing any more."""
    recorded = _UP_TO.format(loads=_named(schema, LOADS), than="<")
    for start in range(0, len(paths), _MARKS):
        marks = {f"path{at}": path for at, path in enumerate(paths[start : start + _MARKS])}
        write(
            sql,
            f"DELETE FROM {_named(schema, FILES)} WHERE table_name = :name AND load_id IN ({recorded})"
            f" AND path IN ({', '.join(f':{mark}' for mark in marks)})",
            name=table,
            id=load_id,
            **marks,
        )


def lost(sql: Sql, schema: Sequence[str], table: str, *, before: datetime) -> list[str]:
    """Pending loads, noted before that moment, whose rows never came: no statement of theirs lives so long."""
    old = sql.ask(
        f"SELECT load_id FROM {_named(schema, FILES)} WHERE table_name = :name GROUP BY load_id"
        " HAVING max(noted_at) < :before",
        name=table,
        before=before,
    )
    noted = {load_id for (load_id,) in old}.intersection(pending(sql, schema, table) if old else ())
    try:
        return sorted(noted - came(sql, schema, table, among=noted))
    except Exception as error:
        if error_class(error) not in ABSENT:
            raise
        return sorted(noted)  # of a table that is gone, or was made anew by hand, no row is theirs


def overtaken(sql: Sql, schema: Sequence[str], table: str) -> list[str]:
    """Pending loads of ``append`` of which a recorded one has taken a file: its rows keep theirs out for good.

    So has one that took as much of the file or more: what it had grown to when it was pending was within that. One that
    has no rows needs nobody to keep them out.
    """
    found = sql.ask(
        f"SELECT DISTINCT f.load_id FROM {_named(schema, FILES)} AS f"
        f" JOIN {_named(schema, FILES)} AS g ON g.table_name = f.table_name AND g.path = f.path"
        " AND (g.sha256 = f.sha256 OR g.content_bytes >= f.content_bytes)"
        f" JOIN {_named(schema, LOADS)} AS l ON l.table_name = g.table_name AND l.load_id = g.load_id"
        " WHERE f.table_name = :name AND f.path <> '' AND (l.rows_loaded > 0 OR f.load_rows = 0)",
        name=table,
    )
    return sorted({load_id for (load_id,) in found}.intersection(pending(sql, schema, table) if found else ()))


def forget_lost(sql: Sql, schema: Sequence[str], table: str, *, load_ids: Sequence[str]) -> None:
    among = ", ".join(map(literal, load_ids))
    write(sql, f"DELETE FROM {_named(schema, FILES)} WHERE table_name = :name AND load_id IN ({among})", name=table)


def forget(sql: Sql, schema: Sequence[str], table: str, *, last: str) -> None:
    """The table is gone or replaced: files that it took may come again. What is pending stays noted, and so does what
    another pod has loaded since ``last``, the newest load that was recorded when this one looked.
    """
    recorded = _UP_TO.format(loads=_named(schema, LOADS), than="<=")
    write(
        sql,
        f"DELETE FROM {_named(schema, FILES)} WHERE table_name = :name AND load_id IN ({recorded})",
        name=table,
        id=last,
    )


def settle(sql: Sql, schema: Sequence[str], table: str) -> None:
    """Of loads that took no files nothing need be noted once they are recorded."""
    recorded = f"SELECT load_id FROM {_named(schema, LOADS)} WHERE table_name = :name"
    write(
        sql,
        f"DELETE FROM {_named(schema, FILES)} WHERE path = '' AND table_name = :name AND load_id IN ({recorded})",
        name=table,
    )


def note(
    sql: Sql, schema: Sequence[str], table: str, *, load_id: str, asset: str, disposition: str, batch: Batch
) -> None:
    """The files that ``append`` takes for good. Else one note without a path says that the load is under way.

    What is said of ``batch`` is for whoever records the load, if this pod does not come to it.
    """
    said = {
        "noted_at": datetime.now(UTC),
        "load_rows": batch.rows,
        "asset": asset,
        "disposition": disposition,
        "rows_in": batch.rows_in,
        "rows_rejected": batch.rejected,
        "samples": batch.samples,
    }
    for file in batch.files if disposition == "append" else (_NO_FILE,):
        values = {"table_name": table, "load_id": load_id, **file_values(file), **said}
        key = ("table_name", "path", "load_id")
        _once(sql, [*schema, FILES], values, key=key, kinds=_FILES, renewed=tuple(said))


def record(sql: Sql, schema: Sequence[str], *, table: str, values: Mapping[str, Any], last: Level | None) -> Level:
    """The level then, which is of this load. ``last``: the one that it goes on, as this pod knows it.

    Raises TableMoved where another came in between: a load that wrote no row leaves nothing there by which that one
    would have known of it, and would be put over what is newer.
    """
    loads = _named(schema, LOADS)
    newest = f"(SELECT max_by(load_id, seq) FROM {loads} WHERE table_name = :table_name AND seq > 0)"
    following = f"(SELECT coalesce(max(seq), 0) + 1 FROM {loads} WHERE table_name = :table_name)"
    _once(
        sql,
        [*schema, LOADS],
        {"table_name": table, **values},
        key=("table_name", "load_id"),
        kinds=_COLUMNS,
        more={"seq": following},
        given=f"coalesce({newest}, '') = {literal(last.load_id if last else '')}",
    )
    level = level_of(sql, schema, table)
    if level is None or level.load_id != values["load_id"]:
        raise TableMoved
    return level


def _named(schema: Sequence[str], table: str) -> str:
    return qualified([*schema, table], mark="`")


def write(sql: Sql, statement: str, **values: object) -> None:
    """Run what may as well be run later: loads of other tables, too, write to the ledger, and need not wait for more.

    Where Databricks does not tell rows apart, of two such statements at once one fails.
    """
    for attempt in tenacity.Retrying(
        retry=tenacity.retry_if_exception(lambda error: error_class(error).startswith("DELTA_CONCURRENT")),
        stop=tenacity.stop_after_attempt(_TRIES),
        wait=tenacity.wait_random_exponential(multiplier=0.1),
        reraise=True,
    ):
        with attempt:
            sql.ask(statement, **values)


def _once(
    sql: Sql,
    target: Sequence[str],
    values: Mapping[str, Any],
    *,
    key: Sequence[str],
    kinds: Mapping[str, str],
    more: Mapping[str, str] | None = None,
    renewed: Sequence[str] = (),
    given: str = "true",
) -> None:
    """Insert a row unless its key is there: repeated by whomever, it stays one. ``renewed``: what is set anew then.

    ``given``: a condition without which nothing happens.
    """
    sets = ", ".join(f"`{name}` = s.`{name}`" for name in renewed)
    matched = f" WHEN MATCHED THEN UPDATE SET {sets}" if sets else ""
    made = {name: f"CAST(:{name} AS {kinds[name]})" for name in values} | dict(more or {})
    source = ", ".join(f"{value} AS `{name}`" for name, value in made.items())
    same = " AND ".join(f"t.`{name}` = s.`{name}`" for name in key)
    names = ", ".join(f"`{name}`" for name in made)
    write(
        sql,
        f"MERGE INTO {qualified(target, mark='`')} AS t USING (SELECT {source} WHERE {given}) AS s ON {same}{matched}"
        f" WHEN NOT MATCHED THEN INSERT ({names}) VALUES ({', '.join(f's.`{name}`' for name in made)})",
        **values,
    )
