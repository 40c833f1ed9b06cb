"""The one statement that changes a table in Databricks, by disposition, and the proof that it did.

Each is atomic, and done twice is the same as once: rows carry their load's id, ``append`` adds none of a load that is
there, ``merge`` writes only what is new or differs, ``replace`` swaps. Readers see the table before or after.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from freshet.workloads.columns import Column
from freshet.workloads.databricks_newest import ask_newest
from freshet.workloads.databricks_sql import Sql, error_class
from freshet.workloads.ledger import LOAD_ID
from freshet.workloads.moments import as_time
from freshet.workloads.names import time_column
from freshet.workloads.sql import identifier, literal, qualified

__all__ = [
    "Publishing",
    "append",
    "create",
    "held_twice",
    "merge",
    "missing",
    "newest",
    "overwrite",
    "rows_of",
    "take_back",
    "unfilled",
]


def _name(name: str) -> str:
    return identifier(name, mark="`")


def _table(parts: Sequence[str]) -> str:
    return qualified(parts, mark="`")


def _list(names: Sequence[str], *, of: str = "") -> str:
    return ", ".join(of + _name(name) for name in names)


def _renamed(column: Column) -> str:
    found = _name(column.name)
    return found if column.in_table == column.name else f"{found} AS {_name(column.in_table)}"


@dataclass(frozen=True, kw_only=True)
class Publishing:
    """Rows that came to ``incoming``, as many as ``expected``, on their way into ``target``.

    ``unless``: loads whose rows were not there when this one looked. If they are by now, it publishes none: they may
    be of a newer input.
    """

    incoming: Sequence[str]
    target: Sequence[str]
    columns: Sequence[Column]
    load_id: str
    expected: int
    unless: Collection[str] = ()

    @property
    def names(self) -> list[str]:
        """The columns as the target writes them."""
        return [column.in_table for column in self.columns]

    @property
    def came(self) -> str:
        """The rows as they came, to be read from, under those names."""
        source = _table(self.incoming)
        if all(column.in_table == column.name for column in self.columns):
            return source
        return f"(SELECT {', '.join(map(_renamed, self.columns))} FROM {source})"

    def rows(self, *, empty: Sequence[tuple[str, str]] = ()) -> str:
        """A query for them, with their load's id. ``empty``: further columns, which nothing fills."""
        nulls = "".join(f", CAST(NULL AS {kind}) AS {_name(name)}" for name, kind in empty)
        named = ", ".join(map(_renamed, self.columns))
        return f"SELECT {named}{nulls}, {literal(self.load_id)} AS {LOAD_ID} FROM {_table(self.incoming)}"

    @property
    def may(self) -> str:
        """A copy may arrive after its rows were counted, so that the statement which publishes counts them itself."""
        whole = f"(SELECT count(*) FROM {_table(self.incoming)}) = {self.expected}"
        if not self.unless:
            return whole
        ids = ", ".join(map(literal, sorted(self.unless)))
        return f"{whole} AND NOT EXISTS (SELECT 1 FROM {_table(self.target)} WHERE {LOAD_ID} IN ({ids}))"

    @property
    def or_fail(self) -> str:
        """Where no rows would be an empty table, the statement itself fails (USER_RAISED_EXCEPTION)."""
        return f"CASE WHEN {self.may} THEN true ELSE raise_error('rows arrived late') END"


def create(sql: Sql, it: Publishing) -> None:
    """A table that is not there yet, at once with its rows."""
    try:
        sql.ask(f"CREATE TABLE {_table(it.target)} AS {it.rows()} WHERE {it.or_fail}")
    except Exception as error:
        # The connector repeats a statement whose answer was lost, or another load has dropped the incoming rows and
        # made the table: whose it is, the count of the rows tells.
        if error_class(error) not in ("TABLE_OR_VIEW_ALREADY_EXISTS", "TABLE_OR_VIEW_NOT_FOUND"):
            raise


def overwrite(sql: Sql, it: Publishing, *, empty: Sequence[tuple[str, str]], same: bool) -> None:
    """All rows at once. ``empty``: further columns of the table (name and Databricks type), which nothing fills.

    ``same``: the columns stay as they are, and so do the table's comments and properties.
    """
    rows = f"{it.rows(empty=empty)} WHERE {it.or_fail}"
    if same:
        names = [*it.names, *(name for name, _ in empty), LOAD_ID]
        sql.ask(f"INSERT OVERWRITE {_table(it.target)} ({_list(names)}) {rows}")
    else:
        sql.ask(f"CREATE OR REPLACE TABLE {_table(it.target)} AS {rows}")


