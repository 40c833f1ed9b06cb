"""Databricks' SQL → DuckDB's, by sqlglot: names in full, native parameters filled in, the information schema made up.

Strict: what does not parse as Databricks' dialect, or is no statement that a SQL warehouse knows, is refused.
"""

import re
from collections.abc import Sequence
from typing import Any

import sqlglot
from sqlglot import exp

from freshet.local.databricks.dialect import parse_strictly
from freshet.local.databricks.errors import SqlError
from freshet.local.databricks.names import inside
from freshet.local.databricks.session import Parameter, Session
from freshet.local.databricks.store import HIDDEN

__all__ = ["Statement", "parse"]

Statement = Any
"""A tree of sqlglot's, which has no types to hold on to."""
_KNOWN = (
    exp.Query,
    exp.Insert,
    exp.Merge,
    exp.Update,
    exp.Delete,
    exp.Create,
    exp.Drop,
    exp.Alter,
    exp.TruncateTable,
)
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d[ T][\d:.]+) ([+-]\d\d)(\d\d)")
_FULL_TYPE = """CASE WHEN data_type = 'VARCHAR' THEN 'string' WHEN data_type = 'INTEGER' THEN 'int'
 WHEN data_type = 'TIMESTAMP' THEN 'timestamp_ntz' WHEN data_type = 'TIMESTAMP WITH TIME ZONE' THEN 'timestamp'
 WHEN data_type = 'BLOB' THEN 'binary' ELSE lower(data_type) END"""
_VIEWS = {
    "columns": f"""SELECT rtrim(database_name, '@') AS table_catalog, schema_name AS table_schema, table_name,
 column_name, numeric_precision, numeric_scale,
 column_index - 1 AS ordinal_position, CASE WHEN is_nullable THEN 'YES' ELSE 'NO' END AS is_nullable,
 upper(split_part({_FULL_TYPE}, '(', 1)) AS data_type, {_FULL_TYPE} AS full_data_type
 FROM duckdb_columns() WHERE schema_name <> '{HIDDEN}'""",
    "tables": f"""SELECT rtrim(database_name, '@') AS table_catalog, schema_name AS table_schema, table_name,
 'MANAGED' AS table_type FROM duckdb_tables() WHERE schema_name <> '{HIDDEN}' UNION ALL
 SELECT rtrim(database_name, '@'), schema_name, view_name, 'VIEW' FROM duckdb_views() WHERE NOT internal""",
    "schemata": f"""SELECT rtrim(database_name, '@') AS catalog_name, schema_name FROM duckdb_schemas()
 WHERE schema_name <> '{HIDDEN}'""",
}


def parse(text: str, *, session: Session, parameters: Sequence[Parameter], volumes: Sequence[tuple[str, ...]]) -> Any:
    """The one statement in ``text``, with full names. ``volumes``: what information_schema.volumes holds."""
    found = parse_strictly(text)
    if len(found) != 1 or not isinstance(found[0], _KNOWN):
        raise SqlError("PARSE_SYNTAX_ERROR", f"Syntax error at or near '{text.split(None, 1)[0]}'.", "42601")
    tree = found[0]
    _expect_flat(tree)
    _fill(tree, parameters)
    _offsets(tree)
    _raises(tree)
    _divides(tree)
    _place(tree, session)
    _full_names(tree, session, volumes)
    return tree


def _expect_flat(tree: Statement) -> None:
    """What Delta's DELETE and UPDATE ask of their condition:
    https://docs.databricks.com/en/sql/language-manual/delta-delete-from.html
    """
    where = tree.args.get("where") if isinstance(tree, exp.Delete | exp.Update) else None
    if where is not None and any(query.find_ancestor(exp.Select) for query in where.find_all(exp.Select)):
        kind = type(tree).__name__.upper()
        raise SqlError(
            "DELTA_NESTED_SUBQUERY_NOT_SUPPORTED", f"Nested subquery is not supported in the {kind} condition.", "0A000"
        )


def _fill(tree: Statement, parameters: Sequence[Parameter]) -> None:
    named = {parameter.name: parameter for parameter in parameters if parameter.name}
    placed = iter([parameter for parameter in parameters if not parameter.name])
    for mark in list(tree.find_all(exp.Placeholder)):
        value = named.get(str(mark.this)) if mark.this else next(placed, None)
        if value is None:
            raise SqlError("UNBOUND_SQL_PARAMETER", f"Found the unbound parameter: {mark.this or '?'}.", "42P02")
        mark.replace(_literal(value))


