"""Any dialect, any content: what is parsed is what Python's csv module reads, and no row goes missing."""

import csv as csvlib
import io
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from freshet.workloads.growth import Part
from freshet.workloads.inputs import InputFile
from freshet.workloads.parse import Parsed
from freshet.workloads.prepare import prepare
from freshet.workloads.spec import IngestSpec
from freshet.workloads.warehouse import TableState

CALM = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
EMPTY = TableState(columns=None, level=None, rows=0)
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0\ufeff\r", exclude_categories=("Cs",)), max_size=8)


def parsed_by_freshet(
    folder: Path, content: str, *, csv: dict[str, Any], **more: Any
) -> tuple[Parsed, list[tuple[Any, ...]]]:
    path = folder / "in.csv"
    path.write_bytes(content.encode())
    spec = {"warehouse": {"duckdb": {"path": "-"}}, "table": "t", "csv": {"path": str(path), **csv}, **more}
    part = Part(path=str(path), header=str(path), file=InputFile(path=str(path), sha256="", size=0))
    ready = prepare(spec=msgspec.convert(spec, IngestSpec), state=EMPTY, parts=[part], folder=folder)
    table = pq.read_table(ready.path)
    return ready.parsed, list(zip(*(column.to_pylist() for column in table.columns), strict=True))


@CALM
@given(
    rows=st.lists(st.tuples(TEXT, TEXT, TEXT), min_size=1, max_size=12),
    delimiter=st.sampled_from(",;|\t"),
    quote=st.sampled_from("\"'"),
    quoting=st.sampled_from([csvlib.QUOTE_MINIMAL, csvlib.QUOTE_ALL]),
    newline=st.sampled_from(["\n", "\r\n"]),
)
def test_text_survives_every_dialect(
    rows: list[tuple[str, ...]], delimiter: str, quote: str, quoting: Any, newline: str
) -> None:
    stream = io.StringIO()
    writer = csvlib.writer(stream, delimiter=delimiter, quotechar=quote, quoting=quoting, lineterminator=newline)
    writer.writerows([("a", "b", "c"), *rows])
    oracle = csvlib.reader(io.StringIO(stream.getvalue(), newline=""), delimiter=delimiter, quotechar=quote)
    expected = [tuple(field or None for field in record) for record in oracle if record][1:]
    schema = dict.fromkeys("abc", "VARCHAR")
    with TemporaryDirectory() as folder:
        options = {"delimiter": delimiter, "quote": quote, "schema": schema}
        _, found = parsed_by_freshet(Path(folder), stream.getvalue(), csv=options)
    assert found == expected


FIELD = st.one_of(
    st.integers(-(10**6), 10**6).map(str),
    st.sampled_from(
        ["", "1.5", "x", "007", "1e3", " 4", "4 ", "+4", "-0", "1_0", "0x1F", "99999999999999999999", "4.0"]
    ),
)


@CALM
@given(rows=st.lists(st.lists(FIELD, min_size=1, max_size=4), min_size=1, max_size=30))
def test_good_rows_are_loaded_and_bad_ones_are_named_with_their_line(rows: list[list[str]]) -> None:
    content = "id,n\n0,0\n" + "".join(",".join(row) + "\n" for row in rows)
    good, bad = [(0, "0")], []
    for line, row in enumerate(rows, start=3):
        if row == [""]:
            continue
        number = _whole(row[0])
        if len(row) == 2 and number is not False:
            good.append((number, row[1] or None))
        elif any(row[2:]) or len(row) == 1 or number is False:
            bad.append(line)
        else:
            good.append((number, row[1] or None))
    with TemporaryDirectory() as folder:
        options = {"schema": {"id": "BIGINT", "n": "VARCHAR"}}
        parsed, found = parsed_by_freshet(Path(folder), content, csv=options, onBadRows="drop")
    assert found == good
    assert [one.line for one in parsed.refused] == bad
    assert parsed.rejected == len(bad)


def _whole(text: str) -> int | bool | None:
    """The integer that ``text`` is without any loss, None for no value, False for anything else."""
    stripped = text.strip()
    if not text:
        return None
    body = stripped[:-2] if stripped.endswith(".0") else stripped
    digits = body.lstrip("+-") if body[:1] in "+-" else body
    if not digits.isdecimal() or abs(int(body)) > 2**63 - 1:
        return False
    return int(body)


