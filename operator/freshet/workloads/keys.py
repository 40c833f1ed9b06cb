"""Primary keys of one load: none may be null, none may come twice (unless the last one wins)."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from freshet.workloads.bad_rows import Refused
from freshet.workloads.errors import DataRefused, Sample
from freshet.workloads.lines import lines_of_rows
from freshet.workloads.parse import DETAILS, Parsed
from freshet.workloads.spec import Csv
from freshet.workloads.sql import identifier, literal
from freshet.workloads.without import write_without

__all__ = ["check_keys", "keep_last", "set_aside"]

_SHOWN = 3
_ROW, _ROWS, _LAST = "_freshet_row", "_freshet_rows", "_freshet_last"
"""What counts the rows of a load from 0, those of a key, and its last: no column of a CSV is called so (``snake``)."""


def check_keys(con: Any, *, parsed: Parsed, key: Sequence[str], csv: Csv, keep: bool) -> int:
    """How many rows repeat an earlier key; above 0 only with ``keep``. Raises DataRefused, naming the columns
    and first lines.
    """
    names = ", ".join(map(identifier, key))
    source = _numbered(parsed)
    _no_nulls(con, parsed=parsed, key=key, csv=csv, source=source)
    groups = f"SELECT {names} FROM {source} GROUP BY ALL HAVING count(*) > 1"
    extra = con.execute(
        f"SELECT coalesce(sum({_ROWS} - 1), 0)::BIGINT FROM (SELECT count(*) AS {_ROWS} FROM {source} GROUP BY {names}"
        " HAVING count(*) > 1)"
    ).fetchone()[0]
    if not extra or keep:
        return int(extra)
    query = f"SELECT {_ROW} FROM {source} SEMI JOIN ({groups}) USING ({names}) ORDER BY 1 LIMIT {_SHOWN}"
    samples = _samples(
        parsed, csv, [row[0] for row in con.execute(query).fetchall()], ", ".join(key), "the key comes more than once"
    )
    lines = ", ".join(str(sample.line) for sample in samples)
    where = f", first seen in lines {lines}" if lines else ""
    raise DataRefused(
        "DuplicateKeys",
        f"{extra:,} rows repeat the primary key ({', '.join(key)}) of another row of this load{where}:"
        " mend the export, the key, or set write.onDuplicateKey to keepLast or quarantine.",
        samples=samples,
        rows_in=parsed.rows + parsed.rejected,
    )


def _numbered(parsed: Parsed) -> str:
    """The rows, and ``_ROW``. A column of the file's that is called as DuckDB's own counter hides that."""
    path = literal(str(parsed.path))
    if all(column.name.lower() != "file_row_number" for column in parsed.columns):
        return f"(SELECT *, file_row_number AS {_ROW} FROM read_parquet({path}, file_row_number=true))"
    return f"(FROM read_parquet({path}) POSITIONAL JOIN (SELECT range AS {_ROW} FROM range({parsed.rows})))"


def _no_nulls(con: Any, *, parsed: Parsed, key: Sequence[str], csv: Csv, source: str) -> None:
    condition = " OR ".join(f"{identifier(name)} IS NULL" for name in key)
    total, first = con.execute(f"SELECT count(*), min({_ROW}) FROM {source} WHERE {condition}").fetchone()
    if not total:
        return
    samples = _samples(parsed, csv, [first], ", ".join(key), "the key is empty")
    where = f", first in line {samples[0].line}" if samples else ""
    raise DataRefused(
        "KeyMissing",
        f"{total:,} rows have no value in the primary key ({', '.join(key)}){where}: "
        "mend the export or write.primaryKey.",
        samples=samples,
        rows_in=parsed.rows + parsed.rejected,
    )


def _samples(parsed: Parsed, csv: Csv, rows: Sequence[int], column: str, reason: str) -> list[Sample]:
    """None where rows before them were left out of which nobody knows any more where they stood."""
    found: list[Sample] = []
    if len(parsed.refused) < parsed.rejected:
        return found
    for row in rows:
        path, own = _own_row(parsed, row)
        lines = _lines(parsed, csv, path, [own])
        found.append(Sample(line=lines.get(own, (0, ""))[0], column=column, reason=reason))
    return found


def _lines(parsed: Parsed, csv: Csv, path: str, rows: Sequence[int]) -> dict[int, tuple[int, str]]:
    """Good row of ``path``, counted from 0 → line in its file, and text."""
    ahead = parsed.ahead[path]
    refused = {one.line - ahead for one in parsed.refused if one.path == path}
    found = lines_of_rows(path, csv, rows, skipped=refused)
    return {row: (line + ahead, text) for row, (line, text) in found.items()}


def _own_row(parsed: Parsed, row: int) -> tuple[str, int]:
    for path, count in parsed.counts.items():
        if row < count:
            return path, row
        row -= count
    raise IndexError(row)


def keep_last(con: Any, *, parsed: Parsed, key: Sequence[str], folder: Path) -> Path:
    """A parquet file with the last row of each key, in the input's order."""
    names, target, source = ", ".join(map(identifier, key)), folder / "unique.parquet", _numbered(parsed)
    last = f"SELECT {names}, max({_ROW}) AS {_LAST} FROM {source} GROUP BY {names} HAVING count(*) > 1"
    query = (
        f"SELECT {_ROW} FROM (SELECT {names}, {_ROW} FROM {source}) JOIN ({last}) USING ({names})"
        f" WHERE {_ROW} < {_LAST} ORDER BY 1"
    )
    losing = con.cursor().sql(query).to_arrow_reader()
    write_without(_numbers(losing), source=parsed.path, target=target)
    return target


