"""The SQL by which DuckDB reads a CSV file without losing anything in silence.

DuckDB casts generously: as BIGINT ``1.5`` becomes 2, as TIMESTAMP ``12:00+02:00`` loses its offset, as DATE a
time of day is dropped. So all columns are read as text, cast, and each row whose cast would lose something is marked in
the column ``BAD``; of an inferred column each value must pass the test by which its type was inferred. Rows that are no
CSV are left to the reader itself, whose ``store_rejects`` lists them.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from freshet.workloads.columns import Column
from freshet.workloads.encodings import NATIVE, codec_of
from freshet.workloads.formats import formatted, in_calendar, may_infer, strptime, zone_fits
from freshet.workloads.header import leading_blanks
from freshet.workloads.spec import Csv
from freshet.workloads.sql import identifier, literal, struct

__all__ = ["BAD", "INFERRED", "TYPES", "checked_select", "inference_test", "may_be", "parquet_type", "read_csv"]

BAD = "_freshet_bad"
"""Name of the column that holds, for a row that must be refused, the first column that does not fit; else null."""

_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")
_PLAIN = ("BOOLEAN", "UUID")
"""Their cast loses nothing."""
_AS_TEXT = ("HUGEINT", "UUID", "TIME")
_TIMES = ("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE")
TYPES = (*_INTEGERS, *_TIMES, "UUID", "TIME", "BOOLEAN", "FLOAT", "DOUBLE", "DECIMAL", "VARCHAR")
"""What a column may be, apart from the digits of DECIMAL(p,s)."""


def read_csv(*, path: str, csv: Csv, columns: Sequence[Column], in_pieces: bool = False) -> str:
    """A table function call: ``columns`` in the file's order, nothing guessed, bad rows set aside in
    reject_errors.

    ``in_pieces`` of 8 MB: DuckDB guesses where the first row of each begins, and may be wrong (``complete``). Without,
    it sets no row aside within whose quotes the file ends.
    """
    blanks = leading_blanks(path, csv)
    odd, plain = _odd_nulls(csv)
    nulls = ", ".join(literal(text) for text in plain or [_NEVER])
    options = [
        literal(path),
        f"columns={struct((column.name, column.type) for column in columns)}",
        f"header={str(csv.header).lower()}",
        *([f"skip={blanks}"] if blanks else []),
        f"delim={literal(csv.delimiter)}",
        f"quote={literal(csv.quote)}",
        f"escape={literal(csv.escaping)}",
        f"encoding={literal(NATIVE[codec_of(csv.encoding)])}",
        "compression='none', hive_partitioning=false",
        f"nullstr=[{nulls}]",
        f"parallel={str(in_pieces).lower()}",
        "auto_detect=false, store_rejects=true, rejects_limit=0, null_padding=false, strict_mode=true",
    ]
    call = f"read_csv({', '.join(options)})"
    texts = [identifier(column.name) for column in columns if column.type == "VARCHAR"]
    if not (odd and texts):
        return call
    none = f"IN ({', '.join(map(literal, odd))})"
    values = ", ".join(f"CASE WHEN {name} {none} THEN NULL ELSE {name} END AS {name}" for name in texts)
    return f"(SELECT * REPLACE ({values}) FROM {call})"


_NEVER = "\uffff"
"""No character of any text: what no field is."""


def _odd_nulls(csv: Csv) -> tuple[list[str], list[str]]:
    """``csv.nullStrings``, parted: DuckDB's reader takes none that holds a character of the dialect, such as ``\\N``
    where ``\\`` is the escape. It is compared afterwards.
    """
    marks = [mark for mark in (csv.delimiter, csv.quote, csv.escape) if mark]
    odd = [text for text in csv.null_strings if any(mark in text for mark in marks)]
    return odd, [text for text in csv.null_strings if text not in odd]


def checked_select(*, path: str, csv: Csv, columns: Sequence[Column], in_pieces: bool = False) -> str:
    """A SELECT of ``columns``, typed, and ``BAD``."""
    raw = [replace(column, type="VARCHAR") for column in columns]
    checked = [column for column in columns if _checked(column)]
    inner = "".join(
        f", {_cast(identifier(column.name), column.type, _format(column, csv))} AS {_value(column)}"
        for column in checked
    )
    marks = "".join(
        f" WHEN {identifier(column.name)} IS NOT NULL AND NOT coalesce({_fits(column, csv)}, false) THEN "
        f"{literal(column.name)}"
        for column in checked
    )
    outputs = ", ".join(f"{_output(column)} AS {identifier(column.name)}" for column in columns)
    bad = f"CASE{marks} END" if marks else "NULL::VARCHAR"
    call = read_csv(path=path, csv=csv, columns=raw, in_pieces=in_pieces)
    return f"SELECT {outputs}, {bad} AS {BAD} FROM (SELECT *{inner} FROM {call})"


_NUMBER = "(0|[1-9][0-9]*)"
_DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCK = "[0-9:]{5,8}([.][0-9]{1,6})?"
_OFFSET = "[+-](0[0-9]|1[0-8])(:?[0-5][0-9])?"
_WHOLE = "[+-]?[0-9]+([.]0*)?"
_DECIMAL = r"\s*[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?\s*"
"""DuckDB takes ``1_000``, too."""
_CODE = r"\s*([+-]?0[0-9].*|[+][0-9]+\s*)"
_LONG = 18
"""So many signs of a whole number fit a BIGINT."""
_DIGITS = {"FLOAT": 7, "DOUBLE": 15}
_FINE = "[.][0-9]{6}[0-9]*[1-9]"
"""A fraction of a second below what a TIMESTAMP keeps: microseconds."""
_LOOSE_DAY = r"\s*[+-]?[0-9]+[-/\\ ][0-9]{1,2}[-/\\ ][0-9]{1,2}( ?\(BC\))?"
_CENTURY = r"^\s*[+-]?[0-9]{4}"
_LOOSE_CLOCK = r"[0-9]{1,2}:[0-9]{0,2}(:[0-9]{0,2}([.][0-9]*)?)?( ?(Z|UTC|GMT))?\s*"
_WORD = r"\s*(?i:epoch)\s*"
_WHOLE_TIMES = {
    "DATE": rf"{_LOOSE_DAY}([T\s]+{_LOOSE_CLOCK})?\s*|{_WORD}",
    "TIMESTAMP": rf"{_LOOSE_DAY}([T\s]+{_LOOSE_CLOCK})?\s*|{_WORD}",
    "TIME": rf"\s*{_LOOSE_CLOCK}",
}
"""What DuckDB reads as such to its end: it leaves out what follows a clock (a zone, ``PM``), and a TIME's date."""
_SHAPES = {
    "BIGINT": f"-?{_NUMBER}",
    "DOUBLE": f"(-?{_NUMBER}|[+-]?{_NUMBER}[.][0-9]*|[+-]?[.][0-9]+)([eE][+-]?[0-9]+)?",
    "BOOLEAN": "(?i:true|false)",
    "DATE": _DAY,
    "TIMESTAMP": f"{_DAY}([T ]{_CLOCK})?",
    "TIMESTAMP WITH TIME ZONE": f"{_DAY}[T ]{_CLOCK}(Z|{_OFFSET})",
}
INFERRED = tuple(_SHAPES)
"""What a column is tried for, in this order; what fits none is VARCHAR, as a plus and digits, which call somebody."""


