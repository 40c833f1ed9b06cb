"""What a load needs from a warehouse: a look, and one atomic write.

A warehouse is a module of its own (``duckdb_warehouse``, ``databricks_warehouse``, ``dlt_warehouse``), and
``opening`` knows which. Between the look and the write no lock is held, so that parsing a large file keeps
nobody waiting: ``load`` finds out whether the table is still as it was seen.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Protocol

from freshet.workloads.bad_rows import Refused
from freshet.workloads.columns import Column, snake
from freshet.workloads.errors import InputError
from freshet.workloads.inputs import InputFile

__all__ = [
    "Batch",
    "Level",
    "Outcome",
    "TableState",
    "Warehouse",
    "breaks_rule",
    "doubled",
    "gone",
    "new",
    "next_load_id",
    "owned",
    "rival_of",
]


@dataclass(frozen=True, kw_only=True)
class Level:
    """What is in the table, as the newest recorded load left it; ``load_id`` is that load, ``version`` the last
    that changed anything.
    """

    load_id: str
    version: str
    fingerprint: str
    updated_at: datetime
    data_time: datetime | None
    rows: int
    previous_rows: int | None
    rows_in: int | None = None
    rows_loaded: int | None = None
    rows_rejected: int | None = None
    samples: str | None = None
    """Of the rows that the load read, how many were bad, and the first of them (JSON), for whoever was not told."""
    asset: str | None = None
    """Whose load it was."""
    files_taken: int | None = None
    """So many files of ``append`` were in the table; None where an earlier freshet, which did not count, loaded it."""


@dataclass(frozen=True, kw_only=True)
class TableState:
    """``columns`` is None where there is no table, ``level`` None where freshet never loaded it; ``rows`` are
    counted now.
    """

    columns: tuple[Column, ...] | None
    level: Level | None
    rows: int
    taken: Mapping[str, InputFile] = field(default_factory=dict)
    """Files that ``append`` has taken, by path, as they were when that last happened."""
    marked: bool = False
    """Its rows name the load that wrote them: the table is ours, also where no load came to be recorded."""
    untold: str = ""
    """Why nobody knows which files are in it, where the record should tell: ``append`` would take them again."""
    own: Level | None = None
    """What the newest load of this very asset left: ``level``, unless another loads into the table, too."""
    rival: str = ""
    """Another asset, whose load is the newest."""
    loaded: int = 0
    """So many rows name their load, where a warehouse has them do so."""
    strange: int = 0
    """So many of them name one that is not on record, or whose files are not; all rows, where none names one and no
    load is on record.
    """
    unrecorded: frozenset[str] = frozenset()
    """Loads that were cut off between their rows, which are in the table, and their record: ``level`` is behind."""
    awaited: bool = False
    """Loads that were cut off before that may still publish: what is in the table now holds until then."""
    unwritten: tuple[Column, ...] = ()
    """More columns, which no load can write: the warehouse writes such names in another way."""
    named: Callable[[str], str] = field(default=str, compare=False)
    """What the table calls a column, by its name in snake_case: some warehouses shorten long ones."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Parsed rows on their way. ``columns`` are the parquet file's; ``key``, names of theirs, may be empty."""

    path: Path
    rows: int
    rows_in: int
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    fingerprint: str
    files: Sequence[InputFile]
    refused: Sequence[Refused]
    rejected: int
    samples: str | None
    started_at: datetime

    @property
    def table_key(self) -> tuple[str, ...]:
        """The key as the table writes it."""
        written = {column.name: column.in_table for column in self.columns}
        return tuple(written[name] for name in self.key)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a load did: the level afterwards, read back, and how many rows it wrote. ``awaited``: those of another,
    which was cut off, may still come.
    """

    level: Level
    changed: bool
    written: int
    awaited: bool = False


class Warehouse(Protocol):
    """One table of one warehouse. Every method raises WorkloadError with a sentence."""

    def stored(self, kind: str) -> str:
        """The type as which the table holds a column of the CSV type ``kind``."""

    def inspect(self) -> TableState:
        """Look, briefly, without keeping others out."""

    def tidy(self) -> None:
        """Nothing is to be loaded: drop what a load that was cut off may have left beside the table."""

    def data_time(self, *, expected: TableState) -> datetime | None:
        """The newest value of ``dataTimeColumn``. Raises ConfigError where there is no such column, TableMoved."""

    def load(self, *, batch: Batch, expected: TableState, folder: Path) -> Outcome:
        """Write ``batch`` and its record at once. Raises TableMoved where the table is no longer as ``expected``."""

    @property
    def relation(self) -> str: ...


def breaks_rule(relation: str) -> InputError:
    """A table that is not made by freshet may want more of its rows than that they fit its columns."""
    return InputError(
        "ConstraintViolated",
        f"Rows of this load break a rule of {relation} (NOT NULL, UNIQUE, a key, CHECK, or how long a text may be):"
        " nothing was published; mend the export, or take the rule off the table; --debug shows which it is.",
    )


def doubled(relation: str, *, key: Sequence[str], done: str = "nothing was published") -> InputError:
    """``merge`` would update more rows than it was given, or has: ``done`` says so."""
    names = ", ".join(snake(name) for name in key)
    return InputError(
        "DuplicateKeysInTable",
        f"{relation} holds more than one row of the same key ({names}), {done}: delete those that are too many, or"
        " name in write.primaryKey what tells its rows apart.",
    )


def gone(before: TableState, batch: Batch) -> list[Column]:
    """Columns of the table that the files lack: they stay, empty, since the table is the schema."""
    names = {column.known_as for column in batch.columns}
    return [column for column in before.columns or () if column.known_as not in names]


def new(before: TableState, batch: Batch) -> list[Column]:
    """Columns of the files that the table lacks."""
    names = {column.known_as for column in before.columns or ()}
    return [column for column in batch.columns if column.known_as not in names]


def next_load_id(batch: Batch, before: TableState) -> str:
    """Derived from what is loaded onto what: whoever does the same gives it the same name."""
    onto = before.level.load_id if before.level else ""
    return hashlib.sha256(f"{batch.fingerprint}\n{onto}".encode()).hexdigest()[:24]


def rival_of(asset: str, *, loaded_by: str | None) -> str:
    """The other asset, if it is another. A spec without one, at a terminal, is anybody's."""
    return loaded_by if asset and loaded_by and loaded_by != asset else ""


def owned(state: TableState, *, asset: str, level_of: Callable[[str], Level | None]) -> TableState:
    """With what is this ``asset``'s own, which is asked for (``level_of``) only where another loads the table, too."""
    rival = rival_of(asset, loaded_by=state.level.asset if state.level else None)
    return replace(state, rival=rival, own=level_of(asset) if rival else state.level)
