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
    "expect_same_columns",
    "merge_types",
    "plain",
    "snake",
    "table_column",
]


@dataclass(frozen=True, kw_only=True)
class Column:
    """``type`` is a DuckDB type in its canonical spelling; ``inferred``: nobody declared it, this load's values
    must prove it; ``held``: nobody declared it, the table has it. ``written``: the name as the table has it, where
    that is another.
    """

    name: str
    type: str
    inferred: bool = False
    held: bool = False
    written: str = ""

    @property
    def in_table(self) -> str:
        return self.written or self.name

    @property
    def known_as(self) -> str:
        """As columns of a table are compared."""
        return plain(self.in_table)


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


def table_column(name: str, kind: str) -> Column:
    """A column that a warehouse tells of."""
    return Column(name=plain(name), type=kind, written=name if name != plain(name) else "")


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
    written = {column.name: column.written for column in table or ()}
    types = {**inferred, **held, **declared}
    return tuple(
        Column(
            name=name,
            type=types[name],
            inferred=name not in declared and name not in held,
            held=name not in declared and name in held,
            written=written.get(name, ""),
        )
        for name in names
    )


def _declared_present(names: Sequence[str], declared: Mapping[str, str], *, where: str) -> None:
    missing = [name for name in declared if name not in names]
    if missing:
        raise InputError(
            "ColumnMissing",
            f"{where} has no column {', '.join(missing)}, which csv.schema declares: mend the file or csv.schema.",
        )


def expect_same_columns(names: Sequence[str], *, table: Sequence[Column], where: str) -> None:
    """Raises InputError where a file (``where``) has other columns than the table, which may not change."""
    held = [column.name for column in table]
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
