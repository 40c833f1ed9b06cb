"""A count at any destination of dlt's that speaks SQL."""

from freshet.workloads.dlt_destination import normalized, opened
from freshet.workloads.dlt_newest import ask_newest
from freshet.workloads.dlt_types import moment
from freshet.workloads.names import spelled
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
        own = place.relation([(spelled(column, names=place.names(quoted), where=name), True)])
        rows, found = ask_newest(place, of=quoted, column=own)
    return rows, moment(found, column=column)
