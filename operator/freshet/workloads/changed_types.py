"""Whether a column of the input is still what the table has: bad rows are told from a change that would lose them.

A value that does not fit makes a bad row while others fit. If all values are of another type than the table's, or not
one of them fits it, the column itself has changed: its rows may not be left out, whatever ``onBadRows`` says. What
``csv.schema`` declares is a contract, under which all that does not fit is bad.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from freshet.workloads.columns import Column
from freshet.workloads.csvsql import BAD, checked_select
from freshet.workloads.engine import forget_rejects
from freshet.workloads.errors import InputError
from freshet.workloads.infer import Files, infer_all
from freshet.workloads.parse import Parsed
from freshet.workloads.spec import Csv, IngestSpec
from freshet.workloads.sql import identifier, literal

__all__ = ["expect_same_types"]


def expect_same_types(
    con: Any,
    *,
    spec: IngestSpec,
    files: Files,
    parsed: Parsed,
    grown: Collection[str],
) -> None:
    """Raises InputError where a column for which rows were refused has changed.

    ``grown``: files of which only the end is parsed: values that fit lie before it.
    """
    blamed = [column for column in parsed.columns if column.held and column.name in parsed.blamed]
    if not blamed:
        return
    kinds = infer_all(con, files=files, csv=spec.csv, wanted=[column.name for column in blamed], whole=True)
    for column in blamed:
        if kinds[column.name] != "VARCHAR":
            raise _changed(spec, column, parsed, what=f"{kinds[column.name]} in {spec.csv.path}")
        own = {path: names for path, names in files.items() if column.name in names}
        if not own.keys() & set(grown) and not _fits_somewhere(con, own, spec.csv, column, parsed):
            if _are_codes(con, own, spec.csv, column):
                raise _codes(spec, column, parsed)
            raise _changed(spec, column, parsed, what=f"not one of its values in {spec.csv.path} is")


def _fits_somewhere(con: Any, files: Files, csv: Csv, column: Column, parsed: Parsed) -> bool:
    """Among the rows that were taken, or else among those that are bad for another column."""
    name = identifier(column.name)
    if con.execute(f"SELECT count({name}) > 0 FROM read_parquet({literal(str(parsed.path))})").fetchone()[0]:
        return True
    return _is_any(con, files, csv, column, f"{name} IS NOT NULL AND {BAD} IS NULL")


def _are_codes(con: Any, files: Files, csv: Csv, column: Column) -> bool:
    """Whether all values, of which none fits, would if the column were declared."""
    return not _is_any(con, files, csv, replace(column, held=False), f"{BAD} IS NOT NULL")


def _is_any(con: Any, files: Files, csv: Csv, column: Column, condition: str) -> bool:
    """Whether one of the rows, of which ``column`` alone is judged, is so."""
    return any(_is_any_of(con, path, names, csv, column, condition) for path, names in files.items())


def _is_any_of(con: Any, path: str, names: Sequence[str], csv: Csv, column: Column, condition: str) -> bool:
    columns = [column if name == column.name else Column(name=name, type="VARCHAR") for name in names]
    rows = checked_select(path=path, csv=csv, columns=columns)
    found = con.execute(f"SELECT count(*) FILTER (WHERE {condition}) > 0 FROM ({rows})").fetchone()[0]
    forget_rejects(con)
    return bool(found)


def _codes(spec: IngestSpec, column: Column, parsed: Parsed) -> InputError:
    return _conflict(
        parsed,
        f"Column {column.name} is {column.type} in the table, but its values in {spec.csv.path} are codes"
        f"{_first(column, parsed)}, with zeros or a plus before their digits, which numbers have not: mend the export,"
        f" drop the table to load it anew as text, or let csv.schema say {column.type} to take them for numbers.",
    )


def _changed(spec: IngestSpec, column: Column, parsed: Parsed, *, what: str) -> InputError:
    return _conflict(
        parsed,
        f"Column {column.name} is {column.type} in the table, but {what}{_first(column, parsed)}: rows would be lost;"
        f" mend the export, drop the table to load it anew, or let csv.schema say {column.type}, so that rows which do"
        " not fit count as bad ones.",
    )


def _first(column: Column, parsed: Parsed) -> str:
    misfits = (one for one in parsed.refused if one.is_misfit and one.column == column.name)
    return next((f" (first in line {one.line})" for one in misfits), "")


def _conflict(parsed: Parsed, sentence: str) -> InputError:
    return InputError(
        "SchemaConflict",
        sentence,
        samples=[one.sample() for one in parsed.refused[:3]],
        rows_in=parsed.rows + parsed.rejected,
        rows_rejected=parsed.rejected,
    )
