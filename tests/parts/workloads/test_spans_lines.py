"""Whether a line ends within quotes, in bytes, against Python's csv module."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freshet.workloads import complete, lines
from freshet.workloads.complete import spans_lines
from freshet.workloads.spec import Csv

FIELDS = st.text(alphabet='ab,"\n§', max_size=6)
ROWS = st.lists(st.lists(FIELDS, min_size=2, max_size=2), min_size=1, max_size=6)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("spans")


@given(rows=ROWS, size=st.integers(1, 9), quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]))
def test_it_is_as_the_fields_say(folder: Path, rows: list[list[str]], size: int, quoting: int) -> None:
    """Wherever the bytes are parted."""
    text = io.StringIO()
    csv.writer(text, quoting=quoting, lineterminator="\n").writerows([["a", "b"], *rows])  # type: ignore[arg-type]
    path = folder / "in.csv"
    path.write_bytes(text.getvalue().encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(complete, "_TAKEN", 0)
        patch.setattr(lines, "_CHUNK", size)
        spans = spans_lines(str(path), Csv(path=str(path)))
    assert spans == any("\n" in field for row in rows for field in row)


@pytest.mark.parametrize(
    ("dialect", "text", "spans"),
    [
        ({"escape": "\\"}, 'a,b\n1,"x\\"\ny"\n', True),
        ({"escape": "\\"}, "a,b\n1,x\n", False),
        ({"quote": "'"}, "a,b\n1,'x\ny'\n", True),
        ({}, 'a,b\r1,"x\ry"\r', True),
        ({}, 'a,b\r1,"x"\r', False),
        ({"quote": ""}, 'a,b\n1,"x\ny"\n', False),
        ({"encoding": "latin-1"}, 'a,b\n1,"x\ny"\n', True),
    ],
)
def test_so_it_is_in_other_dialects(
    folder: Path, monkeypatch: pytest.MonkeyPatch, dialect: dict[str, str], text: str, spans: bool
) -> None:
    monkeypatch.setattr(complete, "_TAKEN", 0)
    path = folder / "other.csv"
    path.write_bytes(text.encode())
    assert spans_lines(str(path), Csv(path=str(path), **dialect)) == spans  # type: ignore[arg-type]
