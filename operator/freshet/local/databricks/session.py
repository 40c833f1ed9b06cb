"""One client's session, and the answer to one statement."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from freshet.local.databricks.errors import SqlError

__all__ = ["Answer", "Parameter", "Session", "rows", "settings_refused", "zone_of"]

_SETTINGS = {
    "ansi_mode",
    "query_tags",
    "spark.sql.session.timezone",
    "statement_timeout",
    "timezone",
    "use_cached_result",
}
"""Of those that a SQL warehouse lets a session set, and its clients' own below spark.thriftserver."""
_LONGEST = 172_800


@dataclass(kw_only=True)
class Session:
    """What ``USE`` and temporary views change."""

    id: bytes
    catalog: str
    schema: str
    views: set[str] = field(default_factory=set)


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A native parameter of a statement: by name, or by position where that is None."""

    name: str | None
    type: str
    value: str | None


@dataclass(frozen=True, kw_only=True)
class Answer:
    """``staging``: the one row tells the client which file to move where."""

    table: pa.Table
    staging: bool = False
    modified: int | None = None


def rows(names: Sequence[str], values: Sequence[Mapping[str, Any]], *, staging: bool = False) -> Answer:
    """A small answer; columns of whole numbers are BIGINT, all others STRING."""
    whole = {name: all(isinstance(value[name], int) for value in values) and bool(values) for name in names}
    schema = pa.schema([(name, pa.int64() if whole[name] else pa.string()) for name in names])
    return Answer(table=pa.Table.from_pylist([dict(value) for value in values], schema=schema), staging=staging)


def settings_refused(settings: Mapping[str, str]) -> SqlError | None:
    """What is wrong with the settings that a client opens its session with; but for the zone they are not followed."""
    for name, value in settings.items():
        known = name.lower()
        if known not in _SETTINGS and not known.startswith("spark.thriftserver."):
            return SqlError("CONFIG_NOT_AVAILABLE", f"Configuration {name} is not available.", "42K0I")
        if known == "statement_timeout" and not (value.isdigit() and int(value) <= _LONGEST):
            return SqlError("INVALID_CONF_VALUE", f"The value '{value}' in the config {name} is invalid.", "22022")
    return None


def zone_of(settings: Mapping[str, str]) -> str | None:
    """Of times, as a client opens its session with it."""
    found = {name.lower(): value for name, value in settings.items()}
    return found.get("timezone", found.get("spark.sql.session.timezone"))