def _offsets(tree: Statement) -> None:
    """``… 10:00:00 +0000``, as the connector writes a moment; DuckDB takes ``+00:00`` only."""
    for text in list(tree.find_all(exp.Literal)):
        found = _MOMENT.fullmatch(text.this) if text.is_string else None
        if found is not None:
            text.replace(exp.Literal.string(f"{found[1]}{found[2]}:{found[3]}"))


def _raises(tree: Statement) -> None:
    """DuckDB's ``error`` is ``raise_error``; the mark tells ``errors`` whose complaint it is."""
    for call in list(tree.find_all(exp.Anonymous)):
        if str(call.this).lower() == "raise_error":
            said = exp.DPipe(this=exp.Literal.string("raised: "), expression=call.expressions[0])
            call.replace(exp.Anonymous(this="error", expressions=[said]))


def _divides(tree: Statement) -> None:
    """Databricks is ANSI: nothing is divided by zero, of which DuckDB makes ``inf``; within is changed before about."""
    for division in reversed(list(tree.find_all(exp.Div))):
        by = division.expression
        if isinstance(by, exp.Literal) and float(by.this):
            continue
        error = exp.Anonymous(this="error", expressions=[exp.Literal.string("Division by zero.")])
        division.set("expression", exp.Case().when(by.eq(0), error).else_(by))


def _place(tree: Statement, session: Session) -> None:
    """What DuckDB would say of itself."""
    for call in list(tree.find_all(exp.CurrentCatalog)):
        call.replace(exp.Literal.string(session.catalog))
    for call in list(tree.find_all(exp.CurrentSchema, exp.CurrentDatabase)):
        call.replace(exp.Literal.string(session.schema))
    for call in list(tree.find_all(exp.CurrentTimezone)):
        call.replace(exp.Anonymous(this="current_setting", expressions=[exp.Literal.string("TimeZone")]))


def _literal(value: Parameter) -> Statement:
    if value.value is None or value.type == "VOID":
        return exp.null()
    text = exp.Literal.string(value.value)
    return text if value.type == "STRING" else exp.cast(text, value.type, dialect="databricks")


def _full_names(tree: Statement, session: Session, volumes: Sequence[tuple[str, ...]]) -> None:
    own = {cte.alias.lower() for cte in tree.find_all(exp.CTE)} | session.views
    schema_only = isinstance(tree, exp.Create | exp.Drop) and tree.args.get("kind") in ("SCHEMA", "DATABASE")
    for table in list(tree.find_all(exp.Table)):
        if isinstance(table.this, exp.Func) or (not table.db and table.name.lower() in own):
            continue
        catalog = (table.catalog or session.catalog).lower()
        schema = (table.db or session.schema).lower()
        if schema == HIDDEN:
            raise SqlError("SCHEMA_NOT_FOUND", f"The schema {schema} cannot be found.", "42704")
        if schema == "information_schema":
            _made_up(table, catalog, volumes)
            continue
        table.set("catalog", exp.to_identifier(inside(catalog), quoted=True))
        table.set("db", exp.to_identifier(schema, quoted=True))
        if not schema_only:
            table.set("this", exp.to_identifier(table.name.lower(), quoted=True))


def _made_up(table: Any, catalog: str, volumes: Sequence[tuple[str, ...]]) -> None:
    name = table.name.lower()
    if name == "volumes":
        values = ", ".join(str(tuple(one)) for one in volumes) or "(NULL, NULL, NULL)"
        query = (
            f"SELECT * FROM (VALUES {values}) AS v(volume_catalog, volume_schema, volume_name) WHERE volume_name <> ''"
        )
    elif name in _VIEWS:
        column = "catalog_name" if name == "schemata" else "table_catalog"
        query = f"SELECT * FROM ({_VIEWS[name]}) WHERE {column} = '{catalog}'"
    else:
        raise SqlError("TABLE_OR_VIEW_NOT_FOUND", f"information_schema.{name} cannot be found.", "42P01")
    alias = table.alias or name
    table.replace(
        exp.Subquery(this=sqlglot.parse_one(query, read="duckdb"), alias=exp.TableAlias(this=exp.to_identifier(alias)))
    )
