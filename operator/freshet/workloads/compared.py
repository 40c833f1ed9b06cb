"""How a ``merge`` in DuckDB compares rows that came (``s``) with those of the table (``t``): conditions in SQL.

Texts are compared byte by byte, whatever the collation of a table that freshet did not make.
"""

from collections.abc import Iterable, Sequence

from freshet.workloads.columns import Column
from freshet.workloads.sql import identifier

__all__ = ["compared", "differ", "digest", "same"]

_DIGEST, _TEXT = 64, 1_024
"""Bytes of a SHA-256 in hexadecimal digits, and of a text that is too long to be held as it is."""


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


def compared(column: Column) -> str:
    """The value, or of a text that has as many bytes as ``_TEXT``, or more, a digest of as many.

    No text that is compared as it is has as many, so that none is taken for another's digest.
    """
    name = identifier(column.in_table)
    if column.type != "VARCHAR":
        return name
    digest = f"repeat(sha256({name}), {_TEXT // _DIGEST})"
    return f"CASE WHEN strlen({name}) >= {_TEXT} THEN {digest} ELSE {name} END AS {name}"


def digest(columns: Iterable[Column]) -> str:
    """One of all values: each stands there so that it ends where it does, whatever is in it."""
    return f"sha256(concat({', '.join(_part(identifier(one.in_table), one.type) for one in columns)}))"


def _part(name: str, kind: str) -> str:
    if kind != "VARCHAR":
        return f"coalesce({name}::VARCHAR, '-'), ';'"
    return (
        f"CASE WHEN {name} IS NULL THEN '-' WHEN strlen({name}) >= {_DIGEST} THEN '#' || sha256({name})"
        f" ELSE strlen({name}) || ':' || {name} END"
    )


def _of_table(name: str, *, is_text: bool) -> str:
    return f"t.{identifier(name)}{' COLLATE C' if is_text else ''}"
