"""The one transaction of a load into DuckDB: rows from the incoming table into the target, by disposition.

Readers see the table before or after, never between. ``replace`` and a first load rename the incoming table,
which costs nothing; ``merge`` is in ``merging``.
"""

from collections.abc import Sequence
from typing import Any

from freshet.workloads.columns import Column
from freshet.workloads.sql import identifier, qualified

__all__ = ["add_columns", "append", "count_rows", "rename_columns", "rename_into"]


def count_rows(con: Any, target: Sequence[str]) -> int:
    return int(con.execute(f"SELECT count(*) FROM {qualified(target)}").fetchone()[0])


def add_columns(con: Any, target: Sequence[str], new: Sequence[Column]) -> None:
    for column in new:
        con.execute(
            f"ALTER TABLE {qualified(target)} ADD COLUMN IF NOT EXISTS {identifier(column.in_table)} {column.type}"
        )


def rename_columns(con: Any, table: Sequence[str], columns: Sequence[Column]) -> None:
    """As the table that they are for writes them."""
    for column in columns:
        if column.in_table != column.name:
            names = f"{identifier(column.name)} TO {identifier(column.in_table)}"
            con.execute(f"ALTER TABLE {qualified(table)} RENAME COLUMN {names}")


def rename_into(con: Any, incoming: Sequence[str], target: Sequence[str]) -> int:
    """The incoming table becomes the target, in place of what was there. Returns its rows."""
    con.execute(f"DROP TABLE IF EXISTS {qualified(target)}")
    con.execute(f"ALTER TABLE {qualified(incoming)} RENAME TO {identifier(target[-1])}")
    return count_rows(con, target)


def append(con: Any, incoming: Sequence[str], target: Sequence[str]) -> int:
    rows = count_rows(con, incoming)
    con.execute(f"INSERT INTO {qualified(target)} BY NAME SELECT * FROM {qualified(incoming)}")
    con.execute(f"DROP TABLE {qualified(incoming)}")
    return rows
