"""A count in a DuckDB file: read only, so that several may run at once."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from freshet.workloads.columns import Column, table_column
from freshet.workloads.duckdb_file import connect, warehouse_error
from freshet.workloads.duckdb_new import is_there
from freshet.workloads.errors import InputError, broken, missing, unfit
from freshet.workloads.names import expect_time
from freshet.workloads.spec import DuckDb
from freshet.workloads.sql import identifier, in_calendar, qualified

__all__ = ["ask_duckdb"]


def ask_duckdb(where: DuckDb, *, parts: Sequence[str], column: str | None) -> tuple[int, object]:
    """(rows, newest value of ``column``). Raises WorkloadError."""
    import duckdb

    if Path(where.path).parent.is_dir() and not is_there(where.path):
        raise InputError(
            "WarehouseMissing", f"The warehouse {where.path} does not exist yet: it is made by the first load."
        )
    with connect(where, read_only=True) as con:
        try:
            parts = _in_full(con, where, parts)
            held = _expect(con, parts, column)
            newest = f", max({in_calendar(identifier(held))})" if held else ", NULL"
            rows, found = con.execute(f"SELECT count(*){newest} FROM {qualified(parts)}").fetchone()
        except (duckdb.CatalogException, duckdb.BinderException) as error:
            raise broken(".".join(parts)) from error
        except duckdb.DataError as error:
            raise unfit(".".join(parts)) from error
        except duckdb.Error as error:
            raise warehouse_error(error, path=where.path) from error
    return int(rows), found


def _in_full(con: Any, where: DuckDb, parts: Sequence[str]) -> Sequence[str]:
    """With the catalog, so that no schema is taken for one: the file's, also where dbt calls it by its name."""
    own = str(con.execute("SELECT current_database()").fetchone()[0])
    if len(parts) == 3 and parts[0].lower() != Path(where.path).stem.lower():
        return parts
    return (own, *parts[-2:])


def _expect(con: Any, parts: Sequence[str], column: str | None) -> str | None:
    """The column as the relation has it. Raises InputError or ConfigError where it is not there."""
    columns = _columns(con, parts)
    relation = ".".join(parts[-2:])
    if not columns:
        raise missing(relation)
    if column is None:
        return None
    exact = [one for one in columns if one.in_table == column]  # others may have made "Event Time" beside event_time
    return expect_time(column, columns=exact or columns, where=relation).in_table


def _columns(con: Any, parts: Sequence[str]) -> list[Column]:
    rows = con.execute(
        "SELECT column_name, data_type FROM information_schema.columns WHERE lower(table_schema) = lower(?) AND "
        "lower(table_name) = lower(?)"
        " AND lower(table_catalog) = lower(coalesce(?, current_database())) ORDER BY ordinal_position",
        [parts[-2], parts[-1], parts[0] if len(parts) == 3 else None],
    ).fetchall()
    return [table_column(name, kind) for name, kind in rows]