def inference_test(column: str, kind: str, csv: Csv, *, value: str | None = None) -> str:
    """A condition: does the text in ``column`` (quoted) read as ``kind`` without any doubt. No value fits each kind.

    ``value``: what holds the text cast to ``kind`` already.
    """
    pattern = _format(Column(name="", type=kind), csv)
    value = value or _cast(column, kind, pattern)
    if pattern is not None and not may_infer(pattern, kind):
        fits = "false"
    elif pattern is not None:
        fits = formatted(column, value, pattern, kind=kind)
    else:
        fits = f"regexp_full_match({column}, {literal(_SHAPES[kind])}) AND {value} IS NOT NULL"
        if kind == "DOUBLE":
            fits += f" AND {_keeps_digits(column, value, kind)} AND NOT {_is_too_long(column)}"
        fits += f" AND {in_calendar(value, kind)}" if kind in _TIMES else ""
    return f"({column} IS NULL OR {fits})"


def _keeps_digits(text: str, value: str, kind: str) -> str:
    """A DOUBLE or FLOAT that is no number too large, and, of a whole number, keeps every digit: so many always fit."""
    same = f"coalesce(try_cast({value} AS HUGEINT) = try_cast({text} AS HUGEINT), false)"
    whole = f"regexp_full_match(trim({text}), {literal(_WHOLE)})"
    digits = f"CASE WHEN length({text}) <= {_DIGITS[kind]} THEN true WHEN NOT {whole} THEN true ELSE {same} END"
    return f"CASE WHEN isfinite({value}) THEN {digits} ELSE NOT regexp_matches({text}, '[0-9]') END"


def _is_too_long(text: str) -> str:
    """Whether it is a whole number that no BIGINT holds: an id, more likely than a quantity."""
    whole = f"regexp_full_match({text}, '-?[0-9]+') AND try_cast({text} AS BIGINT) IS NULL"
    return f"CASE WHEN length({text}) <= {_LONG} THEN false ELSE {whole} END"


def may_be(value: str, kind: str, csv: Csv) -> bool:
    """Whether ``value`` has the shape of ``kind``; a declared format is left to the warehouse's test."""
    typed = Column(name="", type=kind)
    return _format(typed, csv) is not None or re.fullmatch(_SHAPES[kind], value) is not None


