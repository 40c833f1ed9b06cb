"""Types of a CSV file's columns, inferred from its whole content, deterministically.

A column is the first of BIGINT, DOUBLE, BOOLEAN, DATE, TIMESTAMP, TIMESTAMP WITH TIME ZONE that every value fits, else
VARCHAR; whole numbers with leading zeros are codes and stay text, and so do those whose digits a DOUBLE beside them
would not keep. Looking at the first rows is a short-cut, not a sample: the parser reads every value as what they
suggest, and where one does not fit, all rows of that column are asked.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from freshet.workloads.columns import Column, merge_types
from freshet.workloads.csvsql import INFERRED, inference_test, may_be, read_csv
from freshet.workloads.engine import forget_rejects
from freshet.workloads.spec import Csv
from freshet.workloads.sql import identifier
from freshet.workloads.unreadable import unreadable

__all__ = ["SAMPLE_ROWS", "Files", "infer", "infer_all"]

SAMPLE_ROWS = 2_048

Files = Mapping[str, Sequence[str]]
"""Path → the names of its columns, in its order."""


def infer_all(con: Any, *, files: Files, csv: Csv, wanted: Sequence[str], whole: bool = False) -> dict[str, str]:
    """One type for each ``wanted`` column of all ``files``.

    A column that is empty so far is looked at as a whole; one that is empty everywhere is text.
    """
    seen: dict[str, list[str]] = {name: [] for name in wanted}
    for path, names in files.items():
        own = [name for name in wanted if name in names]
        first = infer(con, path=path, csv=csv, names=names, wanted=own, whole=whole)
        empty = [name for name, kind in first.items() if kind is None]
        if empty and not whole:
            first |= infer(con, path=path, csv=csv, names=names, wanted=empty, whole=True)
        for name, kind in first.items():
            if kind is not None:
                seen[name].append(kind)
        forget_rejects(con)
    return {name: merge_types(kinds) if kinds else "VARCHAR" for name, kinds in seen.items()}


def infer(
    con: Any, *, path: str, csv: Csv, names: Sequence[str], wanted: Sequence[str], whole: bool
) -> dict[str, str | None]:
    """The type of each ``wanted`` column of one file; None where it holds no value at all (so far as was looked)."""
    import duckdb

    if not wanted:
        return {}
    source = read_csv(path=path, csv=csv, columns=[Column(name=name, type="VARCHAR") for name in names])
    rows = f"(SELECT * FROM {source}{'' if whole else f' LIMIT {SAMPLE_ROWS}'})"
    try:
        seen = con.execute(
            f"SELECT {', '.join(f'any_value({identifier(name)})' for name in wanted)} FROM {rows}"
        ).fetchone()
        some = {name: _candidates(value, csv) for name, value in zip(wanted, seen, strict=True) if value is not None}
        fits = _test(con, rows, some, csv)
    except duckdb.Error as error:
        raise unreadable(path, csv, error) from error
    return {name: next(iter(fits[name]), "VARCHAR") if name in some else None for name in wanted}


def _candidates(value: str, csv: Csv) -> list[str]:
    """The types that one value of a column leaves: most texts leave none, which spares testing the rest."""
    return [kind for kind in INFERRED if may_be(value, kind, csv)]


def _test(con: Any, rows: str, some: Mapping[str, Sequence[str]], csv: Csv) -> dict[str, list[str]]:
    """Of the candidates of each column those that all its values fit, in order."""
    pairs = [(name, kind) for name, kinds in some.items() for kind in kinds]
    found: dict[str, list[str]] = {name: [] for name in some}
    if pairs:
        tests = [f"bool_and({inference_test(identifier(name), kind, csv)})" for name, kind in pairs]
        answers = con.execute(f"SELECT {', '.join(tests)} FROM {rows}").fetchone()
        for (name, kind), fits in zip(pairs, answers, strict=True):
            if fits:
                found[name].append(kind)
    return found
