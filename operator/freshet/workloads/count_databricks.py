"""A count in a Databricks SQL warehouse."""

import os
import re
from collections.abc import Mapping, Sequence

from freshet.workloads.databricks_newest import ask_newest
from freshet.workloads.databricks_sql import Connect, connection_options, error_class, open_sql, sentence
from freshet.workloads.errors import WorkloadError, broken, unfit
from freshet.workloads.sql import identifier, qualified

__all__ = ["ask_databricks"]

_UNFIT = (
    *("CAST_INVALID_INPUT", "CAST_OVERFLOW", "CANNOT_PARSE_TIMESTAMP", "DATETIME_OVERFLOW"),
    *("DIVIDE_BY_ZERO", "ARITHMETIC_OVERFLOW", "NUMERIC_VALUE_OUT_OF_RANGE"),
    *("INVALID_ARRAY_INDEX", "USER_RAISED_EXCEPTION"),
)
"""What a view says of a row."""


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
    relation = ".".join(parts)
    try:
        with open_sql(connection_options(environ, timeout=timeout), connect=connect) as sql:
            quoted = column and identifier(column, mark="`")
            return ask_newest(sql, of=qualified(parts, mark="`"), column=quoted)
    except WorkloadError:
        raise
    except Exception as error:
        if _is_broken(error, parts, column):
            raise broken(relation) from error
        if error_class(error) in _UNFIT:
            raise unfit(relation) from error
        host = environ.get("DATABRICKS_SERVER_HOSTNAME", "").rpartition("://")[2]
        raise sentence(error, what=f"the count of {relation}", relation=relation, host=host) from error


def _is_broken(error: Exception, parts: Sequence[str], column: str | None) -> bool:
    """Whether it is something else that is missing, below the view which was asked for."""
    kind = error_class(error)
    asked = {"TABLE_OR_VIEW_NOT_FOUND": parts[-1], "SCHEMA_NOT_FOUND": parts[-2], "UNRESOLVED_COLUMN": column or ""}
    if kind not in asked:
        return kind == "INCOMPATIBLE_VIEW_SCHEMA_CHANGE"
    said = re.split("cannot be (found|resolved)", str(error))[0]
    named = {name.lower() for name in re.findall("`([^`]+)`", said)}
    return bool(named) and asked[kind].lower() not in named
