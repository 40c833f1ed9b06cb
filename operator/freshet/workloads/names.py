"""Which column a name means, of a file or of the spec: pure.

Names become snake_case, unless the table has the column under another: one that freshet did not make may say
``eventId``. Then the load calls it by its own name, ``event_id``, and the table's is ``Column.written``.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from freshet.workloads.columns import Column, plain, snake, table_column
from freshet.workloads.errors import ConfigError, InputError

__all__ = [
    "aligned",
    "declared_types",
    "expect_key_held",
    "expect_time",
    "meant",
    "resolve_key",
    "spelled",
    "table_names",
    "time_column",
    "unfound",
]

_TIMES = (
    *("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"),
    *("TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"),  # in tables that others have made
)
_RULES: tuple[tuple[Callable[[Column], str], Callable[[str], str]], ...] = (
    (lambda column: column.name, snake),
    (lambda column: column.known_as, lambda name: plain(name.strip())),
    (lambda column: snake(column.in_table), snake),
)
"""What of a column and of a name must be equal; the first rule by which any column is found counts."""


def aligned(table: Sequence[Column], *, names: Iterable[str]) -> tuple[Column, ...]:
    """The columns of ``table``, those that the input has under its names (``names``: as its files write them).

    Each is taken once, whichever of the names comes first.
    """
    wanted, taken = sorted(set(names)), dict[str, str]()
    for of_column, of_name in _RULES:
        free = {of_column(column): column.name for column in reversed(table) if column.name not in taken}
        called = set(taken.values())
        for name in wanted:
            column, own = free.get(of_name(name)), snake(name)
            if column is not None and column not in taken and own not in called:
                taken[column] = own
                called.add(own)
    return tuple(_called(column, taken.get(column.name, column.name)) for column in table)


def _called(column: Column, name: str) -> Column:
    return column if name == column.name else replace(column, name=name, written=column.in_table)


def meant(name: str, *, columns: Sequence[Column]) -> Column | None:
    """The column that a person who writes ``name`` means."""
    for of_column, of_name in _RULES:
        found = next((column for column in columns if of_column(column) == of_name(name)), None)
        if found is not None:
            return found
    return None


def spelled(name: str, *, names: Sequence[str], where: str) -> str:
    """That of ``names``, of a relation's columns, which ``name`` (dataTimeColumn) means: itself, if it is there, since
    others may have made "At" beside at. Raises ConfigError where none does.
    """
    if name in names:
        return name
    found = meant(name, columns=[table_column(one, "") for one in names])
    if found is None:
        raise _no_column(name, names=names, where=where)
    return found.in_table


def _no_column(name: str, *, names: Iterable[str], where: str) -> ConfigError:
    return ConfigError(
        "DataTimeColumnMissing", f"dataTimeColumn {name} is not in {where}, which has {', '.join(names)}."
    )


def table_names(header: Sequence[str], *, where: str) -> tuple[str, ...]:
    """A load's names for a file's ``header``. Raises InputError for an empty or doubled one."""
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


def declared_types(
    schema: Mapping[str, str] | None, *, canonical: Mapping[str, str], columns: Sequence[Column]
) -> dict[str, str]:
    """``csv.schema`` with the load's names and canonical types (``canonical`` maps each type that was given).

    Raises ConfigError where two of its names mean one column.
    """
    given: dict[str, str] = {}
    for raw in schema or {}:
        name = _own(raw, columns)
        if name in given:
            raise ConfigError(
                "ColumnDoubled",
                f"csv.schema names the column {name} twice ({given[name]!r} and {raw!r}): leave out one.",
            )
        given[name] = raw
    return {name: canonical[(schema or {})[raw]] for name, raw in given.items()}


def _own(name: str, columns: Sequence[Column]) -> str:
    found = meant(name, columns=columns)
    return found.name if found else snake(name)


def resolve_key(key: Sequence[str], *, columns: Sequence[Column], where: str) -> tuple[str, ...]:
    """The primary key as names of the load, whose ``columns`` are given. Raises InputError where one is missing."""
    names = [column.name for column in columns]
    found = tuple(_own(name, columns) for name in key)
    missing = [name for name, column in zip(key, found, strict=True) if column not in names]
    if missing:
        raise InputError(
            "PrimaryKeyMissing",
            f"The primary key column {', '.join(missing)} is not in {where}, which has {', '.join(names)}: mend "
            "write.primaryKey or the file.",
        )
    return found


def expect_key_held(key: Sequence[str], *, given: Sequence[str], table: Sequence[Column], where: str) -> None:
    """Raises ConfigError where ``table``, which has rows, lacks a column of the ``key`` (``given``: as a person says).

    None of its rows would be found by that key, so that all would come again.
    """
    names = {column.name for column in table}
    missing = [said for said, name in zip(given, key, strict=True) if name not in names]
    if missing:
        raise unfound(missing, where=where)


def unfound(missing: Sequence[str], *, where: str) -> ConfigError:
    """``missing``: of the primary key, in each row of a table."""
    return ConfigError(
        "SchemaConflict",
        f"The table has no column {', '.join(missing)} of write.primaryKey, or nothing in it, so that none of its rows"
        f" would be found and those of {where} would come twice: name columns that it has, add and fill this one there,"
        " or drop the table to load it anew.",
    )


def time_column(name: str, *, columns: Sequence[Column]) -> Column | None:
    """The one of ``columns`` that ``name`` (dataTimeColumn) means, where its type says when."""
    found = meant(name, columns=columns)
    return found if found is not None and found.type in _TIMES else None


def expect_time(name: str, *, columns: Sequence[Column], where: str) -> Column:
    """The one of ``columns`` that ``name`` (dataTimeColumn) means. Raises ConfigError where none does, or it holds no
    times.
    """
    found = meant(name, columns=columns)
    if found is None:
        raise _no_column(name, names=[column.name for column in columns], where=where)
    if found.type not in _TIMES:
        raise ConfigError(
            "DataTimeColumnType",
            f"dataTimeColumn {name} of {where} is {found.type}: name a column of type DATE or TIMESTAMP.",
        )
    return found
