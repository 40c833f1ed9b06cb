"""Any dialect, any content: what is parsed is what Python's csv module reads, and no row goes missing."""

import csv as csvlib
import io
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pyarrow.parquet as pq
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
        elif not (len(row) == 3 and row[2] == "" and number is not False):
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


KINDS = {
    "BIGINT": ["1", "-7", "12"],
    "DOUBLE": ["1.5", "2", "-3e2"],
    "BOOLEAN": ["true", "False"],
    "DATE": ["2026-01-01", "1999-12-31"],
    "TIMESTAMP": ["2026-01-01 10:00:00", "2026-01-01T10:00:00.5"],
    "TIMESTAMP WITH TIME ZONE": ["2026-01-01T10:00:00Z", "2026-01-01T10:00:00+02:00"],
    "VARCHAR": ["x", "007", "1 2"],
}


@CALM
@given(
    first=st.sampled_from(sorted(KINDS)),
    later=st.sampled_from(sorted(KINDS)),
    at=st.integers(0, 5000),
    data=st.data(),
)
def test_types_come_from_the_whole_file_wherever_the_odd_value_stands(
    first: str, later: str, at: int, data: st.DataObject
) -> None:
    values = [KINDS[first][number % len(KINDS[first])] for number in range(3000)]
    odd = data.draw(st.sampled_from(KINDS[later]))
    values.insert(at, odd)
    with TemporaryDirectory() as folder:
        content = "v,w\n" + "".join(f"{value},1\n" for value in values)
        parsed, found = parsed_by_freshet(Path(folder), content, csv={})
        again, _ = parsed_by_freshet(Path(folder), content, csv={})
    assert parsed.columns == again.columns
    assert len(found) == 3001
    assert parsed.rejected == 0
    if parsed.columns[0].type == "VARCHAR":
        assert [row[0] for row in found] == values
    if first == later:
        assert parsed.columns[0].type == first
