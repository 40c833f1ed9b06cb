"""A count in a Databricks SQL warehouse."""

import os
from collections.abc import Mapping, Sequence

from freshet.workloads.databricks_sql import Connect, connection_options, open_sql, sentence
from freshet.workloads.errors import WorkloadError
from freshet.workloads.sql import identifier, qualified

__all__ = ["ask_databricks"]


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
    newest = f"max({identifier(column, mark='`')})" if column else "NULL"
    relation = ".".join(parts)
    try:
        with open_sql(connection_options(environ, timeout=timeout), connect=connect) as sql:
            rows, found = sql.ask(f"SELECT count(*), {newest} FROM {qualified(parts, mark='`')}")[0]
    except WorkloadError:
        raise
    except Exception as error:
        host = environ.get("DATABRICKS_SERVER_HOSTNAME", "").rpartition("://")[2]
        raise sentence(error, what=f"the count of {relation}", relation=relation, host=host) from error
    return int(rows), found
