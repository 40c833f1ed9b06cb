"""Types of a CSV file's columns, inferred from its whole content, deterministically.

A column is the first of BIGINT, DOUBLE, BOOLEAN, DATE, TIMESTAMP, TIMESTAMP WITH TIME ZONE that every value fits, else
VARCHAR; whole numbers with leading zeros are codes and stay text. Looking at the first rows is a short-cut, not a
sample: the parser reads every value as what they suggest, and where one does not fit, all rows of that column are
asked.
"""

from collections.abc import Sequence
from typing import Any

from freshet.workloads.columns import Column
from freshet.workloads.csvsql import INFERRED, inference_test, read_csv
from freshet.workloads.parse import unreadable
from freshet.workloads.spec import Csv
from freshet.workloads.sql import identifier

__all__ = ["SAMPLE_ROWS", "infer"]

SAMPLE_ROWS = 2_048


def infer(
    con: Any, *, path: str, csv: Csv, names: Sequence[str], wanted: Sequence[str], whole: bool
) -> dict[str, str | None]:
    """The type of each ``wanted`` column of one file; None where it holds no value at all (so far as was looked)."""
    import duckdb

    if not wanted:
        return {}
    source = read_csv(path=path, csv=csv, columns=[Column(name=name, type="VARCHAR") for name in names])
    limit = "" if whole else f" LIMIT {SAMPLE_ROWS}"
    fields = [field for name in wanted for field in _fields(identifier(name), csv)]
    try:
        row = con.execute(f"SELECT {', '.join(fields)} FROM (SELECT * FROM {source}{limit})").fetchone()
    except duckdb.Error as error:
        raise unreadable(path, csv, error) from error
    width = len(INFERRED) + 1
    return {name: _choose(row[index * width : (index + 1) * width]) for index, name in enumerate(wanted)}


def _fields(column: str, csv: Csv) -> list[str]:
    tests = [inference_test(column, kind, csv) for kind in INFERRED]
    return [f"count({column})", *(f"bool_and({test}) FILTER ({column} IS NOT NULL)" for test in tests)]


def _choose(answers: Sequence[Any]) -> str | None:
    if not answers[0]:
        return None
    return next((kind for kind, fits in zip(INFERRED, answers[1:], strict=True) if fits), "VARCHAR")
