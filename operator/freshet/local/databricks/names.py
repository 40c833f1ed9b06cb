"""Names of three parts: catalog, schema, object. Databricks keeps them in lower case."""

import re
from collections.abc import Sequence

from freshet.local.databricks.errors import SqlError

__all__ = ["NAME", "inside", "quoted", "resolve"]

_MARK = "@"
_PART = r"(?:`(?:[^`]|``)+`|[A-Za-z0-9_]+)"
NAME = rf"{_PART}(?:\.{_PART}){{0,2}}"
"""A name as it stands in a statement."""


def inside(catalog: str) -> str:
    """What DuckDB calls the catalog: ``main``, which every Databricks has, is a name that it keeps for itself."""
    return catalog if catalog.endswith(_MARK) else catalog + _MARK


def quoted(parts: Sequence[str]) -> str:
    """For DuckDB; the first part is the catalog."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in (inside(parts[0]), *parts[1:]))


def resolve(text: str, *, catalog: str, schema: str, parts: int = 3) -> tuple[str, ...]:
    """``text`` in full, with what the session has for the parts that it leaves out."""
    found = [_plain(part) for part in re.findall(_PART, text)]
    if len(found) > parts:
        raise SqlError("IDENTIFIER_TOO_MANY_NAME_PARTS", f"{text} has more than {parts} parts.", "42601")
    return tuple([catalog, schema][: parts - len(found)] + found)


def _plain(part: str) -> str:
    return (part[1:-1].replace("``", "`") if part.startswith("`") else part).lower()