def _numbers(rows: Any) -> Iterator[int]:
    """However many they are: a batch at a time."""
    for batch in rows:
        yield from batch.column(0).to_pylist()


def set_aside(con: Any, *, parsed: Parsed, key: Sequence[str], csv: Csv, folder: Path) -> Path:
    """A parquet file without any row of a key that comes twice; those are noted in ``parsed``.

    Raises DataRefused where there are more of them than can be told one by one.
    """
    names, target = ", ".join(map(identifier, key)), folder / "unique.parquet"
    source = _numbered(parsed)
    twice = f"SELECT {names} FROM {source} GROUP BY ALL HAVING count(*) > 1"
    query = (
        f"SELECT {_ROW} FROM (SELECT {names}, {_ROW} FROM {source}) SEMI JOIN ({twice}) USING ({names})"
        f" ORDER BY 1 LIMIT {DETAILS + 1}"
    )
    rows = [row[0] for row in con.execute(query).fetchall()]
    if len(rows) + parsed.rejected > DETAILS:
        raise DataRefused(
            "TooManyBadRows",
            f"More than {DETAILS:,} rows are bad or share their primary key ({', '.join(key)}) with another row of this"
            " load: too many to be set aside, so nothing was loaded; mend the export or the key.",
            rows_in=parsed.rows + parsed.rejected,
        )
    _note_doubled(parsed, rows, key=", ".join(key), csv=csv)
    write_without(rows, source=parsed.path, target=target)
    return target


def _note_doubled(parsed: Parsed, rows: Sequence[int], *, key: str, csv: Csv) -> None:
    """One pass over each file that has some."""
    own: dict[str, list[int]] = {}
    for row in rows:
        path, number = _own_row(parsed, row)
        own.setdefault(path, []).append(number)
    for path, numbers in own.items():
        found = _lines(parsed, csv, path, numbers)
        for number in numbers:
            line, raw = found.get(number, (0, ""))
            reason = "the key comes more than once"
            parsed.doubled.append(Refused(path=path, line=line, column=key, reason=reason, raw=raw))
    for path, numbers in own.items():
        parsed.counts[path] -= len(numbers)
