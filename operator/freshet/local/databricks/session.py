"""One client's session, and the answer to one statement."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

__all__ = ["Answer", "Parameter", "Session", "rows"]


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
