"""Types of a CSV's columns at dlt's other destinations and back: pure.

dlt knows fewer types than a warehouse does, and tells fewer apart when it looks at a table. So columns are widened to
what it is sure of: whole numbers to 64 bits, numbers with a fraction to doubles, times to those with a zone (UTC).
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from freshet.workloads.columns import Column
from freshet.workloads.errors import ConfigError
from freshet.workloads.moments import as_time

__all__ = ["arrow_type", "expect_known", "from_dlt", "moment", "stored"]

_WIDER = {
    "TINYINT": "BIGINT",
    "SMALLINT": "BIGINT",
    "INTEGER": "BIGINT",
    "UTINYINT": "BIGINT",
    "USMALLINT": "BIGINT",
    "UINTEGER": "BIGINT",
    "FLOAT": "DOUBLE",
    "TIMESTAMP": "TIMESTAMP WITH TIME ZONE",
    "TIME": "VARCHAR",
    "UUID": "VARCHAR",
}
_BACK = {
    "bigint": "BIGINT",
    "double": "DOUBLE",
    "bool": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
    "text": "VARCHAR",
    "time": "VARCHAR",  # a load brings it so (_WIDER), and the server reads it
}
_DIGITS = 38
"""A DECIMAL of DuckDB and of Arrow has no more."""


_FIRST, _LAST = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)


def stored(kind: str) -> str:
    """As what the table holds a column of ``kind``, in DuckDB's spelling."""
    return _WIDER.get(kind, kind)


def from_dlt(column: Mapping[str, Any]) -> str:
    """The type of a column that dlt found → DuckDB's spelling; what no CSV can fill is called as dlt calls it."""
    kind = str(column["data_type"])
    if kind == "decimal":
        precision, scale = column.get("precision") or _DIGITS, column.get("scale")
        return f"DECIMAL({min(precision, _DIGITS)},{9 if scale is None else scale})"
    return _BACK.get(kind, kind.upper())


def moment(value: object, *, column: str) -> datetime | None:
    """A time that a destination answered: some of them (SQLite) keep it as ISO 8601 text. Raises ConfigError.

    At the ends of the calendar it is a day within, so that no zone, of a session that reads it later, leads out.
    """
    if isinstance(value, str):
        with suppress(ValueError):
            value = datetime.fromisoformat(value)
    found = as_time(value, column=column)
    return None if found is None else min(max(found, _FIRST), _LAST)


def arrow_type(kind: str) -> Any:
    """The pyarrow type in which a column of ``kind`` goes to dlt."""
    import pyarrow as pa

    kind = stored(kind)
    if kind.startswith("DECIMAL("):
        precision, scale = kind.removeprefix("DECIMAL(").removesuffix(")").split(",")
        return pa.decimal128(int(precision), int(scale))
    return {
        "BIGINT": pa.int64(),
        "DOUBLE": pa.float64(),
        "BOOLEAN": pa.bool_(),
        "DATE": pa.date32(),
        "TIMESTAMP WITH TIME ZONE": pa.timestamp("us", tz="UTC"),
        "VARCHAR": pa.string(),
    }[kind]


def expect_known(columns: Iterable[Column]) -> None:
    """Raises ConfigError for a type that dlt lacks."""
    for column in columns:
        kind = stored(column.type)
        if not kind.startswith("DECIMAL(") and kind not in _BACK.values():
            raise ConfigError(
                "TypeUnknown",
                f"Column {column.name} is {column.type}, which dlt lacks: use BIGINT, DECIMAL(38,0) or VARCHAR in"
                " csv.schema.",
            )
