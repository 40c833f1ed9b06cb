"""A count in a Databricks SQL warehouse."""

import os
import re
from collections.abc import Mapping, Sequence

from freshet.workloads.databricks_newest import ask_newest
from freshet.workloads.databricks_sql import Connect, Sql, connection_options, error_class, open_sql, sentence
from freshet.workloads.errors import Unavailable, WorkloadError, broken, unfit
from freshet.workloads.moments import no_times
from freshet.workloads.names import spelled
from freshet.workloads.sql import identifier, qualified

__all__ = ["ask_databricks"]

_UNFIT = (
    *("CAST_INVALID_INPUT", "CAST_OVERFLOW", "CANNOT_PARSE_TIMESTAMP", "DATETIME_OVERFLOW"),
    *("DIVIDE_BY_ZERO", "ARITHMETIC_OVERFLOW", "NUMERIC_VALUE_OUT_OF_RANGE"),
    *("INVALID_ARRAY_INDEX", "USER_RAISED_EXCEPTION"),
)
"""What a view says of a row."""
_BROKEN = ("INCOMPATIBLE_VIEW_SCHEMA_CHANGE", "AMBIGUOUS_REFERENCE", "DELTA_TABLE_NOT_FOUND", "DATATYPE_MISMATCH")
_STATE = re.compile(r"SQLSTATE: ([0-9A-Z]{5})\b")
_NO_FILE = "42K03"
"""A file of a table that was written anew meanwhile, too."""
_NO_TIMES = (
    *("boolean", "tinyint", "smallint", "int", "bigint", "float", "double", "decimal"),
    *("string", "varchar", "char", "binary", "array", "map", "struct"),
)
"""As the connector calls them."""
_NAME = re.compile("`((?:[^`]|``)+)`")


def ask_databricks(
    *,
    parts: Sequence[str],
    column: str | None,
    timeout: int | None = None,
    environ: Mapping[str, str] = os.environ,
    connect: Connect | None = None,
) -> tuple[int, object]:
    """(rows, newest value of ``column``) within ``timeout`` seconds; ``connect`` stands for ``databricks.sql.connect``.

    Raises WorkloadError.
    """
    options = connection_options(environ, timeout=timeout)
    try:
        with open_sql(options, connect=connect) as sql:
            return _ask(sql, parts, column)
    except WorkloadError:
        raise
    except Exception as error:
        raise _told(error, parts=parts, column=column, host=str(options["server_hostname"])) from error


def _ask(sql: Sql, parts: Sequence[str], column: str | None) -> tuple[int, object]:
    relation = qualified(parts, mark="`")
    try:
        rows, newest = ask_newest(sql, of=relation, column=_quoted(column))
    except Exception as error:
        if column is None or error_class(error) != "UNRESOLVED_COLUMN" or _is_below(error, parts, column):
            raise
        column = spelled(column, names=list(sql.columns(relation)), where=".".join(parts))
        rows, newest = ask_newest(sql, of=relation, column=_quoted(column))
    if column is not None and newest is None:
        _expect_times(column, sql.columns(relation))
    return rows, newest


def _quoted(column: str | None) -> str | None:
    return column and identifier(column, mark="`")


def _expect_times(column: str, kinds: Mapping[str, str]) -> None:
    """Raises ConfigError where a column that holds nothing yet will hold no times."""
    own = {name.lower(): kind for name, kind in kinds.items()}
    if own.get(column.lower()) in _NO_TIMES:
        raise no_times(column)


def _told(error: Exception, *, parts: Sequence[str], column: str | None, host: str) -> WorkloadError:
    relation, kind = ".".join(parts), error_class(error)
    if column and kind == "DATATYPE_MISMATCH" and "The `max` does not support ordering" in str(error):
        return no_times(column)
    if kind in _BROKEN or _is_below(error, parts, column):
        return broken(relation)
    if kind in _UNFIT:
        return unfit(relation)
    found = sentence(error, what=f"the count of {relation}", relation=relation, host=host)
    state = _STATE.search(str(error))
    if not isinstance(found, Unavailable) or not kind or state is None or state[1] == _NO_FILE:
        return found
    return {"42": broken(relation), "22": unfit(relation)}.get(state[1][:2], found)


def _is_below(error: Exception, parts: Sequence[str], column: str | None) -> bool:
    """Whether it is something else that is missing, below the view which was asked for."""
    kind = error_class(error)
    said = re.split("cannot be (?:found|resolved)", str(error))[0]
    named = [name.replace("``", "`").lower() for name in _NAME.findall(said)]
    if kind == "UNRESOLVED_COLUMN":
        return bool(named) and named != [(column or "").lower()]
    asked = {"TABLE_OR_VIEW_NOT_FOUND": parts, "SCHEMA_NOT_FOUND": parts[:-1]}.get(kind, ())
    shared = min(len(named), len(asked))  # Databricks says the catalog, also where the count leaves it out
    return shared > 0 and named[-shared:] != [part.lower() for part in asked[-shared:]]
