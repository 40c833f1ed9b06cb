"""Rows that DuckDB's reader refuses, or that were marked as bad: where they stand in the file, and why."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from freshet.workloads.columns import Column
from freshet.workloads.engine import forget_rejects
from freshet.workloads.errors import Sample
from freshet.workloads.header import open_text
from freshet.workloads.lines import lines_of_bytes, lines_of_rows
from freshet.workloads.records import LONGEST, is_left_open
from freshet.workloads.spec import Csv

__all__ = ["SHOWN", "Refused", "ends_open", "marked_rows", "may_be_lost", "misfits", "structural"]

_MISFIT = "the value does not fit"
_REASONS = {
    "CAST": f"{_MISFIT} the column's type",
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

    @property
    def is_misfit(self) -> bool:
        """Whether it is bad for the value in its column: one that is too short names a column, too."""
        return self.reason.startswith(_MISFIT)

    def sample(self) -> Sample:
        return Sample(line=self.line, column=self.column, reason=self.reason)

    def bare(self) -> "Refused":
        """DuckDB shows the line ends before a row with it."""
        return replace(self, raw=self.raw.lstrip("\r\n"))

    def is_of(self, text: str) -> bool:
        """Whether it is the row of this text, as DuckDB shows it; of bytes that are no text it shows other signs."""
        shown, is_cut = self.raw.strip("\r\n"), len(self.raw.encode()) >= _CUT
        return text == shown or (is_cut and text.startswith(shown[:-_LONGEST_SIGN])) or _REPLACED in text


_IN_QUOTES = "('UNQUOTED VALUE', 'LINE SIZE OVER MAXIMUM', 'INVALID STATE')"
_REPLACED = "\ufffd"
SHOWN = 10_000
"""DuckDB shows so many bytes of a refused row, with the line ends before it, and that behind it only within quotes."""
_LONGEST_SIGN = 4
"""Bytes of one, which is cut, too."""
_CUT = SHOWN - _LONGEST_SIGN
_ONLY_BLANKS = f"strlen(csv_line) >= {_CUT} AND left(csv_line, 1) IN (chr(10), chr(13))"


def ends_open(con: Any, path: str, csv: Csv) -> bool:
    """Whether the file ends within the quotes of a refused row, so that what may be appended belongs to that row."""
    found = con.execute(
        "SELECT max(line_byte_position) FROM reject_errors"
        f" WHERE error_type IN {_IN_QUOTES} OR error_type = 'INVALID ENCODING'"
    ).fetchone()
    if found[0] is None or found[0] + 2 * LONGEST < os.path.getsize(path):
        return False
    with open_text(path, csv) as lines:
        return is_left_open(lines, csv)


def may_be_lost(con: Any) -> bool:
    """Whether the reader refused a row behind which it may have gone on at a wrong place, or gone there by one; or one
    of which it shows but the blank lines before it.
    """
    found = con.execute(
        f"SELECT count(*) > 0 FROM reject_errors WHERE error_type IN {_IN_QUOTES} OR ({_ONLY_BLANKS})"
    ).fetchone()
    return bool(found[0])


def misfits(con: Any) -> set[str]:
    """Columns of which the reader itself refused a value; that a row is too short says nothing of its columns."""
    found = con.execute("SELECT DISTINCT column_name FROM reject_errors WHERE error_type = 'CAST'").fetchall()
    return {name for (name,) in found if name}


def structural(con: Any, path: str, csv: Csv, details: int) -> tuple[list[int], list[Refused]]:
    """The line of each row that the reader itself refused; and the first of them, with the text that DuckDB shows."""
    every = con.execute("SELECT DISTINCT line_byte_position - 1 FROM reject_errors").fetchall()
    found: list[Any] = []
    if every:
        found = con.execute(
            "SELECT line_byte_position, arg_min(column_name, byte_position), arg_max(error_type::VARCHAR, "
            "error_type = 'INVALID ENCODING'),"
            " any_value(csv_line) FROM reject_errors GROUP BY 1 ORDER BY 1 LIMIT ?",
            [details],
        ).fetchall()
    forget_rejects(con)
    lines = lines_of_bytes(path, csv, [at for (at,) in every])
    return list(lines.values()), [
        Refused(
            path=path,
            line=lines[at - 1],
            column=column,
            reason=_REASONS.get(kind, "not valid CSV"),
            raw=raw or "",
        )
        for at, column, kind, raw in found
    ]


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
            reason=f"{_MISFIT} {kinds[name]}",
            raw=lines[row][1],
        )
        for row, name in marked
        if row in lines
    ]