def parquet_type(column: Column) -> str:
    """What the column is on its way; the warehouse casts text back to its type."""
    return "VARCHAR" if column.type in _AS_TEXT else column.type


def _checked(column: Column) -> bool:
    return column.type != "VARCHAR"


def _value(column: Column) -> str:
    return identifier(f"{column.name}·value")


def _output(column: Column) -> str:
    source = _value(column) if _checked(column) else identifier(column.name)
    return f"{source}::VARCHAR" if column.type in _AS_TEXT else source


def _format(column: Column, csv: Csv) -> str | None:
    if column.type == "DATE":
        return csv.date_format
    return csv.timestamp_format if column.type in _TIMES else None


def _cast(text: str, kind: str, pattern: str | None) -> str:
    source = strptime(text, pattern) if pattern is not None else text
    return f"try_cast({source} AS {kind})"


def _fits(column: Column, csv: Csv) -> str:
    """True where the cast kept everything; cheap tests first, since DuckDB evaluates the later ones only for
    what is left.
    """
    text, value = identifier(column.name), _value(column)
    pattern = _format(column, csv)
    if column.type in _PLAIN and not column.inferred:
        return f"{value} IS NOT NULL"
    if column.inferred:
        test = inference_test(text, column.type, csv, value=value)
        return f"CASE WHEN {value}::VARCHAR = {text} THEN true ELSE {test} END" if column.type == "BIGINT" else test
    if pattern is not None:
        return formatted(text, value, pattern, kind=column.type)
    if column.type in (*_TIMES, "TIME"):
        return _time_fits(column.type, text, value)
    return f"{_number_fits(column, text, value)}{f' AND NOT {_is_code(text)}' if column.held else ''}"


def _number_fits(column: Column, text: str, value: str) -> str:
    if column.type in _INTEGERS:
        exact = f"regexp_full_match(trim({text}), {literal(_WHOLE)})"
        return f"CASE WHEN {value}::VARCHAR = {text} THEN true ELSE {value} IS NOT NULL AND {exact} END"
    if column.type in _DIGITS:
        return f"{value} IS NOT NULL AND NOT contains({text}, '_') AND {_keeps_digits(text, value, column.type)}"
    return _decimal_fits(column, text, value)


def _is_code(text: str) -> str:
    """Whether it is a number that inference leaves text: one with leading zeros, or a whole one with a plus."""
    plain = f"{text} >= '1' AND {text} < ':' OR {text} >= '0.' AND {text} < '0/'"  # begins with 1 to 9, or 0.
    return f"CASE WHEN {plain} THEN false ELSE regexp_full_match({text}, {literal(_CODE)}) END"


def _time_fits(kind: str, text: str, value: str) -> str:
    """Neither an offset nor ``PM``, a date, a time of day or a nanosecond is left out, nor the century of a year."""
    known = "true" if kind == "TIME" else f"{in_calendar(value, kind)} AND {_has_century(text, value, kind)}"
    fine = f"CASE WHEN contains({text}, '.') THEN regexp_matches({text}, {literal(_FINE)}) ELSE false END"
    if kind == "TIMESTAMP WITH TIME ZONE":
        return f"{known} AND NOT {fine} AND {zone_fits(text)}"
    whole = f"{value} IS NOT NULL AND regexp_full_match({text}, {literal(_WHOLE_TIMES[kind])})"
    midnight = f"try_cast({text} AS TIMESTAMP) = {value}::TIMESTAMP"
    exact = f"NOT {fine}"
    if kind == "DATE":
        exact = f"CASE WHEN contains({text}, ':') THEN {midnight} AND {exact} ELSE true END"
    return f"CASE WHEN {value}::VARCHAR = {text} THEN {known} ELSE {whole} AND {exact} AND {known} END"


def _has_century(text: str, value: str, kind: str) -> str:
    """Of ``26-01-02`` DuckDB makes the year 26."""
    written = f"regexp_matches({text}, {literal(_CENTURY)})"
    return f"CASE WHEN {value} >= '1000-01-01'::{kind} THEN true ELSE {written} END"


def _decimal_fits(column: Column, text: str, value: str) -> str:
    """No digit but zeros lies beyond the scale; an exponent moves the point."""
    digits = re.fullmatch(r"DECIMAL\(\d+,(\d+)\)", column.type)
    scale = int(digits[1]) if digits else 3
    fraction = f"length(rtrim(regexp_extract({text}, '[.]([0-9]*)', 1), '0'))"
    exponent = f"coalesce(try_cast(regexp_extract({text}, '[eE]([+-]?[0-9]+)', 1) AS INTEGER), 0)"
    plain = f"regexp_full_match({text}, {literal(_DECIMAL)})"
    exact = f"{value} IS NOT NULL AND {plain} AND {fraction} - {exponent} <= {scale}"
    return f"CASE WHEN {value}::VARCHAR = {text} THEN true ELSE {exact} END"
