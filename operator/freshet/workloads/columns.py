"""Which columns a load writes and with which types: pure.

``csv.schema`` comes first, then the table (once it exists it is the schema), then what was inferred from the
whole input.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from freshet.workloads.errors import ConfigError, InputError

__all__ = [
    "Column",
    "column_types",
    "declared_types",
    "expect_time",
    "holds_time",
    "merge_types",
    "plain",
    "resolve_key",
    "snake",
    "table_names",
]


@dataclass(frozen=True, kw_only=True)
class Column:
    """``type`` is a DuckDB type in its canonical spelling; ``inferred``: nobody declared it, this load's values
    must prove it.
    """

    name: str
    type: str
    inferred: bool = False


_TIMES = (
    *("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"),
    *("TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"),  # in tables that others have made
)
_WORD = re.compile(r"[^0-9a-zA-Z]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def snake(name: str) -> str:
    """``Event ID`` and ``eventId`` → ``event_id``: names that every warehouse takes unquoted. May be empty."""
    words = _WORD.sub("_", _CAMEL.sub("_", name.strip()))
    found = re.sub("_+", "_", words).strip("_").lower()
    return f"_{found}" if found[:1].isdigit() else found


def plain(name: str) -> str:
    """A column of a table as it is compared: ``ID`` and ``id`` are one to a warehouse."""
    return name.lower() if name.isascii() else name


def table_names(header: Sequence[str], *, where: str) -> tuple[str, ...]:
    """The table's column names for a file's ``header``. Raises InputError for an empty or doubled one."""
    found: dict[str, str] = {}
    for position, raw in enumerate(header, start=1):
        name = snake(raw)
        if not name:
            raise InputError(
                "ColumnUnnamed", f"Column {position} of {where} has no usable name in its header: name it."
            )
        if name in found:
            raise InputError(
                "ColumnDoubled",
                f"The header of {where} names the column {name} twice ({found[name]!r} and {raw!r}): rename one.",
            )
        found[name] = raw
    return tuple(found)


def declared_types(schema: Mapping[str, str] | None, *, canonical: Mapping[str, str]) -> dict[str, str]:
    """``csv.schema`` with table names and canonical types (``canonical`` maps each type that was given)."""
    return {snake(name): canonical[kind] for name, kind in (schema or {}).items()}


def resolve_key(key: Sequence[str], *, names: Sequence[str], where: str) -> tuple[str, ...]:
    """The primary key as table names. Raises InputError where a column is missing."""
    found = tuple(snake(name) for name in key)
    missing = [name for name, column in zip(key, found, strict=True) if column not in names]
    if missing:
        raise InputError(
            "PrimaryKeyMissing",
            f"The primary key column {', '.join(missing)} is not in {where}, which has {', '.join(names)}: mend "
            "write.primaryKey or the file.",
        )
    return found


def holds_time(name: str, *, columns: Sequence[Column]) -> bool:
    """Whether ``name`` (dataTimeColumn) is one of ``columns`` and of a type that says when."""
    return any(column.name == snake(name) and column.type in _TIMES for column in columns)


def expect_time(name: str, *, columns: Sequence[Column], where: str, spelt: Callable[[str], str] = snake) -> None:
    """Raises ConfigError unless ``name`` (dataTimeColumn) is one of ``columns``, as they are ``spelt``, and holds
    times.
    """
    types = {column.name: column.type for column in columns}
    kind = types.get(spelt(name))
    if kind is None:
        raise ConfigError(
            "DataTimeColumnMissing", f"dataTimeColumn {name} is not in {where}, which has {', '.join(types)}."
        )
    if kind not in _TIMES:
        raise ConfigError(
            "DataTimeColumnType",
            f"dataTimeColumn {name} of {where} is {kind}: name a column of type DATE or TIMESTAMP.",
        )


def merge_types(kinds: Sequence[str]) -> str:
    """One type for a column that several files hold: equal, or both numbers, or else text."""
    distinct = set(kinds)
    if len(distinct) == 1:
        return kinds[0]
    if distinct <= {"BIGINT", "DOUBLE"}:
        return "DOUBLE"
    if distinct <= {"DATE", "TIMESTAMP"}:
        return "TIMESTAMP"
    return "VARCHAR"


def column_types(
    *,
    names: Sequence[str],
    declared: Mapping[str, str],
    table: Sequence[Column] | None,
    inferred: Mapping[str, str],
    replaces: bool,
    strict: bool,
    where: str,
    stored: Callable[[str], str] = str,
) -> tuple[Column, ...]:
    """The columns that the load writes, in the file's order. ``stored``: the table's type for a declared one.

    ``strict`` is ``onSchemaChange: fail``; ``replaces``: the table is rebuilt, so that ``csv.schema`` may
    change its types.
    Raises InputError or ConfigError with a sentence.
    """
    _declared_present(names, declared, where=where)
    held = {column.name: column.type for column in table or ()}
    for name, kind in declared.items():
        if name in held and held[name] != stored(kind) and (strict or not replaces):
            raise ConfigError(
                "SchemaConflict",
                f"Column {name} is {held[name]} in the table, but csv.schema says {kind}: mend csv.schema, or "
                "drop the table to load it anew.",
            )
    if strict and table is not None:
        _same_columns(names, list(held), where=where)
    return tuple(
        Column(name=name, type=declared[name])
        if name in declared
        else Column(name=name, type=held[name])
        if name in held
        else Column(name=name, type=inferred[name], inferred=True)
        for name in names
    )


def _declared_present(names: Sequence[str], declared: Mapping[str, str], *, where: str) -> None:
    missing = [name for name in declared if name not in names]
    if missing:
        raise InputError(
            "ColumnMissing",
            f"{where} has no column {', '.join(missing)}, which csv.schema declares: mend the file or csv.schema.",
        )


def _same_columns(names: Sequence[str], held: Sequence[str], *, where: str) -> None:
    new = [name for name in names if name not in held]
    gone = [name for name in held if name not in names]
    if new or gone:
        changes = "; ".join(
            text for text in (new and f"new: {', '.join(new)}", gone and f"gone: {', '.join(gone)}") if text
        )
        raise InputError(
            "SchemaChanged",
            f"The columns of {where} differ from the table's ({changes}): with onSchemaChange fail a person "
            "decides; set evolve to let the table follow.",
        )
