"""``merge`` in a DuckDB file: rows that are new or differ are written, no others, in memory that does not grow.

DuckDB holds what an UPDATE changes in memory, all of it until the transaction ends: 1,000,000 short rows are more than
a load may take. So rows that differ are deleted and inserted anew, which streams; they are found by number: a join
holds whole rows, which may be long. A table with a key or an index of its own does not let a key be deleted and
inserted in one go as cheaply: there rows are updated, some at a time. So they are, too, where few values come for rows
of which others stay: those may be many, or long.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from freshet.workloads.columns import Column, plain
from freshet.workloads.sql import identifier, qualified

__all__ = ["merge", "pairs", "unfilled"]

_CHANGED = "temp.main._freshet_changed"
_SLICE = 50_000
_SMALL = 16 << 20
"""Bytes of values that may be updated: DuckDB holds about four times as much until the transaction ends."""
_LONG = 1_000
"""Bytes of a row whose texts are compared by their digests."""


def pairs(con: Any, incoming: Sequence[str], target: Sequence[str], *, key: Sequence[str]) -> tuple[int, int]:
    """Incoming rows with the target's of their key: as many as came, unless the target holds one of those twice; and
    how many of these pairs have a row of the target.
    """
    found, held = con.execute(
        f"SELECT count(*), count(t.{identifier(key[0])}) FROM {qualified(incoming)} AS s"
        f" LEFT JOIN {qualified(target)} AS t ON ({_same(key)})"
    ).fetchone()
    return int(found), int(held)


def unfilled(con: Any, target: Sequence[str], *, key: Sequence[str]) -> list[str]:
    """Columns of the key that no row of the target has a value in, if it has rows."""
    counts = ", ".join(f"count({identifier(name)})" for name in key)
    rows, *filled = con.execute(f"SELECT count(*), {counts} FROM {qualified(target)}").fetchone()
    return [name for name, count in zip(key, filled, strict=True) if rows and not count]


def merge(
    con: Any,
    incoming: Sequence[str],
    target: Sequence[str],
    *,
    columns: Sequence[Column],
    key: Sequence[str],
    rows: int,
    size: int,
) -> int:
    """Add new keys, write those that differ, delete none. Returns how many rows it wrote.

    ``columns``: those that came, ``key`` as the table writes it. ``rows``: how many, and ``size``: bytes of their
    values.
    """
    names = [column.in_table for column in columns]
    kept = _kept(con, target, names)
    if _is_indexed(con, target) or (kept and size <= _SMALL) or "rowid" in map(str.lower, (*names, *kept)):
        return _update(con, incoming, target, columns=names, key=key)
    _find(con, incoming, target, columns=columns, key=key, is_long=size > _LONG * rows)
    written = _write(con, incoming, target, columns=names, kept=kept)
    con.execute(f"DELETE FROM {qualified(target)} AS t USING {_CHANGED} AS c WHERE t.rowid = c.held")
    con.execute(f"DROP TABLE {_CHANGED}")
    return written


def _same(key: Sequence[str]) -> str:
    return " AND ".join(f"t.{identifier(name)} = s.{identifier(name)}" for name in key)


def _differs(others: Sequence[str]) -> str:
    return " OR ".join(f"t.{identifier(name)} IS DISTINCT FROM s.{identifier(name)}" for name in others)


def _find(
    con: Any,
    incoming: Sequence[str],
    target: Sequence[str],
    *,
    columns: Sequence[Column],
    key: Sequence[str],
    is_long: bool,
) -> None:
    """The numbers of rows that are new or differ, and those that the table has of their keys."""
    others = [column for column in columns if column.in_table not in key]
    compared = [_compared(column, is_long=is_long) for column in others]
    values = ", ".join(["rowid AS _freshet_row", *map(identifier, key), *compared])
    differs = _differs([column.in_table for column in others]) or "false"
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE {_CHANGED} AS SELECT s._freshet_row AS came, t._freshet_row AS held"
        f" FROM (SELECT {values} FROM {qualified(incoming)}) AS s"
        f" LEFT JOIN (SELECT {values} FROM {qualified(target)}) AS t ON ({_same(key)})"
        f" WHERE t._freshet_row IS NULL OR {differs}"
    )


def _compared(column: Column, *, is_long: bool) -> str:
    name = identifier(column.in_table)
    return f"sha256({name}) AS {name}" if is_long and column.type == "VARCHAR" else name


def _write(
    con: Any, incoming: Sequence[str], target: Sequence[str], *, columns: Sequence[str], kept: Sequence[str]
) -> int:
    """With the table's values of columns that did not come, where it has the row."""
    came = ", ".join(f"s.{identifier(name)}" for name in columns)
    source = f"{qualified(incoming)} AS s"
    if not kept:
        return _insert(con, target, f"SELECT {came} FROM {source} WHERE s.rowid IN (SELECT came FROM {_CHANGED})")
    stays = ", ".join(f"t.{identifier(name)}" for name in kept)
    held = f"JOIN {_CHANGED} AS c ON (c.came = s.rowid) JOIN {qualified(target)} AS t ON (t.rowid = c.held)"
    new = f"s.rowid IN (SELECT came FROM {_CHANGED} WHERE held IS NULL)"
    written = _insert(con, target, f"SELECT {came}, {stays} FROM {source} {held}")
    return written + _insert(con, target, f"SELECT {came} FROM {source} WHERE {new}")


