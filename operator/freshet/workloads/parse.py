"""CSV → one parquet file, in constant memory: DuckDB parses, Arrow record batches stream through, no value
becomes a Python object.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from msgspec import structs

from freshet.workloads.bad_rows import Refused, ends_open, marked_rows, may_be_lost, misfits, structural
from freshet.workloads.by_lines import Lines, spans_in
from freshet.workloads.columns import Column
from freshet.workloads.complete import PlaceLost, Way, expect_all, way_of
from freshet.workloads.csvsql import BAD, checked_select, parquet_type
from freshet.workloads.engine import forget_rejects
from freshet.workloads.log import LOG, Progress
from freshet.workloads.parquet import Groups, writing
from freshet.workloads.spec import Csv
from freshet.workloads.sql import identifier
from freshet.workloads.unreadable import unreadable

__all__ = ["DETAILS", "NotAsInferred", "Parsed", "parse"]

DETAILS = 10_000
"""So many refused rows are described one by one; the others are only counted."""

_ROWS, _LEAST, _VALUES, _BYTES = 16_384, 2_048, 1_000_000, 32 << 20
"""Of a batch: DuckDB holds it within its limit, however long and wide the rows are. It thinks in vectors of 2,048."""


class NotAsInferred(Exception):
    """A value beyond the first rows does not fit what they suggested."""


@dataclass(kw_only=True)
class Parsed:
    """What came out: ``path`` is the parquet file, ``counts`` the accepted rows per input file, in order."""

    path: Path
    columns: tuple[Column, ...]
    ahead: Mapping[str, int]
    """Per input file how many of its lines come before what was parsed."""
    counts: dict[str, int] = field(default_factory=dict)
    rejected: int = 0
    refused: list[Refused] = field(default_factory=list)
    doubled: list[Refused] = field(default_factory=list)
    """Good rows that were set aside for a key that comes more than once."""
    blamed: set[str] = field(default_factory=set)
    """All columns for which a row was refused."""
    empty: set[str] = field(default_factory=set)
    """Files that have no row, good or bad."""
    left_open: set[str] = field(default_factory=set)
    """Files whose last row ends within quotes."""

    @property
    def rows(self) -> int:
        return sum(self.counts.values())


def parse(
    con: Any,
    *,
    files: Mapping[str, Sequence[str]],
    columns: Sequence[Column],
    csv: Csv,
    folder: Path,
    ahead: Mapping[str, int],
    lines: Mapping[str, Lines],
    details: int = DETAILS,
) -> Parsed:
    """Read ``files`` (path → its column names in order) into one parquet file with ``columns``.

    ``ahead``: path → how many lines come before its first, which are counted too; ``lines``: path → its own.

    Raises NotAsInferred, and DataRefused or InputError where DuckDB gives up on a file, or loses rows of it.
    """
    import pyarrow as pa

    head = ", ".join(f"NULL::{parquet_type(column)} AS {identifier(column.name)}" for column in columns)
    schema: pa.Schema = con.sql(f"SELECT {head} LIMIT 0").to_arrow_reader().schema
    read = partial(_parse_file, con, csv=csv, details=details)
    turned: set[str] = set()
    while True:
        parsed = Parsed(path=folder / "rows.parquet", columns=tuple(columns), ahead=ahead)
        with writing(parsed.path, schema) as groups:
            try:
                for path, names in files.items():
                    way = way_of(path, lines[path], is_turned=path in turned)
                    read(parsed, groups, path=path, names=names, ahead=ahead[path], way=way)
                break
            except PlaceLost as error:
                LOG.info("Of the rows of %s some are missing: reading once more, in another way.", error.path)
                turned.add(error.path)
                forget_rejects(con)
    parsed.refused = [replace(one, line=one.line + ahead[one.path]) for one in parsed.refused]
    return parsed


def _parse_file(
    con: Any,
    parsed: Parsed,
    groups: Groups,
    *,
    path: str,
    names: Sequence[str],
    csv: Csv,
    details: int,
    ahead: int,
    way: Way,
) -> None:
    import duckdb

    csv = csv if csv.header else structs.replace(csv, columns=tuple(names))
    marked: list[tuple[int, str]] = []
    try:
        query = _query(parsed.columns, path, names, csv, in_pieces=way.in_pieces)
        size = _batch_rows(path, columns=len(parsed.columns), lines=way.lines)
        source = _Source(con=con, query=query, path=path, each_line=way.each_line, size=size)
        rows, bad = _stream(source, parsed, groups, marked=marked, details=details)
    except (duckdb.Error, OSError) as error:
        raise unreadable(path, csv, error, ahead=ahead) from error
    parsed.counts[path] = rows
    if ends_open(con, path, csv):
        parsed.left_open.add(path)
    parsed.blamed |= misfits(con)
    is_doubtful = way.is_turned or may_be_lost(con)
    lines, refused = structural(con, path, csv, DETAILS if is_doubtful else details)
    count, is_bad = rows + bad + len(lines), bad + len(lines) > 0
    if is_doubtful or (is_bad and way.each_line) or not way.tells(count, path, csv):
        refused = expect_all(path, csv, count=count, told=refused, way=way, ahead=ahead)
    else:
        refused = [one.bare() for one in refused]
    if count == 0:
        parsed.empty.add(path)
    parsed.rejected += bad + len(lines)
    refused = refused[:details] + marked_rows(path, csv, marked, set(lines), parsed.columns)
    parsed.refused += sorted(refused, key=lambda one: one.line)


def _query(columns: Sequence[Column], path: str, names: Sequence[str], csv: Csv, *, in_pieces: bool) -> str:
    by_name = {column.name: column for column in columns}
    own = [by_name[name] for name in names]
    outputs = ", ".join(
        identifier(column.name)
        if column.name in names
        else f"NULL::{parquet_type(column)} AS {identifier(column.name)}"
        for column in columns
    )
    rows = checked_select(path=path, csv=csv, columns=own, in_pieces=in_pieces)
    return f"SELECT {outputs}, {BAD} FROM ({rows})"


@dataclass(frozen=True, kw_only=True)
class _Source:
    """``each_line`` of ``path`` was to be a row. ``size``: rows of a batch."""

    con: Any
    query: str
    path: str
    each_line: bool
    size: int


def _batch_rows(path: str, *, columns: int, lines: int | None) -> int:
    """Few where a row has many lines: nobody knows how long they are."""
    by_length = 0 if lines is None else _BYTES * lines // max(os.path.getsize(path), 1)
    return max(_LEAST, min(_ROWS, _VALUES // columns, by_length))


def _stream(
    source: _Source, parsed: Parsed, groups: Groups, *, marked: list[tuple[int, str]], details: int
) -> tuple[int, int]:
    """Copy the good rows; note the ordinals of the marked ones. Returns how many of each.

    Raises PlaceLost where a value has several lines, and each was to be a row: a quote in a value that has none about
    it was taken for one of a pair. (A value of another type than text that has several makes a bad row.)
    """
    progress, good, bad = Progress(), 0, 0
    for batch in source.con.sql(source.query).to_arrow_reader(source.size):
        if source.each_line and spans_in(batch):
            raise PlaceLost(source.path)
        marks = batch.column(batch.num_columns - 1)
        rows = batch.select(range(batch.num_columns - 1))
        if marks.null_count != batch.num_rows:
            _note(marks, good + bad, marked, parsed, details)
            bad += batch.num_rows - marks.null_count
            rows = rows.filter(marks.is_null())
        good += rows.num_rows
        groups.add(rows)
        progress.say("Reading: %s rows so far.", f"{parsed.rows + good:,}")
    groups.flush()
    return good, bad


def _note(marks: Any, offset: int, marked: list[tuple[int, str]], parsed: Parsed, details: int) -> None:
    inferred = {column.name for column in parsed.columns if column.inferred}
    for index, name in enumerate(marks.to_pylist()):
        if name is None:
            continue
        if name in inferred:
            raise NotAsInferred(name)
        parsed.blamed.add(name)
        if len(marked) < details:
            marked.append((offset + index, name))
