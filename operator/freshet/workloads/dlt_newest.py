"""The newest value of a column at a destination of dlt's; rows of a year that Python lacks, such as 20262, are passed
over, and so is PostgreSQL's ``infinity``.

Drivers raise as they read one (psycopg2), or hand over text (DuckDB, SQLite). Only then is asked once more: to look at
each row's year costs a scan, and every destination says it in its own words.
"""

import re
from datetime import date, datetime

from freshet.workloads.dlt_destination import Place

__all__ = ["ask_newest"]

_BEYOND = re.compile(r"\+?[0-9]{5,}-[0-9]{2}-[0-9]{2}.*|[0-9-]+.*\(BC\)")


def ask_newest(place: Place, *, of: str, column: str) -> tuple[int, object]:
    """(rows, newest value) of the relation ``of``; both names are quoted."""
    try:
        rows, newest = _ask(place, of, column)
    except (ValueError, OverflowError):
        return _ask_with_year(place, of, column)
    if place.is_postgres and _is_an_end(newest):
        return _ask_with_year(place, of, column)
    if isinstance(newest, str) and _BEYOND.fullmatch(newest):
        text = f"CAST({column} AS VARCHAR)"
        has_year = f"substr({text}, 5, 1) = '-' AND replace({text}, 'BC', '') = {text}"
        return _ask(place, of, f"CASE WHEN {has_year} THEN {column} END")
    return rows, newest


def _is_an_end(newest: object) -> bool:
    """Of the calendar: what PostgreSQL's driver makes of ``infinity``, or a 9999-12-31 that means "never"."""
    bare = newest.replace(tzinfo=None) if isinstance(newest, datetime) else newest
    return bare in (datetime.min, datetime.max, date.min, date.max)


def _ask_with_year(place: Place, of: str, column: str) -> tuple[int, object]:
    return _ask(place, of, f"CASE WHEN EXTRACT(YEAR FROM {column}) BETWEEN 1 AND 9999 THEN {column} END")


def _ask(place: Place, of: str, value: str) -> tuple[int, object]:
    rows, newest = place.ask(f"SELECT count(*), max({value}) FROM {of}")[0]
    return int(rows), newest
