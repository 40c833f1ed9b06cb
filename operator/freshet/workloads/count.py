"""``freshet count``: how many rows a relation holds, and how recent they are.

Small on purpose: it never imports pyarrow, dlt only for a destination of dlt's, and the Databricks connector only for
Databricks.
"""

from collections.abc import Mapping
from typing import Any

import click

from freshet.workloads import checks
from freshet.workloads.command import run
from freshet.workloads.errors import ConfigError
from freshet.workloads.moments import as_time
from freshet.workloads.result import rfc3339
from freshet.workloads.spec import CountSpec, read_spec
from freshet.workloads.sql import split_relation

__all__ = ["count", "count_rows", "relation_parts"]


@click.command()
@click.option("--spec", "path", type=click.Path(), help="The count's spec as JSON; default: the variable FRESHET_SPEC.")
@click.option("--debug", is_flag=True, envvar="FRESHET_DEBUG", help="Log more, with tracebacks.")
def count(path: str | None, debug: bool) -> None:
    """Count the rows of a table or view in a warehouse.

    The result is one JSON object on stdout and in the termination message file.
    """
    run("count", lambda _started: count_rows(read_spec(CountSpec, path=path)), debug=debug)


def count_rows(spec: CountSpec) -> Mapping[str, Any]:
    """The result of one count (docs/contract.md). Raises WorkloadError."""
    parts = relation_parts(spec)
    rows, newest = _ask(spec, parts)
    data_time = as_time(newest, column=spec.data_time_column or "")
    relation = ".".join(parts)
    return {
        "rows": rows,
        "dataTime": rfc3339(data_time) if data_time else None,
        "relation": relation,
        "checks": checks.evaluate(checks=spec.checks, rows=rows, previous=spec.previous_rows),
        "message": f"{relation} holds {rows:,} rows.",
    }


def _ask(spec: CountSpec, parts: tuple[str, ...]) -> tuple[int, object]:
    if spec.warehouse.duckdb is not None:
        from freshet.workloads.count_duckdb import ask_duckdb

        return ask_duckdb(spec.warehouse.duckdb, parts=parts, column=spec.data_time_column)
    if spec.warehouse.dlt is not None:
        from freshet.workloads.count_dlt import ask_dlt

        return ask_dlt(spec.warehouse.dlt, relation=spec.relation, column=spec.data_time_column)
    from freshet.workloads.count_databricks import ask_databricks

    return ask_databricks(parts=parts, column=spec.data_time_column, timeout=spec.timeout)


def relation_parts(spec: CountSpec) -> tuple[str, ...]:
    """The relation's name in parts, with the warehouse's schema (and catalog) where it names none.

    Raises ConfigError.
    """
    try:
        parts = split_relation(spec.relation)
    except ValueError as error:
        raise ConfigError(
            "RelationInvalid", f"The relation {spec.relation!r} cannot be read: {error}; write schema.table."
        ) from error
    if len(parts) > 3:
        raise ConfigError(
            "RelationInvalid",
            f"The relation {spec.relation!r} has {len(parts)} parts: write schema.table or catalog.schema.table.",
        )
    place = spec.warehouse.duckdb or spec.warehouse.databricks or spec.warehouse.dlt
    if len(parts) == 1 and place is not None:
        parts = (place.schema, *parts)
    catalog = spec.warehouse.databricks.catalog if spec.warehouse.databricks else None
    return (catalog, *parts) if catalog and len(parts) == 2 else parts
