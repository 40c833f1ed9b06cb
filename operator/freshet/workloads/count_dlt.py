"""A count at any destination of dlt's that speaks SQL."""

from freshet.workloads.columns import table_column
from freshet.workloads.dlt_destination import normalized, opened
from freshet.workloads.dlt_newest import ask_newest
from freshet.workloads.dlt_types import moment
from freshet.workloads.errors import ConfigError
from freshet.workloads.names import meant
from freshet.workloads.spec import Dlt
from freshet.workloads.sql import split_quoted

__all__ = ["ask_dlt"]


def ask_dlt(where: Dlt, *, relation: str, column: str | None) -> tuple[int, object]:
    """(rows, newest value of ``column``). Raises WorkloadError."""
    parts = split_quoted(relation)
    if len(parts) == 1:
        parts = ((normalized(where.schema), False), *parts)
    name = ".".join(part for part, _ in parts)
    with opened(where, name="freshet_count", what=f"the count of {name}", relation=name, counts=True) as place:
        quoted = place.relation(parts)
        if column is None:
            return int(place.ask(f"SELECT count(*) FROM {quoted}")[0][0]), None
        own = place.relation([(_own(column, place.names(quoted), name), True)])
        rows, found = ask_newest(place, of=quoted, column=own)
    return rows, moment(found, column=column)


def _own(column: str, names: list[str], relation: str) -> str:
    """The column as the relation spells it, by any name that a load knows it by; PostgreSQL may have "At" beside at."""
    if column in names:
        return column
    found = meant(column, columns=[table_column(name, "") for name in names])
    if found is None:
        raise ConfigError(
            "DataTimeColumnMissing", f"dataTimeColumn {column} is not in {relation}, which has {', '.join(names)}."
        )
    return found.in_table
