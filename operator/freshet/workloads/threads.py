"""With how many threads DuckDB works: each holds a block of every column, and the pieces whose turn has not come."""

from typing import Any

__all__ = ["bound_threads"]

_MOST, _WIDE = 4, 100
"""Threads, however many cores the node has: on 16, DuckDB does not parse 100 columns in 256 MB; more are no faster."""


def bound_threads(con: Any, *, columns: int = 0) -> None:
    """Leave ``con``, a DuckDB connection, with a few threads, and one where rows have very many ``columns``."""
    most = 1 if columns > _WIDE else _MOST
    [(threads,)] = con.execute("SELECT current_setting('threads')").fetchall()  # to its end: register() wants that
    if threads > most:
        con.execute(f"SET threads = {most}")
