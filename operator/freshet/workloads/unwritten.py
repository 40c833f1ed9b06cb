"""Columns of a table that no load can write, since its warehouse writes their names in another way: pure."""

from collections.abc import Mapping, Sequence

from freshet.workloads.columns import Column, snake
from freshet.workloads.errors import ConfigError
from freshet.workloads.names import meant

__all__ = ["expect_none_meant"]


def expect_none_meant(
    headers: Mapping[str, Sequence[str]], *, table: Sequence[Column], unwritten: Sequence[Column]
) -> None:
    """Raises ConfigError where a file (its path → its header) means such a column: a new one would take the values.

    ``table``: the columns that a load can write, under its names.
    """
    held = {column.name for column in table}
    for where, header in headers.items():
        for name in header:
            column = None if snake(name) in held else meant(name, columns=unwritten)
            if column is not None:
                raise ConfigError(
                    "SchemaConflict",
                    f"The column {name} of {where} is {column.name!r} in the table, a name that dlt cannot write:"
                    f" rename it there to {snake(name)}, take it out of the file, or load into another table.",
                )
