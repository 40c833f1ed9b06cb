"""What lies in a DuckDB file: a table and what is recorded of it, and what loads that were killed have left."""

from dataclasses import replace
from typing import Any

from freshet.workloads import ledger, publish
from freshet.workloads.columns import Column, table_column
from freshet.workloads.errors import InputError
from freshet.workloads.sql import qualified
from freshet.workloads.warehouse import TableState, owned

__all__ = ["INCOMING", "columns_of", "left_behind", "state_of", "sweep"]

INCOMING = "_freshet_incoming_"


def state_of(con: Any, schema: str, table: str, *, asset: str) -> TableState:
    """``asset``: who looks."""
    columns = columns_of(con, schema, table)
    level = ledger.level_of(con, schema, table) if _kind(con, schema, ledger.LOADS) else None
    state = owned(
        TableState(columns=columns, level=level, rows=0),
        asset=asset,
        level_of=lambda own: ledger.level_of(con, schema, table, asset=own),
    )
    if columns is None:
        return state
    taken = ledger.taken_by(con, schema, table) if _kind(con, schema, ledger.FILES) else {}
    rows = publish.count_rows(con, (schema, table))
    return replace(state, rows=rows, taken=taken, untold=ledger.untold(level, taken, rows=rows))


def left_behind(con: Any, schema: str) -> list[str]:
    """Incoming tables, all of loads that were killed: whoever sees them has the file, and no load is at work."""
    found = con.execute(
        "SELECT table_name FROM information_schema.tables WHERE table_catalog = current_database()"
        " AND lower(table_schema) = lower(?) AND starts_with(table_name, ?)",
        [schema, INCOMING],
    ).fetchall()
    return [name for (name,) in found]


def sweep(con: Any, schema: str) -> None:
    for name in left_behind(con, schema):
        con.execute(f"DROP TABLE {qualified([schema, name])}")


def columns_of(con: Any, schema: str, table: str) -> tuple[Column, ...] | None:
    """None where there is no such table. Raises InputError where it is a view."""
    kind = _kind(con, schema, table)
    if kind is None:
        return None
    if kind != "BASE TABLE":
        raise InputError(
            "NotATable",
            f"{schema}.{table} is a {kind.lower()}, not a table: give the source another table, or drop it.",
        )
    rows = con.execute(
        "SELECT column_name, data_type FROM information_schema.columns WHERE table_catalog = current_database()"
        " AND lower(table_schema) = lower(?) AND lower(table_name) = lower(?) ORDER BY ordinal_position",
        [schema, table],
    ).fetchall()
    return tuple(table_column(name, kind) for name, kind in rows)


def _kind(con: Any, schema: str, table: str) -> str | None:
    row = con.execute(
        "SELECT table_type FROM information_schema.tables WHERE table_catalog = current_database()"
        " AND lower(table_schema) = lower(?) AND lower(table_name) = lower(?)",
        [schema, table],
    ).fetchone()
    return str(row[0]) if row else None
