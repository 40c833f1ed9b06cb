"""From files to rows that may be loaded: columns are settled, the files parsed, bad rows and keys judged."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from freshet.workloads.changed_types import expect_same_types
from freshet.workloads.columns import Column, column_types, expect_same_columns
from freshet.workloads.csvsql import TYPES
from freshet.workloads.engine import canonical_types, engine, expect_formats, forget_rejects
from freshet.workloads.errors import ConfigError, DataRefused
from freshet.workloads.growth import Part
from freshet.workloads.header import read_header
from freshet.workloads.infer import Files, infer_all
from freshet.workloads.judged import FEW, judge, judge_doubled
from freshet.workloads.keys import check_keys, keep_last, set_aside
from freshet.workloads.log import LOG
from freshet.workloads.names import aligned, declared_types, expect_key_held, resolve_key, table_names
from freshet.workloads.overflow import within_memory
from freshet.workloads.parse import DETAILS, NotAsInferred, Parsed, parse
from freshet.workloads.row_ends import counted
from freshet.workloads.shortened import short_name, shortened
from freshet.workloads.spec import IngestSpec
from freshet.workloads.threads import bound_threads
from freshet.workloads.unreadable import judging
from freshet.workloads.unwritten import expect_none_meant
from freshet.workloads.warehouse import TableState

__all__ = ["Ready", "prepare"]


@dataclass(frozen=True, kw_only=True)
class Ready:
    """``path`` holds ``rows`` rows for the warehouse; ``parsed`` tells what was read to get there."""

    path: Path
    rows: int
    key: tuple[str, ...]
    parsed: Parsed


def prepare(
    *,
    spec: IngestSpec,
    state: TableState,
    parts: Sequence[Part],
    folder: Path,
    stored: Callable[[str], str] = str,
) -> Ready:
    """Parse ``parts`` into a parquet file in ``folder``. Raises WorkloadError with a sentence.

    ``stored``: as what the warehouse holds a declared type.
    """
    con = engine(folder)
    declares_all = True
    spec = shortened(spec, named=state.named)
    try:
        files, table = _named(spec, state, parts)
        columns = _columns(files, table or ())
        bound_threads(con, columns=len(columns))
        key = _key(spec, state, columns, table)
        if spec.on_schema_change == "fail" and table is not None:
            for path, names in files.items():
                expect_same_columns(names, table=table, where=path)
        types = canonical_types(con, spec.csv.schema)
        declared = declared_types(spec.csv.schema, canonical=types, columns=(*columns, *(table or ())))
        declares_all = all(column.name in declared for column in columns)
        ahead = {part.path: part.ahead for part in parts}
        with within_memory(con, files=files, csv=spec.csv, folder=folder, ahead=ahead):
            parsed = _parse(con, spec, table, declared, files, folder, stored, ahead)
        grown = {part.path for part in parts if part.grown}
        expect_same_types(con, spec=spec, files=files, parsed=parsed, grown=grown)
        judge(spec, parsed, grown=bool(grown), fed=spec.write.disposition == "append" and bool(state.taken))
        with judging(spec.csv.path):
            return _keyed(con, spec, parsed, key, folder)
    except DataRefused as error:
        error.of_table = _typed_by_table(spec, state, declares_all=declares_all)
        raise
    finally:
        con.close()


def _typed_by_table(spec: IngestSpec, state: TableState, *, declares_all: bool) -> bool:
    """Whether rows are bad that another table, or none, might take; ``append`` to none would take all files."""
    if state.columns is not None and spec.write.disposition == "append":
        return True
    return (state.columns is not None or spec.write.adopt) and not declares_all


def _named(
    spec: IngestSpec, state: TableState, parts: Sequence[Part]
) -> tuple[dict[str, tuple[str, ...]], tuple[Column, ...] | None]:
    """The names in each file (by its path), and the table's columns under these."""
    headers = {part.path: _header(spec, state, part) for part in parts}
    files = {part.path: table_names(headers[part.path], where=part.header) for part in parts}
    if state.columns is None:
        return files, None
    table = aligned(state.columns, names=dict.fromkeys(name for header in headers.values() for name in header))
    expect_none_meant(headers, table=table, unwritten=state.unwritten)
    return files, table


