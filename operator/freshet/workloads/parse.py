"""CSV → one parquet file, in constant memory: DuckDB parses, Arrow record batches stream through, no value
becomes a Python object.
"""

import os
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from freshet.workloads.columns import Column
from freshet.workloads.csvsql import BAD, TYPES, checked_select, parquet_type
from freshet.workloads.errors import ConfigError, DataRefused, InputError, Sample, Unavailable
from freshet.workloads.header import open_bytes
from freshet.workloads.lines import last_text, lines_of_bytes, lines_of_rows
from freshet.workloads.log import Progress
from freshet.workloads.spec import Csv
from freshet.workloads.sql import identifier

__all__ = [
    "DETAILS",
    "NotAsInferred",
    "Parsed",
    "Refused",
    "canonical_types",
    "engine",
    "forget_rejects",
    "parse",
    "unreadable",
]

DETAILS = 10_000
"""So many refused rows are described one by one; the others are only counted."""

_BATCH = 122_880
_REASONS = {
    "CAST": "the value does not fit the column's type",
    "MISSING COLUMNS": "too few columns",
    "TOO MANY COLUMNS": "too many columns",
    "UNQUOTED VALUE": "a quote is never closed, or text follows it",
    "LINE SIZE OVER MAXIMUM": "the line is longer than 2 MB",
    "INVALID ENCODING": "not valid in the file's encoding",
    "INVALID STATE": "not valid CSV",
}


class NotAsInferred(Exception):
    """A value beyond the first rows does not fit what they suggested."""


@dataclass(frozen=True, kw_only=True)
class Refused:
    """A row that was set aside. ``raw`` is its text, for the quarantine table only."""

    path: str
    line: int
    column: str | None
    reason: str
    raw: str

    def sample(self) -> Sample:
        return Sample(line=self.line, column=self.column, reason=self.reason)


@dataclass(kw_only=True)
class Parsed:
    """What came out: ``path`` is the parquet file, ``counts`` the accepted rows per input file, in order."""

    path: Path
    columns: tuple[Column, ...]
    counts: dict[str, int] = field(default_factory=dict)
    rejected: int = 0
    refused: list[Refused] = field(default_factory=list)
    skipped: dict[str, set[int]] = field(default_factory=dict)
    doubled: list[Refused] = field(default_factory=list)
    """Good rows that were set aside for a key that comes more than once."""
    blamed: set[str] = field(default_factory=set)
    """All columns for which a row was refused."""
    left_open: set[str] = field(default_factory=set)
    """Files whose last row ends within quotes."""

    @property
    def rows(self) -> int:
        return sum(self.counts.values())


def engine(folder: Path) -> Any:
    """An in-memory DuckDB for parsing.

    ``FRESHET_PARSE_MEMORY`` (default 256MB) bounds what it holds; it spills into ``folder``.
    """
    import duckdb

    memory = os.environ.get("FRESHET_PARSE_MEMORY", "256MB")
    con = duckdb.connect(config={"memory_limit": memory, "temp_directory": str(folder / "spill")})
    con.execute("SET TimeZone = 'UTC'")
    return con


def canonical_types(con: Any, schema: Mapping[str, str] | None) -> dict[str, str]:
    """DuckDB's spelling of each declared type. Raises ConfigError for what is no type of a column."""
    return {kind: _canonical(con, name, kind) for name, kind in (schema or {}).items()}


def _canonical(con: Any, name: str, kind: str) -> str:
    import duckdb

    found = ""
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9_ ]*(\(\s*\d+\s*(,\s*\d+\s*)?\))?", kind.strip()):
        try:
            found = str(con.execute(f"SELECT typeof(NULL::{kind})").fetchone()[0])
        except duckdb.Error:
            found = ""
    if found.partition("(")[0] not in TYPES:
        raise ConfigError(
            "TypeUnknown",
            f"csv.schema gives column {name} the type {kind!r}, which is none: use one of {', '.join(TYPES)}.",
        )
    return found


def forget_rejects(con: Any) -> None:
    """DuckDB gathers refused rows over all reads of a connection."""
    con.execute("DROP TABLE IF EXISTS reject_errors; DROP TABLE IF EXISTS reject_scans")


