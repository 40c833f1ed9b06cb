"""The SQL by which DuckDB reads a CSV file without losing anything in silence.

DuckDB casts generously: as BIGINT ``1.5`` becomes 2, as TIMESTAMP ``12:00+02:00`` loses its offset, as DATE a
time of day is dropped. So
columns of such types are read as text, cast, and each row whose cast would lose something is marked in the
column ``BAD``. The rest
(doubles, booleans, text) is typed by the reader itself, whose ``store_rejects`` lists what does not fit.
"""

import re
from collections.abc import Sequence

from freshet.workloads.columns import Column
from freshet.workloads.spec import Csv
from freshet.workloads.sql import identifier, literal, struct

__all__ = ["BAD", "INFERRED", "TYPES", "checked_select", "inference_test", "may_be", "parquet_type", "read_csv"]

BAD = "_freshet_bad"
"""Name of the column that holds, for a row that must be refused, the first column that does not fit; else null."""

_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")
_AS_TEXT = ("HUGEINT", "UUID", "TIME")
_TIMES = ("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE")
TYPES = (*_INTEGERS, *_TIMES, "UUID", "TIME", "BOOLEAN", "FLOAT", "DOUBLE", "DECIMAL", "VARCHAR")
"""What a column may be, apart from the digits of DECIMAL(p,s)."""


def read_csv(*, path: str, csv: Csv, columns: Sequence[Column]) -> str:
    """A table function call: ``columns`` in the file's order, nothing guessed, bad rows set aside in
    reject_errors.
    """
    nulls = ", ".join(literal(text) for text in csv.null_strings)
    options = [
        literal(path),
        f"columns={struct((column.name, column.type) for column in columns)}",
        f"header={str(csv.header).lower()}",
        f"delim={literal(csv.delimiter)}",
        f"quote={literal(csv.quote)}",
        f"escape={literal(csv.escape if csv.escape is not None else csv.quote)}",
        f"encoding={literal(csv.encoding.lower())}",
        f"compression={literal(csv.compression)}",
        f"nullstr=[{nulls}]",
        "auto_detect=false, store_rejects=true, rejects_limit=0, null_padding=false, strict_mode=true",
    ]
    return f"read_csv({', '.join(options)})"


def checked_select(*, path: str, csv: Csv, columns: Sequence[Column]) -> str:
    """A SELECT of ``columns``, typed, and ``BAD``."""
    raw = [Column(name=column.name, type="VARCHAR" if _checked(column, csv) else column.type) for column in columns]
    checked = [column for column in columns if _checked(column, csv)]
    inner = "".join(f", {_cast(column, csv)} AS {_value(column)}" for column in checked)
    marks = "".join(
        f" WHEN {identifier(column.name)} IS NOT NULL AND NOT coalesce({_fits(column, csv)}, false) THEN "
        f"{literal(column.name)}"
        for column in checked
    )
    outputs = ", ".join(f"{_output(column, csv)} AS {identifier(column.name)}" for column in columns)
    bad = f"CASE{marks} END" if marks else "NULL::VARCHAR"
    return f"SELECT {outputs}, {bad} AS {BAD} FROM (SELECT *{inner} FROM {read_csv(path=path, csv=csv, columns=raw)})"


_NUMBER = r"[+-]?(0|[1-9][0-9]*)"
_DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCK = "[0-9:]{5,8}([.][0-9]{1,6})?"
_SHAPES = {
    "BIGINT": _NUMBER,
    "DOUBLE": rf"({_NUMBER}([.][0-9]*)?|[+-]?[.][0-9]+)([eE][+-]?[0-9]+)?",
    "BOOLEAN": "(?i:true|false)",
    "DATE": _DAY,
    "TIMESTAMP": f"{_DAY}([T ]{_CLOCK})?",
    "TIMESTAMP WITH TIME ZONE": f"{_DAY}[T ]{_CLOCK}(Z|[+-][0-9]{{2}}(:?[0-9]{{2}})?)",
}
INFERRED = tuple(_SHAPES)
"""What a column is tried for, in this order; what fits none is VARCHAR."""