def append(sql: Sql, it: Publishing, *, loaded: int) -> None:
    """Once: none if its rows are there. Nor if other than ``loaded`` rows name a load, as many as there were when it
    looked: one that was fenced off too late may have published. Since the statement reads all that loads have added,
    one of two that overlap fails (DELTA_CONCURRENT_APPEND), also where Databricks tells rows apart.
    """
    table = _table(it.target)
    sql.ask(
        f"INSERT INTO {table} ({_list([*it.names, LOAD_ID])}) {it.rows()}"
        f" WHERE NOT EXISTS (SELECT 1 FROM {table} WHERE {LOAD_ID} = {literal(it.load_id)})"
        f" AND (SELECT count({LOAD_ID}) FROM {table}) = {loaded} AND {it.may}"
    )


def merge(sql: Sql, it: Publishing, *, key: Sequence[str]) -> None:
    """What is new or differs, by the key."""
    others = [name for name in it.names if name not in key]
    update = ""
    if others:
        differs = " OR ".join(f"NOT (t.{_name(name)} <=> s.{_name(name)})" for name in others)
        sets = ", ".join(f"{_name(name)} = s.{_name(name)}" for name in others)
        update = f" WHEN MATCHED AND ({differs}) THEN UPDATE SET {sets}, {LOAD_ID} = {literal(it.load_id)}"
    source = f"(SELECT * FROM {it.came} WHERE {it.may})"
    sql.ask(
        f"MERGE INTO {_table(it.target)} AS t USING {source} AS s ON {_same(key)}{update}"
        f" WHEN NOT MATCHED THEN INSERT ({_list([*it.names, LOAD_ID])})"
        f" VALUES ({_list(it.names, of='s.')}, {literal(it.load_id)})"
    )


def unfilled(sql: Sql, it: Publishing, *, key: Sequence[str]) -> list[str]:
    """Columns of the key that no row of the target has a value in: a load that was killed may have added them."""
    counts = ", ".join(f"count({_name(name)})" for name in key)
    rows, *filled = sql.ask(f"SELECT count(*), {counts} FROM {_table(it.target)}")[0]
    return [name for name, count in zip(key, filled, strict=True) if rows and not count]


def held_twice(sql: Sql, it: Publishing, *, key: Sequence[str]) -> int:
    """How many incoming keys the table has in more than one row."""
    incoming = f"SELECT 1 FROM {it.came} AS s WHERE {_same(key)}"  # not joined: a copy may have come twice
    found = sql.ask(
        f"SELECT count(*) FROM (SELECT 1 FROM {_table(it.target)} AS t WHERE EXISTS ({incoming})"
        f" GROUP BY {_list(key, of='t.')} HAVING count(*) > 1) AS d"
    )
    return int(found[0][0])


def rows_of(sql: Sql, target: Sequence[str], load_id: str) -> tuple[int, int]:
    """All rows, and those that the load wrote."""
    found = sql.ask(
        f"SELECT count(*), coalesce(sum(CASE WHEN {LOAD_ID} = {literal(load_id)} THEN 1 ELSE 0 END), 0)"
        f" FROM {_table(target)}"
    )
    return int(found[0][0]), int(found[0][1])


def take_back(sql: Sql, target: Sequence[str], load_id: str, *, loads: Sequence[str]) -> None:
    """The rows of a load that is not recorded: not as many are there as it had."""
    recorded = (
        f"SELECT 1 FROM {_table(loads)} WHERE load_id = {literal(load_id)} AND table_name = {literal(target[-1])}"
    )
    sql.ask(f"DELETE FROM {_table(target)} WHERE {LOAD_ID} = {literal(load_id)} AND NOT EXISTS ({recorded})")


def missing(sql: Sql, it: Publishing, *, key: Sequence[str]) -> int:
    """How many incoming rows a merged table does not have as they are."""
    others = [name for name in it.names if name not in key]
    same = "".join(f" AND t.{_name(name)} <=> s.{_name(name)}" for name in others)
    found = sql.ask(
        f"SELECT count(*) FROM {it.came} AS s WHERE NOT EXISTS"
        f" (SELECT 1 FROM {_table(it.target)} AS t WHERE {_same(key)}{same})"
    )
    return int(found[0][0])


def newest(sql: Sql, target: Sequence[str], column: str | None, *, columns: Sequence[Column]) -> datetime | None:
    """The data time. None where the table has no such column: it may come with the load that is being made ready."""
    held = time_column(column, columns=columns) if column is not None else None
    if column is None or held is None:
        return None
    _, found = ask_newest(sql, of=_table(target), column=_name(held.in_table))
    return as_time(found, column=column)


def _same(key: Sequence[str]) -> str:
    return " AND ".join(f"t.{_name(name)} = s.{_name(name)}" for name in key)
