"""How many rows a file has by its line ends, in bytes, against what Python's csv module wrote."""

import csv
import io
import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freshet.workloads import lines
from freshet.workloads.by_lines import blank_lines, lines_of
from freshet.workloads.spec import Csv

FIELDS = st.text(alphabet='ab,"\n§', max_size=6)
ROWS = st.lists(st.tuples(FIELDS, FIELDS, st.integers(0, 2)), min_size=1, max_size=6)
"""Each with the blank lines before it."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rows")


def rows_of(path: Path, csv: Csv) -> int | None:
    count = lines_of(str(path), csv).count
    return None if count is None else count - blank_lines(str(path), csv)


@given(rows=ROWS, size=st.integers(1, 9), end=st.sampled_from(["\n", "\r\n", "\r"]), minimal=st.booleans())
def test_each_line_is_a_row_but_blank_ones_and_the_header(
    folder: Path, rows: list[tuple[str, str, int]], size: int, end: str, minimal: bool
) -> None:
    """Wherever the bytes are parted; where a value has several lines, they do not tell."""
    spans = any("\n" in field for *fields, _ in rows for field in fields)
    text = io.StringIO()
    quoting = csv.QUOTE_MINIMAL if minimal and not spans else csv.QUOTE_ALL
    writer = csv.writer(text, quoting=quoting, lineterminator=end)
    for *fields, blanks in [("a", "b", 0), *rows]:
        text.write(end * blanks)
        writer.writerow(fields)
    path = folder / "in.csv"
    for content in (text.getvalue(), text.getvalue().removesuffix(end), text.getvalue() + end):
        path.write_bytes(content.encode())
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(lines, "_CHUNK", size)
            assert rows_of(path, Csv(path=str(path))) == (None if spans else len(rows))


@pytest.mark.parametrize(
    ("dialect", "text", "rows"),
    [
        ({"escape": "\\"}, 'a,b\n1,"x\\"\ny"\n', None),
        ({"escape": "\\"}, "a,b\n1,x\n", 1),
        ({"quote": "'"}, "a,b\n1,'x\ny'\n", None),
        ({"quote": ""}, 'a,b\n1,"x\ny"\n', 2),
        ({}, 'a,b\r1,"x\ry"\r', None),
        ({}, "\ufeffa,b\n1,x\n", 1),
        ({"encoding": "latin-1"}, 'a,b\n1,"x\ny"\n', None),
        ({"encoding": "latin-1"}, "a,b\n1,x\n2,y", 2),
        ({"header": False, "columns": ["a", "b"]}, "1,x\n2,y\n", 2),
    ],
)
def test_so_it_is_in_other_dialects(folder: Path, dialect: dict[str, str], text: str, rows: int | None) -> None:
    path = folder / "other.csv"
    path.write_bytes(text.encode())
    assert rows_of(path, Csv(path=str(path), **dialect)) == rows  # type: ignore[arg-type]


def test_the_lines_of_a_file_may_be_in_any_number_of_parts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder / "ends.csv"
    for ends in itertools.product(["\n", "\r\n", "\r"], repeat=4):
        path.write_bytes("".join(f"{at},x{end}" for at, end in enumerate(ends)).encode())
        for size in (1, 2, 3, 5):
            monkeypatch.setattr(lines, "_CHUNK", size)
            assert rows_of(path, Csv(path=str(path))) == 3, ends
