"""The newest value of a column in Databricks; rows of a year that Python lacks, such as 20262, are passed over."""

from freshet.workloads.databricks_sql import Sql
from freshet.workloads.sql import in_calendar

__all__ = ["ask_newest"]


def ask_newest(sql: Sql, *, of: str, column: str | None) -> tuple[int, object]:
    """(rows, newest value) of the relation ``of``; both names are quoted."""
    try:
        return _ask(sql, of, column)
    except (ValueError, OverflowError):  # the second of a 9999-12-31 that the zone of the session leads beyond
        # The connector makes no datetime of such a year. To leave those out at once would cost a scan each time, of
        # what Delta's statistics tell, and a column of another type would fail otherwise.
        if column is None:
            raise
        return _ask(sql, of, in_calendar(column))


def _ask(sql: Sql, of: str, value: str | None) -> tuple[int, object]:
    rows, newest = sql.ask(f"SELECT count(*), {f'max({value})' if value else 'NULL'} FROM {of}")[0]
    return int(rows), newest