def inference_test(column: str, kind: str, csv: Csv) -> str:
    """A condition: does the text in ``column`` (quoted) read as ``kind`` without any doubt. No value fits each kind."""
    typed = Column(name="", type=kind)
    pattern = _format(typed, csv)
    if pattern is not None:
        fits = f"try_strptime({column}, {literal(pattern)}) IS NOT NULL"
    else:
        fits = f"regexp_full_match({column}, {literal(_SHAPES[kind])}) AND try_cast({column} AS {kind}) IS NOT NULL"
    return f"({column} IS NULL OR {fits})"


def may_be(value: str, kind: str, csv: Csv) -> bool:
    """Whether ``value`` has the shape of ``kind``; a declared format is left to the warehouse's test."""
    typed = Column(name="", type=kind)
    return _format(typed, csv) is not None or re.fullmatch(_SHAPES[kind], value) is not None


def parquet_type(column: Column) -> str:
    """What the column is on its way; the warehouse casts text back to its type."""
    return "VARCHAR" if column.type in _AS_TEXT else column.type


def _checked(column: Column, csv: Csv) -> bool:
    if column.type in ("DATE", "TIMESTAMP") or column.type in _INTEGERS or column.type.startswith("DECIMAL"):
        return True
    return column.type == "TIMESTAMP WITH TIME ZONE" and csv.timestamp_format is not None


def _value(column: Column) -> str:
    return identifier(f"{column.name}·value")


def _output(column: Column, csv: Csv) -> str:
    source = _value(column) if _checked(column, csv) else identifier(column.name)
    return f"{source}::VARCHAR" if column.type in _AS_TEXT else source


def _format(column: Column, csv: Csv) -> str | None:
    if column.type == "DATE":
        return csv.date_format
    return csv.timestamp_format if column.type in _TIMES else None


def _cast(column: Column, csv: Csv) -> str:
    text, pattern = identifier(column.name), _format(column, csv)
    source = f"try_strptime({text}, {literal(pattern)})" if pattern is not None else text
    return f"try_cast({source} AS {column.type})"


def _fits(column: Column, csv: Csv) -> str:
    """True where the cast kept everything; cheap tests first, since DuckDB evaluates the later ones only for
    what is left.
    """
    text, value = identifier(column.name), _value(column)
    if _format(column, csv) is not None:
        return f"{value} IS NOT NULL"
    if column.type in _INTEGERS:
        shape = _NUMBER if column.inferred else "[+-]?[0-9]+([.]0*)?"
        exact = f"regexp_full_match(trim({text}), {literal(shape)})"
        return f"CASE WHEN {value}::VARCHAR = {text} THEN true ELSE {value} IS NOT NULL AND {exact} END"
    if column.type == "DATE":
        midnight = f"try_cast({text} AS TIMESTAMP) = {value}::TIMESTAMP"
        return f"CASE WHEN length({text}) <= 10 THEN {value} IS NOT NULL ELSE {midnight} END"
    if column.type == "TIMESTAMP":
        offset = f"regexp_matches({text}, '[0-9][+-][0-9]{{2}}(:?[0-9]{{2}})?$') AND length({text}) > 12"
        return f"{value} IS NOT NULL AND NOT ({offset})"
    return _decimal_fits(column, text, value)


def _decimal_fits(column: Column, text: str, value: str) -> str:
    digits = re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", column.type)
    scale = min(int(digits[2]) + 8, 38 - (int(digits[1]) - int(digits[2]))) if digits else 10
    same = f"try_cast({text} AS DECIMAL(38,{scale})) = {value}"
    return f"CASE WHEN {value}::VARCHAR = {text} THEN true ELSE {same} END"
