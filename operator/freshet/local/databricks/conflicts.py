"""Which of two statements that overlap fails: Delta's rules for WriteSerializable with row-level concurrency.

A statement works on its tables as they were when it began. What others have committed meanwhile to the table that it
writes decides whether it may commit, too; of the tables that it only reads nothing is asked. Rows that were added by
one who read nothing (INSERT, COPY INTO) are in nobody's way, also where the statement would have read them.

After https://docs.databricks.com/aws/en/optimizations/isolation/ (isolation-levels, row-level-concurrency), the error
conditions that it names, and ConflictChecker.scala of delta-io/delta.
"""

from collections.abc import Sequence
from typing import Any

from sqlglot import exp

from freshet.local.databricks.errors import SqlError
from freshet.local.databricks.history import Names, Write
from freshet.local.databricks.names import quoted

__all__ = ["expect_rows_untouched", "settled"]

_NOW, _CHANGED = "_now", "_changed"
_STATE = "2D521"


def settled(write: Write, winners: Sequence[Write]) -> tuple[Names, bool]:
    """The table's name by now, and whether rows that the statement read may have changed. Raises SqlError."""
    table, read = write.table, False
    for winner in winners:
        if winner.kind == "rename" and winner.table == table and write.kind == "append":
            table = winner.to
        elif table in (winner.table, winner.to):
            error = _conflict(write, winner)
            if error is not None:
                raise error
            read = read or (winner.kind == "change" and write.kind == "change")
    return table, read


def _conflict(write: Write, winner: Write) -> SqlError | None:
    name = ".".join(write.table)
    came, went = winner.kind in ("create", "replace") or winner.to == write.table, winner.kind in ("drop", "rename")
    if write.kind in ("drop", "rename"):
        return None
    if write.kind == "create":
        return SqlError("TABLE_OR_VIEW_ALREADY_EXISTS", f"Table {name} already exists.", "42P07") if came else None
    if went and write.kind != "replace":
        return SqlError("TABLE_OR_VIEW_NOT_FOUND", f"The table or view {name} cannot be found.", "42P01")
    if came or winner.kind == "metadata":
        text = f"The metadata of the Delta table {name} has been changed by a concurrent update."
        return SqlError("DELTA_METADATA_CHANGED", text, _STATE)
    if write.kind == "replace" and winner.kind in ("append", "change"):
        return _rows_changed(name, "WHOLE_TABLE_READ")
    if write.files & winner.files:
        text = f"A concurrent COPY INTO has loaded the same files into {name}."
        return SqlError("DELTA_CONCURRENT_TRANSACTION", text, _STATE)
    return None


def expect_rows_untouched(con: Any, now: Any, tree: Any) -> None:
    """Raises SqlError where the statement read, of its table, what is not so any more.

    ``con`` has the tables as they were when it began, ``now`` as they are.
    """
    table = _table(tree)
    name = quoted((table.catalog, table.db, table.name))
    con.register(_NOW, now.sql(f"FROM {name}").to_arrow_table())
    con.execute(
        f"CREATE OR REPLACE TEMP VIEW {_CHANGED} AS"
        f" (FROM {name} EXCEPT ALL FROM {_NOW}) UNION ALL (FROM {_NOW} EXCEPT ALL FROM {name})"
    )
    if _any(con, f"FROM {_CHANGED}") and any(_any(con, query) for query in _readings(tree, table)):
        raise _rows_changed(name, "ROW_LEVEL_CHANGES")


def _readings(tree: Any, table: Any) -> list[str]:
    """Queries that have rows where the statement has read what changed."""
    if isinstance(tree, exp.Merge):
        using, on = _text(tree.args["using"]), _text(tree.args["on"])
        joined = f"SELECT 1 FROM {_CHANGED} AS {_alias(table)} JOIN {using} ON {on}"
        source = tree.args["using"]
        return [joined, *(_differs(source.this, table) if isinstance(source, exp.Subquery) else [])]
    where = tree.args.get("where")
    if isinstance(tree, exp.Update | exp.Delete) and where is not None and not _reads(where, table):
        return [f"SELECT 1 FROM {_CHANGED} AS {_alias(table)} {_text(where)}"]
    if isinstance(tree, exp.Insert) and not tree.args.get("overwrite"):
        return _differs(tree.expression, table)
    return [f"FROM {_CHANGED}"]


def _differs(query: Any, table: Any) -> list[str]:
    """A query that has rows where ``query`` by now gives others."""
    if not _reads(query, table):
        return []
    later = query.copy()
    for one in list(later.find_all(exp.Table)):
        if _same(one, table):
            one.replace(exp.alias_(exp.to_table(_NOW), one.alias or one.name, table=True))
    was, is_now = _text(query), _text(later)
    return [f"(({was}) EXCEPT ALL ({is_now})) UNION ALL (({is_now}) EXCEPT ALL ({was}))"]


def _reads(part: Any, table: Any) -> bool:
    return any(_same(one, table) for one in part.find_all(exp.Table))


def _same(one: Any, table: Any) -> bool:
    return (one.catalog, one.db, one.name) == (table.catalog, table.db, table.name)


def _table(tree: Any) -> Any:
    return tree.this if isinstance(tree.this, exp.Table) else tree.find(exp.Table)


def _alias(table: Any) -> str:
    name = str(table.alias or table.name)
    return '"' + name.replace('"', '""') + '"'


def _text(part: Any) -> str:
    return str(part.sql(dialect="duckdb"))


def _any(con: Any, query: str) -> bool:
    return con.execute(f"SELECT 1 FROM ({query}) LIMIT 1").fetchone() is not None


def _rows_changed(table: str, how: str) -> SqlError:
    text = f"Transaction conflict detected. A concurrent operation changed data of table {table} that this one read."
    return SqlError(f"DELTA_CONCURRENT_APPEND.{how}", text, _STATE)