def _header(spec: IngestSpec, state: TableState, part: Part) -> list[str]:
    names = part.names or read_header(part.header, spec.csv)
    return [short_name(name, named=state.named) for name in names]


def _columns(files: Files, table: Sequence[Column]) -> tuple[Column, ...]:
    """Those of all files; of what is not in the table the type is not known yet."""
    held = {column.name: column for column in table}
    names = dict.fromkeys(name for own in files.values() for name in own)
    return tuple(held.get(name, Column(name=name, type="")) for name in names)


def _key(
    spec: IngestSpec, state: TableState, columns: Sequence[Column], table: Sequence[Column] | None
) -> tuple[str, ...]:
    given = spec.write.primary_key
    key = resolve_key(given, columns=columns, where=spec.csv.path)
    if spec.write.disposition == "merge" and table is not None and state.rows:
        expect_key_held(key, given=given, table=table, where=spec.csv.path)
    return key


def _parse(
    con: Any,
    spec: IngestSpec,
    table: Sequence[Column] | None,
    declared: Mapping[str, str],
    files: Files,
    folder: Path,
    stored: Callable[[str], str],
    ahead: Mapping[str, int],
) -> Parsed:
    all_told = "quarantine" in (spec.on_bad_rows, spec.write.on_duplicate_key)
    details = DETAILS if all_told else FEW
    expect_formats(con, spec.csv)
    lines = counted(files, spec.csv, ahead=ahead)
    names = [column.name for column in _columns(files, table or ())]
    held = {column.name for column in table or ()}
    unknown = [name for name in names if name not in declared and name not in held]
    inferred = infer_all(con, files=files, csv=spec.csv, wanted=unknown)
    while True:
        columns = column_types(
            names=names,
            declared=declared,
            table=table,
            inferred=inferred,
            replaces=spec.write.disposition == "replace",
            strict=spec.on_schema_change == "fail",
            where=spec.csv.path,
            stored=stored,
        )
        _expect_fillable(columns)
        try:
            return parse(
                con,
                files=files,
                columns=columns,
                csv=spec.csv,
                folder=folder,
                details=details,
                ahead=ahead,
                lines=lines,
            )
        except NotAsInferred as error:
            LOG.info("Column %s is not what its first rows suggest: looking at all rows.", error)
            inferred = _corrected(con, spec, files, inferred, str(error))


def _expect_fillable(columns: Sequence[Column]) -> None:
    """A table that freshet did not make may hold what no CSV field can become."""
    for column in columns:
        if column.type.partition("(")[0] not in TYPES:
            raise ConfigError(
                "SchemaConflict",
                f"Column {column.name} of the table is {column.type}, which no CSV can fill: take it out of the file, "
                "or load into another table.",
            )


def _corrected(con: Any, spec: IngestSpec, files: Files, inferred: Mapping[str, str], name: str) -> dict[str, str]:
    """The types with that of ``name`` from all rows; text where the files' types merge to one that loses something."""
    forget_rejects(con)
    again = infer_all(con, files=files, csv=spec.csv, wanted=[name], whole=True)
    return {**inferred, name: again[name] if again[name] != inferred[name] else "VARCHAR"}


def _keyed(con: Any, spec: IngestSpec, parsed: Parsed, key: tuple[str, ...], folder: Path) -> Ready:
    if not key:
        return Ready(path=parsed.path, rows=parsed.rows, key=(), parsed=parsed)
    extra = check_keys(con, parsed=parsed, key=key, csv=spec.csv, keep=spec.write.on_duplicate_key != "fail")
    if extra and spec.write.on_duplicate_key == "quarantine":
        path = set_aside(con, parsed=parsed, key=key, csv=spec.csv, folder=folder)
        judge_doubled(spec, parsed)
        return Ready(path=path, rows=parsed.rows, key=key, parsed=parsed)
    path = keep_last(con, parsed=parsed, key=key, folder=folder) if extra else parsed.path
    return Ready(path=path, rows=parsed.rows - extra, key=key, parsed=parsed)
