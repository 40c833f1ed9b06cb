"""The DuckDB that parses CSV files: in memory, bounded, gone with the load."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from freshet.workloads.csvsql import TYPES
from freshet.workloads.errors import ConfigError
from freshet.workloads.spec import Csv
from freshet.workloads.threads import bound_threads

__all__ = ["canonical_types", "engine", "expect_formats", "forget_rejects"]


def engine(folder: Path) -> Any:
    """An in-memory DuckDB for parsing.

    ``FRESHET_PARSE_MEMORY`` (default 256MB) bounds what it holds; it spills into ``folder``.
    """
    import duckdb

    memory = os.environ.get("FRESHET_PARSE_MEMORY", "256MB")
    con = duckdb.connect(config={"memory_limit": memory, "temp_directory": str(folder / "spill")})
    con.execute("SET TimeZone = 'UTC'")
    bound_threads(con)
    return con


def canonical_types(con: Any, schema: Mapping[str, str] | None) -> dict[str, str]:
    """DuckDB's spelling of each declared type. Raises ConfigError for what is no type of a column."""
    return {kind: _canonical(con, name, kind) for name, kind in (schema or {}).items()}


def _canonical(con: Any, name: str, kind: str) -> str:
    import duckdb

    found = ""
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9_ ]*(\(\s*\d+\s*(,\s*\d+\s*)?\))?", kind.strip()):
        try:
            found = str(con.execute(f"SELECT typeof(NULL::{kind})").fetchone()[0])
        except duckdb.Error:
            found = ""
    if found.partition("(")[0] not in TYPES:
        raise ConfigError(
            "TypeUnknown",
            f"csv.schema gives column {name} the type {kind!r}, which is none: use one of {', '.join(TYPES)}.",
        )
    return found


def expect_formats(con: Any, csv: Csv) -> None:
    """Raises ConfigError for a format that cannot be read."""
    import duckdb

    for name, pattern in (("dateFormat", csv.date_format), ("timestampFormat", csv.timestamp_format)):
        try:
            con.execute("SELECT try_strptime('', ?)", [pattern])
        except duckdb.Error as error:
            raise ConfigError(
                "FormatInvalid",
                f"csv.{name} is {pattern!r}, which is no format: write it in strftime's letters, such as %d.%m.%Y.",
            ) from error


def forget_rejects(con: Any) -> None:
    """DuckDB gathers refused rows over all reads of a connection."""
    con.execute("DROP TABLE IF EXISTS reject_errors; DROP TABLE IF EXISTS reject_scans")
