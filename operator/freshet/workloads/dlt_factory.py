"""dlt's destination as loads and counts want it: what dlt would do otherwise by its own settings."""

from collections.abc import Callable
from functools import partial
from math import isfinite
from typing import Any

from freshet.workloads.spec import Dlt

__all__ = ["destination"]


def destination(where: Dlt, *, counts: bool) -> Any:
    """``counts``: nothing is written, and views may read the time of day by the zone that is set there."""
    from dlt.common.destination import Destination

    known = Destination.from_reference(where.destination).capabilities()
    more: dict[str, Any] = {}
    if "insert-from-staging" in (known.supported_replace_strategies or ()):
        more["replace_strategy"] = "insert-from-staging"
    if known.escape_literal:
        more["escape_literal"] = partial(_literal, known.escape_literal)
    if _lacks_real(known.type_mapper):
        more["type_mapper"] = _with_real(known.type_mapper)
    found = Destination.from_reference(where.destination, **more)
    if not counts:
        found.configuration = partial(_in_utc, found.configuration)
    return found


def _literal(escape: Callable[[Any], Any], value: Any) -> Any:
    """dlt writes ``nan`` and ``inf`` bare, which SQL takes for columns; as texts the server makes numbers of them."""
    return escape(str(value) if isinstance(value, float) and not isfinite(value) else value)


def _lacks_real(mapper: Any) -> bool:
    known = getattr(mapper, "dbt_to_sct", {})
    return "double precision" in known and "real" not in known


def _with_real(mapper: Any) -> Any:
    """dlt takes a ``real`` of PostgreSQL for a text, which no statement of its own writes into one."""
    return type(mapper.__name__, (mapper,), {"dbt_to_sct": {**mapper.dbt_to_sct, "real": "double"}})


def _in_utc(configured: Callable[..., Any], *given: Any, **more: Any) -> Any:
    """Each session in UTC, whatever server, role or Secret say: dlt's own tables beside an adopted one hold times with
    a zone, and its statements make of them times without, by the clock of the session.
    """
    found = configured(*given, **more)
    credentials = found.credentials
    if hasattr(credentials, "session_timezone"):
        credentials.session_timezone = "UTC"
        query = getattr(credentials, "query", None) or {}
        if "options" in query:  # of PostgreSQL: dlt leaves a zone there alone; the last one counts
            query["options"] = f"{query['options']} -ctimezone=UTC"
    return found
