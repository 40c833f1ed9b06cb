"""How a ``merge`` in DuckDB compares rows that came (``s``) with those of the table (``t``): conditions in SQL.

Texts are compared byte by byte, whatever the collation of a table that freshet did not make.
"""

from collections.abc import Iterable, Sequence

from freshet.workloads.columns import Column
from freshet.workloads.sql import identifier

__all__ = ["DIGEST", "compared", "differ", "same"]

DIGEST = 64
"""Bytes of a SHA-256 in hexadecimal digits."""


def same(columns: Sequence[Column], *, key: Iterable[str]) -> str:
    """The condition that two rows are of one key. ``columns``: all that came; ``key`` as the table writes it."""
    texts = {column.in_table for column in columns if column.type == "VARCHAR"}
    return " AND ".join(f"{_of_table(name, is_text=name in texts)} = s.{identifier(name)}" for name in key)


def differ(columns: Iterable[Column]) -> str:
    """The condition that a value of ``columns`` is another; empty where there are none."""
    return " OR ".join(
        f"{_of_table(one.in_table, is_text=one.type == 'VARCHAR')} IS DISTINCT FROM s.{identifier(one.in_table)}"
        for one in columns
    )


def compared(column: Column, *, length: int) -> str:
    """The value, or of a text that has ``length`` bytes, some times a digest's, or more: a digest of as many.

    No text that is compared as it is has as many, so that none is taken for another's digest.
    """
    name = identifier(column.in_table)
    if column.type != "VARCHAR":
        return name
    digest = f"repeat(sha256({name}), {length // DIGEST})"
    return f"CASE WHEN strlen({name}) >= {length} THEN {digest} ELSE {name} END AS {name}"


def _of_table(name: str, *, is_text: bool) -> str:
    return f"t.{identifier(name)}{' COLLATE C' if is_text else ''}"
