"""Values that PostgreSQL would change without a word, in columns of a table that freshet did not make, or as a text.

dlt tells fewer types apart than the server: a ``timestamp(0)`` is a timestamp to it, and what it does not know a text.
"""

from contextlib import closing
from pathlib import Path

from freshet.workloads.columns import Column
from freshet.workloads.dlt_destination import Place
from freshet.workloads.engine import engine
from freshet.workloads.errors import InputError
from freshet.workloads.sql import identifier, literal
from freshet.workloads.warehouse import Batch

__all__ = ["expect_fit"]

_KINDS = (
    "SELECT column_name, data_type, datetime_precision FROM information_schema.columns"
    " WHERE table_schema = %s AND table_name = %s"
)
_DIGITS = 6
"""Of a second, at most."""


def expect_fit(place: Place, batch: Batch, *, table: str, folder: Path) -> None:
    """Raises InputError for the first column with a value that ``table`` would not hold as it is."""
    if not place.is_postgres:
        return
    kinds = {name: (kind, digits) for name, kind, digits in place.ask(_KINDS, place.schema, place.table(table))}
    tests = [(column, *_changed(column, *kinds.get(column.in_table, ("", None)))) for column in batch.columns]
    tests = [one for one in tests if one[1]]
    if not tests:
        return
    counts = ", ".join(f"count(*) FILTER ({test})" for _, test, _ in tests)
    with closing(engine(folder)) as con:
        found = con.execute(f"SELECT {counts} FROM read_parquet({literal(str(batch.path))})").fetchone()
    for (column, _, why), count in zip(tests, found, strict=True):
        if count:
            raise _unfit(column.in_table, f"{place.schema}.{place.table(table)}", why, count)


def _changed(column: Column, kind: str, digits: int | None) -> tuple[str, str]:
    """(what holds, in DuckDB's words, of a value that a column of PostgreSQL's type ``kind`` would change; why).

    The former is empty where it changes none.
    """
    value = identifier(column.name)
    if kind == "real":
        number = f"TRY_CAST({value} AS DOUBLE)"
        test = f"{number} = trunc({number}) AND TRY_CAST({number} AS FLOAT) <> {number}"
        return test, "is real there and keeps some seven digits"
    if kind == "money":
        return f"regexp_matches(CAST({value} AS VARCHAR), '[.][0-9]{{2}}[0-9]*[1-9]')", "is money there and keeps cents"
    if kind.startswith("time") and digits is not None and digits < _DIGITS:
        moment = "TIMESTAMPTZ" if kind.startswith("timestamp") else "TIME"
        test = f"epoch_us(TRY_CAST({value} AS {moment})) % {10 ** (_DIGITS - digits)} <> 0"
        return test, f"keeps {digits} digits of a second's fraction there"
    return (f"contains({value}, chr(0))" if column.type == "VARCHAR" else ""), "takes no NUL character there"


def _unfit(name: str, where: str, why: str, count: int) -> InputError:
    return InputError(
        "ConstraintViolated",
        f"Column {name} of {where} {why}, which would change {count:,} values of this load: nothing was published; mend"
        " the export or the column.",
    )