def _insert(con: Any, target: Sequence[str], rows: str) -> int:
    return int(con.execute(f"INSERT INTO {qualified(target)} BY NAME {rows}").fetchone()[0])


_OF_TABLE = "database_name = current_database() AND lower(schema_name) = lower(?) AND lower(table_name) = lower(?)"


def _kept(con: Any, target: Sequence[str], columns: Sequence[str]) -> list[str]:
    """Columns of the table that did not come, but for generated ones."""
    query = f"SELECT column_name FROM duckdb_columns() WHERE {_OF_TABLE} AND NOT is_generated ORDER BY column_index"
    came = set(map(plain, columns))
    return [name for (name,) in con.execute(query, list(target)).fetchall() if plain(name) not in came]


def _is_indexed(con: Any, target: Sequence[str]) -> bool:
    """By a key, a rule or an index of a table that freshet did not make."""
    query = (
        f"SELECT (SELECT count(*) FROM duckdb_indexes() WHERE {_OF_TABLE}) + (SELECT count(*) FROM duckdb_constraints()"
        f" WHERE {_OF_TABLE} AND constraint_type IN ('PRIMARY KEY', 'UNIQUE', 'FOREIGN KEY'))"
    )
    return bool(con.execute(query, [*target, *target]).fetchone()[0])


def _update(
    con: Any, incoming: Sequence[str], target: Sequence[str], *, columns: Sequence[str], key: Sequence[str]
) -> int:
    others = [name for name in columns if name not in key]
    sets = ", ".join(f"{identifier(name)} = s.{identifier(name)}" for name in others)
    update = f"WHEN MATCHED AND ({_differs(others)}) THEN UPDATE SET {sets}" if others else ""
    names = ", ".join(identifier(name) for name in columns)
    values = ", ".join(f"s.{identifier(name)}" for name in columns)
    written = 0
    for rows in _slices(con, incoming, columns):
        written += con.execute(
            f"MERGE INTO {qualified(target)} AS t USING ({rows}) AS s ON ({_same(key)})"
            f" {update} WHEN NOT MATCHED THEN INSERT ({names}) VALUES ({values})"
        ).fetchone()[0]
    return written


def _slices(con: Any, incoming: Sequence[str], columns: Sequence[str]) -> Iterator[str]:
    """Queries for the incoming rows; for all at once where a column is called as what counts them."""
    every = f"SELECT * FROM {qualified(incoming)}"
    if "rowid" in map(str.lower, columns):
        yield every
        return
    end = con.execute(f"SELECT coalesce(max(rowid) + 1, 0) FROM {qualified(incoming)}").fetchone()[0]
    for start in range(0, end, _SLICE):
        yield f"{every} WHERE rowid >= {start} AND rowid < {start + _SLICE}"
