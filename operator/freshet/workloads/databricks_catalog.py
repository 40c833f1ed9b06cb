"""What a Databricks catalog says of itself: its information schema, the one place that tells whether a table is there.

Without one (``hive_metastore`` has none) nothing could be known of a table, so that no load begins.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from freshet.workloads.columns import Column, table_column
from freshet.workloads.databricks_sql import Sql, error_class
from freshet.workloads.databricks_types import from_databricks
from freshet.workloads.errors import ConfigError, InputError
from freshet.workloads.sql import identifier, qualified

__all__ = ["add_columns", "columns_of", "lacking", "make_schema", "staged", "tables_of"]

_CLOSED = (
    "TABLE_OR_VIEW_NOT_FOUND",
    "SCHEMA_NOT_FOUND",
    "UC_HIVE_METASTORE",
    "INSUFFICIENT_PERMISSIONS",
    "PERMISSION_DENIED",
)


def columns_of(sql: Sql, target: Sequence[str], *, relation: str) -> tuple[Column, ...] | None:
    """All columns of the table ``target`` (catalog, schema, name), ours among them; None where there is no such table.

    Raises InputError where it is a view; ``relation`` is its name for people.
    """
    catalog, place, table = target
    where = "WHERE table_schema = :place AND table_name = :name"
    kinds = _ask(sql, catalog, "SELECT table_type FROM {}.tables " + where, place=place, name=table)
    if not kinds:
        return None
    if "VIEW" in str(kinds[0][0]):
        raise InputError("NotATable", f"{relation} is a view, not a table: give the source another table, or drop it.")
    query = f"SELECT column_name, full_data_type FROM {{}}.columns {where} ORDER BY ordinal_position"
    found = _ask(sql, catalog, query, place=place, name=table)
    return tuple(table_column(name, from_databricks(kind)) for name, kind in found)


def add_columns(sql: Sql, target: Sequence[str], new: Sequence[tuple[str, str]]) -> None:
    """``new``: name and Databricks type."""
    if new:
        described = ", ".join(f"{identifier(name, mark='`')} {kind}" for name, kind in new)
        sql.ask(f"ALTER TABLE {qualified(target, mark='`')} ADD COLUMNS ({described})")


def lacking(sql: Sql, place: Sequence[str], wanted: Mapping[str, Collection[str]]) -> dict[str, list[str]]:
    """Of ``wanted`` (table → columns) what the tables of that schema (catalog, name) do not have."""
    marks = {f"table{at}": name for at, name in enumerate(wanted)}
    query = (
        "SELECT table_name, column_name FROM {}.columns WHERE table_schema = :place"
        f" AND table_name IN ({', '.join(f':{mark}' for mark in marks)})"
    )
    held = {(table, column) for table, column in _ask(sql, place[0], query, place=place[1], **marks)}
    found = {name: [one for one in columns if (name, one) not in held] for name, columns in wanted.items()}
    return {name: columns for name, columns in found.items() if columns}


def tables_of(sql: Sql, place: Sequence[str]) -> list[str]:
    """The names of all tables of a schema (catalog, name)."""
    return _names(_ask(sql, place[0], "SELECT table_name FROM {}.tables WHERE table_schema = :place", place=place[1]))


def staged(sql: Sql, place: Sequence[str], volume: str) -> bool:
    """Whether the schema (catalog, name) has that volume."""
    query = "SELECT volume_name FROM {}.volumes WHERE volume_schema = :place AND volume_name = :name"
    return bool(_ask(sql, place[0], query, place=place[1], name=volume))


def make_schema(sql: Sql, place: Sequence[str]) -> None:
    """Who may not make schemas may still use one that is there."""
    if not _ask(sql, place[0], "SELECT 1 FROM {}.schemata WHERE schema_name = :name", name=place[1]):
        sql.ask(f"CREATE SCHEMA IF NOT EXISTS {qualified(place, mark='`')}")


def _ask(sql: Sql, catalog: str, query: str, **values: object) -> list[tuple[Any, ...]]:
    """The rows. Raises ConfigError where the information schema, ``{}`` in ``query``, cannot be read."""
    try:
        return sql.ask(query.format(f"{identifier(catalog, mark='`')}.information_schema"), **values)
    except Exception as error:
        if not error_class(error).startswith(_CLOSED):
            raise
        raise ConfigError(
            "CatalogUnreadable",
            f"The credentials find no information_schema in the catalog {catalog}, which tells if a table is there:"
            " set warehouse.databricks.catalog to one of Unity Catalog (not hive_metastore), and grant USE CATALOG.",
        ) from error


def _names(found: list[tuple[Any, ...]]) -> list[str]:
    return [str(name) for (name,) in found]