def parse(
    con: Any,
    *,
    files: Mapping[str, Sequence[str]],
    columns: Sequence[Column],
    csv: Csv,
    folder: Path,
    ahead: Mapping[str, int],
    details: int = DETAILS,
) -> Parsed:
    """Read ``files`` (path → its column names in order) into one parquet file with ``columns``.

    ``ahead``: path → how many lines come before its first, which are counted too.

    Raises NotAsInferred, and DataRefused or InputError where DuckDB gives up on a file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    parsed = Parsed(path=folder / "rows.parquet", columns=tuple(columns))
    head = ", ".join(f"NULL::{parquet_type(column)} AS {identifier(column.name)}" for column in columns)
    schema: pa.Schema = con.sql(f"SELECT {head} LIMIT 0").to_arrow_reader().schema
    with pq.ParquetWriter(
        parsed.path, schema, compression="lz4", use_dictionary=False, write_statistics=False
    ) as writer:
        for path, names in files.items():
            _parse_file(con, parsed, writer, path=path, names=names, csv=csv, details=details, ahead=ahead[path])
    parsed.refused = [replace(one, line=one.line + ahead[one.path]) for one in parsed.refused]
    return parsed


def _parse_file(
    con: Any, parsed: Parsed, writer: Any, *, path: str, names: Sequence[str], csv: Csv, details: int, ahead: int
) -> None:
    import duckdb

    marked: list[tuple[int, str]] = []
    try:
        rows, bad = _stream(
            con, parsed, writer, query=_query(parsed.columns, path, names, csv), marked=marked, details=details
        )
    except (duckdb.Error, OSError) as error:
        raise unreadable(path, csv, error, ahead=ahead) from error
    parsed.counts[path] = rows
    if _left_open(con, path, csv):
        parsed.left_open.add(path)
    parsed.blamed |= _misfits(con)
    structural = _structural(con, path, csv, details)
    lines = {one.line for one in structural[1]}
    parsed.skipped[path] = lines
    parsed.rejected += bad + structural[0]
    parsed.refused += sorted(
        [*structural[1], *_marked(path, csv, marked, lines, parsed.columns)], key=lambda one: one.line
    )


def _query(columns: Sequence[Column], path: str, names: Sequence[str], csv: Csv) -> str:
    by_name = {column.name: column for column in columns}
    own = [by_name[name] for name in names]
    outputs = ", ".join(
        identifier(column.name)
        if column.name in names
        else f"NULL::{parquet_type(column)} AS {identifier(column.name)}"
        for column in columns
    )
    return f"SELECT {outputs}, {BAD} FROM ({checked_select(path=path, csv=csv, columns=own)})"


def _stream(
    con: Any, parsed: Parsed, writer: Any, *, query: str, marked: list[tuple[int, str]], details: int
) -> tuple[int, int]:
    """Copy the good rows; note the ordinals of the marked ones. Returns how many of each."""
    progress, good, bad = Progress(), 0, 0
    for batch in con.sql(query).to_arrow_reader(_BATCH):
        marks = batch.column(batch.num_columns - 1)
        rows = batch.select(range(batch.num_columns - 1))
        if marks.null_count != batch.num_rows:
            _note(marks, good + bad, marked, parsed, details)
            bad += batch.num_rows - marks.null_count
            rows = rows.filter(marks.is_null())
        good += rows.num_rows
        writer.write_batch(rows)
        progress.say("Reading: %s rows so far.", f"{parsed.rows + good:,}")
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


_WHOLE_TEXT = 10_000
"""DuckDB shows this many characters of a refused row, and the line end of one only where it lies within quotes."""


def _left_open(con: Any, path: str, csv: Csv) -> bool:
    """Whether the file ends within the quotes of a refused row, so that what may be appended belongs to that row."""
    found = con.execute(
        "SELECT arg_max(csv_line, line_byte_position) FROM reject_errors"
        " WHERE error_type IN ('UNQUOTED VALUE', 'LINE SIZE OVER MAXIMUM', 'INVALID STATE')"
    ).fetchone()
    raw = found and found[0]
    if not raw:
        return False
    return len(raw) >= _WHOLE_TEXT or raw.endswith(("\n", "\r")) or last_text(path, csv, len(raw)) == raw


def _misfits(con: Any) -> set[str]:
    """Columns of which the reader itself refused a value; that a row is too short says nothing of its columns."""
    found = con.execute("SELECT DISTINCT column_name FROM reject_errors WHERE error_type = 'CAST'").fetchall()
    return {name for (name,) in found if name}


def _structural(con: Any, path: str, csv: Csv, details: int) -> tuple[int, list[Refused]]:
    """What the reader itself refused: how many rows, and the first of them."""
    total = con.execute("SELECT count(DISTINCT line_byte_position) FROM reject_errors").fetchone()[0]
    found: list[Any] = []
    if total:
        found = con.execute(
            "SELECT line_byte_position, arg_min(column_name, byte_position), arg_max(error_type::VARCHAR, "
            "error_type = 'INVALID ENCODING'),"
            " any_value(csv_line) FROM reject_errors GROUP BY 1 ORDER BY 1 LIMIT ?",
            [details],
        ).fetchall()
    forget_rejects(con)
    lines = lines_of_bytes(path, csv, [row[0] - 1 for row in found])
    return total, [
        Refused(
            path=path, line=lines[at - 1], column=column, reason=_REASONS.get(kind, "not valid CSV"), raw=_bare(raw)
        )
        for at, column, kind, raw in found
    ]


def _bare(raw: str | None) -> str:
    """DuckDB shows the line ends before a row with it."""
    return (raw or "").lstrip("\r\n")


def _marked(
    path: str, csv: Csv, marked: Sequence[tuple[int, str]], skipped: set[int], columns: Sequence[Column]
) -> list[Refused]:
    if not marked:
        return []
    kinds = {column.name: column.type for column in columns}
    lines = lines_of_rows(path, csv, [row for row, _ in marked], skipped=skipped)
    return [
        Refused(
            path=path,
            line=lines[row][0],
            column=name,
            reason=f"the value does not fit {kinds[name]}",
            raw=lines[row][1],
        )
        for row, name in marked
        if row in lines
    ]


def _unpacks(path: str, csv: Csv) -> bool:
    """Whether the file, read once more by other means, unpacks; also where nobody can tell, since it is not read."""
    try:
        with open_bytes(path, csv.compression) as source:
            while source.read(1 << 20):
                pass
    except (OSError, EOFError, ValueError, zlib.error) as error:
        return isinstance(error, OSError) and error.errno is not None
    return True


def unreadable(path: str, csv: Csv, error: Exception, *, ahead: int = 0) -> Exception:
    """DuckDB's message may quote values: only the number of the line is taken from it.

    A volume that fails is none of the file's doing: so it is told from a file that does not unpack.
    """
    import duckdb

    text = str(error).replace(path, "")
    line = re.search(r"\bLine: (\d+)", text)
    where = f" near line {int(line[1]) + ahead}" if line else ""
    if "out of memory" in text.lower() or "no space left" in text.lower():
        return InputError(
            "TooLittleSpace",
            f"Reading {path} ran out of memory or of space in {os.environ.get('TMPDIR', '/tmp')}: give the pod more.",
        )
    if "encod" in text or "utf" in text.lower():
        return DataRefused(
            "BadEncoding", f"The file {path} is not {csv.encoding}{where}: set csv.encoding or mend the export."
        )
    if "state machine" in text:
        return DataRefused(
            "BadCsv", f"The file {path} is not valid CSV{where} (mixed line ends or broken quotes): mend the export."
        )
    if isinstance(error, duckdb.IOException | OSError) and _unpacks(path, csv):
        return Unavailable(
            "SourceUnavailable",
            f"Reading {path} failed{where} ({type(error).__name__}): it is tried again; see the volume if that stays.",
        )
    return DataRefused(
        "FileUnreadable",
        f"The file {path} cannot be read as CSV{where} ({type(error).__name__}): see csv.compression, csv.delimiter"
        " and csv.quote, and whether the file is whole.",
    )