WORDS = st.lists(st.sampled_from(["a", "b", " ", "\n", "'", '"', ",", ";", "é", "1"]), max_size=6).map("".join)
ROWS = st.one_of(
    st.tuples(st.just("good"), st.tuples(st.integers(0, 999).map(str), WORDS, WORDS)),
    st.tuples(st.just("id"), st.tuples(st.sampled_from(["x", "1.5", "1\n2", '"']), WORDS, WORDS)),
    st.tuples(st.just("few"), st.tuples(st.integers(0, 999).map(str), WORDS.map("w".__add__))),
    st.tuples(st.just("many"), st.tuples(st.integers(0, 999).map(str), WORDS, WORDS, WORDS.map("w".__add__))),
)
WHY = {
    "id": ("id", "the value does not fit BIGINT"),
    "few": ("c", "too few columns"),
    "many": (None, "too many columns"),
}


@CALM
@given(
    rows=st.lists(ROWS, min_size=1, max_size=15),
    delimiter=st.sampled_from(",;|\t"),
    quote=st.sampled_from("\"'"),
    quoting=st.sampled_from([csvlib.QUOTE_MINIMAL, csvlib.QUOTE_ALL]),
    newline=st.sampled_from(["\n", "\r\n"]),
    blanks=st.integers(0, 3),
)
def test_each_bad_row_is_told_with_its_line_column_reason_and_text(
    rows: list[tuple[str, tuple[str, ...]]], delimiter: str, quote: str, quoting: Any, newline: str, blanks: int
) -> None:
    """Wherever quotes, delimiters and line ends stand within fields, before it and in it."""
    texts = [_written(("id", "b", "c"), delimiter, quote, quoting, newline)]
    texts += [_written(row, delimiter, quote, quoting, newline) for row in [("0", "", "z"), *(row for _, row in rows)]]
    content = newline * blanks + "".join(texts)
    reader = csvlib.reader(io.StringIO(content, newline=""), delimiter=delimiter, quotechar=quote)
    for _ in range(blanks):
        next(reader)
    starts, records = [], []
    for _ in texts:
        starts.append(reader.line_num + 1)
        records.append(next(reader))
    kinds = ["good", "good", *(kind for kind, _ in rows)]
    bad = [
        (start, *WHY[kind], text.removesuffix(newline))
        for start, kind, text in zip(starts, kinds, texts, strict=True)
        if kind != "good"
    ]
    good = [
        (int(record[0]), *(field or None for field in record[1:]))
        for record, kind in zip(records[1:], kinds[1:], strict=True)
        if kind == "good"
    ]
    with TemporaryDirectory() as folder:
        options = {
            "delimiter": delimiter,
            "quote": quote,
            "schema": {"id": "BIGINT", "b": "VARCHAR", "c": "VARCHAR"},
        }
        parsed, found = parsed_by_freshet(Path(folder), content, csv=options, onBadRows="quarantine")
    assert found == good
    assert [(one.line, one.column, one.reason, one.raw) for one in parsed.refused] == bad
    assert parsed.rejected == len(bad)


SAID = st.lists(st.sampled_from(["a", " ", "\n", "\\", "'", '"', ",", ";", "\\\n", "1"]), max_size=6).map("".join)


