"""Columns as the table calls them where its warehouse shortens long names (63 characters in PostgreSQL): pure."""

from collections.abc import Callable

from msgspec import structs

from freshet.workloads.columns import snake
from freshet.workloads.spec import IngestSpec

__all__ = ["short_name", "shortened"]


def shortened(spec: IngestSpec, *, named: Callable[[str], str]) -> IngestSpec:
    """The spec with ``csv.schema`` and ``write.primaryKey`` under the table's names; what fits stays as it was written.

    ``named``: of a name in snake_case.
    """
    schema = {short_name(name, named=named): kind for name, kind in (spec.csv.schema or {}).items()}
    key = tuple(short_name(name, named=named) for name in spec.write.primary_key)
    return structs.replace(
        spec,
        csv=structs.replace(spec.csv, schema=schema or None),
        write=structs.replace(spec.write, primary_key=key),
    )


def short_name(name: str, *, named: Callable[[str], str]) -> str:
    """As the table calls it where that differs from the column's own name; else as it was written."""
    own = snake(name)
    return name if not own or named(own) == own else named(own)
