"""Rows that DuckDB's reader refuses, or that were marked as bad: where they stand in the file, and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from freshet.workloads.columns import Column
from freshet.workloads.engine import forget_rejects
from freshet.workloads.errors import Sample
from freshet.workloads.lines import last_text, lines_of_bytes, lines_of_rows
from freshet.workloads.spec import Csv

__all__ = ["Refused", "ends_open", "marked_rows", "may_be_lost", "misfits", "structural"]

_REASONS = {
    "CAST": "the value does not fit the column's type",
    "MISSING COLUMNS": "too few columns",
    "TOO MANY COLUMNS": "too many columns",
    "UNQUOTED VALUE": "a quote is never closed, or text follows it",
    "LINE SIZE OVER MAXIMUM": "the line is longer than 2 MB",
    "INVALID ENCODING": "not valid in the file's encoding",
    "INVALID STATE": "not valid CSV",
}


@dataclass(frozen=True, kw_only=True)
class Refused:
    """A row that was set aside. ``raw`` is its text, for the quarantine table only."""

    path: str
    line: int
    column: str | None
    reason: str
    raw: str

    def sample(self) -> Sample:
        return Sample(line=self.line, column=self.column, reason=self.reason)


_IN_QUOTES = "('UNQUOTED VALUE', 'LINE SIZE OVER MAXIMUM', 'INVALID STATE')"
_WHOLE_TEXT = 10_000
"""DuckDB shows this many characters of a refused row, and the line end of one only where it lies within quotes."""


def ends_open(con: Any, path: str, csv: Csv) -> bool:
    """Whether the file ends within the quotes of a refused row, so that what may be appended belongs to that row."""
    found = con.execute(
        f"SELECT arg_max(csv_line, line_byte_position) FROM reject_errors WHERE error_type IN {_IN_QUOTES}"
    ).fetchone()
    raw = found and found[0]
    if not raw:
        return False
    return len(raw) >= _WHOLE_TEXT or raw.endswith(("\n", "\r")) or last_text(path, csv, len(raw)) == raw


def may_be_lost(con: Any) -> bool:
    """Whether the reader refused a row behind which it may have gone on at a wrong place, or gone there by one."""
    found = con.execute(f"SELECT count(*) > 0 FROM reject_errors WHERE error_type IN {_IN_QUOTES}").fetchone()
    return bool(found[0])


def misfits(con: Any) -> set[str]:
    """Columns of which the reader itself refused a value; that a row is too short says nothing of its columns."""
    found = con.execute("SELECT DISTINCT column_name FROM reject_errors WHERE error_type = 'CAST'").fetchall()
    return {name for (name,) in found if name}


def structural(con: Any, path: str, csv: Csv, details: int) -> tuple[int, list[Refused]]:
    """What the reader itself refused: how many rows, and the first of them."""
    total = con.execute("SELECT count(DISTINCT line_byte_position) FROM reject_errors").fetchone()[0]
    found: list[Any] = []
    if total:
        found = con.execute(
            "SELECT line_byte_position, arg_min(column_name, byte_position), arg_max(error_type::VARCHAR, "
            "error_type = 'INVALID ENCODING'),"
            " any_value(csv_line) FROM reject_errors GROUP BY 1 ORDER BY 1 LIMIT ?",
            [details],
        ).fetchall()
    forget_rejects(con)
    lines = lines_of_bytes(path, csv, [row[0] - 1 for row in found])
    return total, [
        Refused(
            path=path, line=lines[at - 1], column=column, reason=_REASONS.get(kind, "not valid CSV"), raw=_bare(raw)
        )
        for at, column, kind, raw in found
    ]


def _bare(raw: str | None) -> str:
    """DuckDB shows the line ends before a row with it."""
    return (raw or "").lstrip("\r\n")


def marked_rows(
    path: str, csv: Csv, marked: Sequence[tuple[int, str]], skipped: set[int], columns: Sequence[Column]
) -> list[Refused]:
    if not marked:
        return []
    kinds = {column.name: column.type for column in columns}
    lines = lines_of_rows(path, csv, [row for row, _ in marked], skipped=skipped)
    return [
        Refused(
            path=path,
            line=lines[row][0],
            column=name,
            reason=f"the value does not fit {kinds[name]}",
            raw=lines[row][1],
        )
        for row, name in marked
        if row in lines
    ]