@CALM
@given(
    rows=st.lists(st.tuples(st.sampled_from(["1", "x", "22"]), SAID, SAID), min_size=1, max_size=15),
    delimiter=st.sampled_from(",;|\t"),
    quote=st.sampled_from(["'", '"', ""]),
    escape=st.sampled_from([None, "\\"]),
    space=st.sampled_from(["", " "]),
    newline=st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_a_bad_row_is_not_taken_for_another_in_any_dialect(
    rows: list[tuple[str, str, str]], delimiter: str, quote: str, escape: str | None, space: str, newline: str
) -> None:
    """Also where Python's csv module parts rows otherwise: an escape outside of quotes, a space before them."""
    escape = escape if quote else None

    def field(text: str) -> str:
        text = text.replace("\n", newline if quote else "")
        if not quote:
            return text.replace(delimiter, "")
        if not any(mark in text for mark in (delimiter, quote, "\n", "\r")):
            return text
        plain = text.replace(escape, escape * 2) if escape else text
        return space + quote + plain.replace(quote, (escape or quote) + quote) + quote

    texts = [delimiter.join([first, *map(field, rest), "z"]) for first, *rest in rows]
    content = newline.join([delimiter.join("abcd"), *texts, delimiter.join("0000"), ""])
    lines = [content[: content.index(newline) + len(newline)]]
    starts = []
    for text in texts:
        starts.append(1 + _line_ends("".join(lines)))
        lines.append(text + newline)
    bad = [(start, text) for start, text in zip(starts, texts, strict=True) if text.startswith("x")]
    with TemporaryDirectory() as folder:
        schema = {"a": "BIGINT", "b": "VARCHAR", "c": "VARCHAR", "d": "VARCHAR"}
        options = {"delimiter": delimiter, "quote": quote, "escape": escape, "schema": schema}
        parsed, found = parsed_by_freshet(Path(folder), content, csv=options, onBadRows="quarantine")
    assert [(one.line, one.raw) for one in parsed.refused] == bad
    assert len(found) == len(rows) - len(bad) + 1


def _line_ends(text: str) -> int:
    return text.count("\n") + text.count("\r") - text.count("\r\n")


def _written(row: tuple[str, ...], delimiter: str, quote: str, quoting: Any, newline: str) -> str:
    stream = io.StringIO()
    csvlib.writer(stream, delimiter=delimiter, quotechar=quote, quoting=quoting, lineterminator=newline).writerow(row)
    return stream.getvalue()


KINDS = {
    "BIGINT": ["1", "-7", "12", "9223372036854775807"],
    "DOUBLE": ["1.5", "2", "-3e2"],
    "BOOLEAN": ["true", "False"],
    "DATE": ["2026-01-01", "1999-12-31"],
    "TIMESTAMP": ["2026-01-01 10:00:00", "2026-01-01T10:00:00.5"],
    "TIMESTAMP WITH TIME ZONE": ["2026-01-01T10:00:00Z", "2026-01-01T10:00:00+02:00"],
    "VARCHAR": ["x", "007", "1 2"],
}
ODD = [
    *("12345678901234567890", "1234567890123456789", "9007199254740993.0", "9" * 45, "1e400", "nan", "inf", "1_0"),
    *("t", "yes", "0x1F", " 4", "2026-1-1", "2026-01-01 10:00:00.1234567", "2026-01-01T10:00:00.1234567Z"),
    *("infinity", "epoch", "2026-01-01 10:00:00 UTC", "0000-01-02", "20262-01-01", "9999-12-31T23:00:00-05:00"),
]


@CALM
@given(
    first=st.sampled_from(sorted(KINDS)),
    odd=st.sampled_from(sorted({*ODD, *(value for values in KINDS.values() for value in values)})),
    at=st.integers(0, 3000),
)
def test_types_come_from_the_whole_file_wherever_the_odd_value_stands(first: str, odd: str, at: int) -> None:
    values = [KINDS[first][number % len(KINDS[first])] for number in range(3000)]
    later, ahead = [*values[:at], odd, *values[at:]], [odd, *values]
    parsed, found = _inferred(later)
    again, _ = _inferred(later)
    assert parsed.columns == again.columns == _inferred(ahead)[0].columns
    assert (len(found), parsed.rejected) == (3001, 0)
    kept = _KEPT[parsed.columns[0].type]
    assert [row[0] for row in found] == [kept(value) for value in later]
    if odd in KINDS[first]:
        assert parsed.columns[0].type == first


def _inferred(values: list[str]) -> tuple[Parsed, list[tuple[Any, ...]]]:
    with TemporaryDirectory() as folder:
        return parsed_by_freshet(Path(folder), "v,w\n" + "".join(f"{value},1\n" for value in values), csv={})


def _number(text: str) -> float:
    """Fails for a whole number that a double does not keep."""
    value = float(text)
    exact = Decimal(text)
    assert exact % 1 or Decimal(value) == exact
    return value


def _moment(text: str) -> datetime:
    assert len(text.partition(".")[2].rstrip("Z")) <= 6
    return datetime.fromisoformat(text)


_KEPT: dict[str, Callable[[str], Any]] = {
    "BIGINT": int,
    "DOUBLE": _number,
    "BOOLEAN": lambda text: {"true": True, "false": False}[text.lower()],
    "DATE": date.fromisoformat,
    "TIMESTAMP": _moment,
    "TIMESTAMP WITH TIME ZONE": _moment,
    "VARCHAR": str,
}
"""Python's own reading of what a column of each type may hold."""


LOSSY = {
    "TIMESTAMP": [
        *("2026-01-01 10:00:00.1234567", "2026-01-01 10:00:00.123456001", "2026-01-01 10:00:00+02"),
        *("2026-01-01 10:00:00 +02", "2026-01-01 10:00:00 +0200", "2026-01-01 10:00:00+02:00:30"),
        *("2026-01-01 10:00:00 PM", "2026-01-01 10:00:00 Europe/Berlin", "2026-01-01 10:00:00 Etc/GMT+5"),
        *("26-01-01 10:00:00", "999-01-01"),
    ],
    "TIMESTAMPTZ": ["26-01-01 10:00:00Z", "2026-01-01 10:00:00.1234567Z", "2026-01-01T10:00:00.123456001+02:00"],
    "TIME": ["10:00:00.1234567", "10:00:00+02", "10:00:00 +02", "10:00:00 PM", "2026-01-01 10:00:00", "2026-01-01"],
    "DECIMAL(9,2)": [
        "1.2_555",
        "1_000.5",
        "1.255",
        "1.25000000000001",
        "1e-3",
        "1.25000000000001e0",
        "-0.00000000000000001",
        "1234567890",
    ],
    "BIGINT": ["1.5", "1e0"],
    "DOUBLE": ["12345678901234567890", "-9007199254740993", "9007199254740993.0", "1e400"],
    "FLOAT": ["16777217", "1e39"],
    "DATE": [
        "2026-01-01 00:00:00.0000001",
        "26-01-01",
        "2026-01-01 10:00:00",
        "2026-01-01 00:00:00 PM",
        "2026-01-01 00:00:00+02",
        "2026-01-01 00:00 CET",
    ],
}
WHOLE = {
    "TIMESTAMP": [
        *("2026-01-01 10:00:00.123456", "2026-01-01 10:00:00.1234560", "2026-01-01", "2026-01-01T10:00:00Z"),
        *("2026-01-01 10:00:00 UTC", "2026/1/2 3:04", " 2026-01-01  10:00:00 "),
    ],
    "TIMESTAMPTZ": ["2026-01-01 10:00:00.123456Z", "2026-01-01 10:00:00.123456000+02:00"],
    "TIME": ["10:00:00.123456", "10:00:00.1234560", "1:02", "10:00:00Z"],
    "DECIMAL(9,2)": [" 1.25 ", "1.", "1.25", "1.2500000000000000", "1.5e1", "125e-2", "+1.5", "7", ".5"],
    "BIGINT": ["1.0", "+4", "007"],
    "DOUBLE": ["9007199254740992", "1234567890123456789.5", "007", "1e300", "nan", "-inf"],
    "FLOAT": ["16777216", "0.1"],
    "DATE": [
        "0026-01-01",
        "2026-01-01 00:00:00.000",
        "2026-01-01 00:00:00",
        "2026-01-01T00:00:00Z",
        "2026/1/2",
        " 2026-01-01",
    ],
}


@pytest.mark.parametrize("kind", LOSSY)
def test_a_value_that_a_declared_type_would_cut_is_a_bad_row(tmp_path: Path, kind: str) -> None:
    content = "v,w\n" + "".join(f"{value},{value}\n" for value in [*WHOLE[kind], *LOSSY[kind]])
    options = {"schema": {"v": kind, "w": "VARCHAR"}}
    parsed, found = parsed_by_freshet(tmp_path, content, csv=options, onBadRows="drop")
    assert [row[1] for row in found] == WHOLE[kind]
    assert parsed.rejected == len(LOSSY[kind])


def test_nanoseconds_of_a_format_are_not_cut(tmp_path: Path) -> None:
    options = {"schema": {"v": "TIMESTAMP"}, "timestampFormat": "%Y-%m-%d %H:%M:%S.%n"}
    good, bad = "2026-01-01 10:00:00.123456000", "2026-01-01 10:00:00.123456001"
    parsed, found = parsed_by_freshet(tmp_path, f"v\n{good}\n{bad}\n", csv=options, onBadRows="drop")
    assert (found, parsed.rejected) == ([(datetime(2026, 1, 1, 10, 0, 0, 123456),)], 1)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["+491701234567", "+491701234568"], "VARCHAR"),
        (["1.5", "+491701234567"], "VARCHAR"),
        (["+1.5", "-2.5"], "DOUBLE"),
        (["10000000000000000000"], "VARCHAR"),
        (["9223372036854775808"], "VARCHAR"),
        (["1.5", "-9223372036854775809"], "VARCHAR"),
        (["9223372036854775807", "-9223372036854775808"], "BIGINT"),
        (["1.5", "1e22"], "DOUBLE"),
    ],
)
def test_what_calls_somebody_or_is_too_long_is_text(values: list[str], kind: str) -> None:
    parsed, _ = _inferred(values)
    assert parsed.columns[0].type == kind
