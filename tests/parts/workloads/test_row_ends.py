"""Rows that do not end alike: refused at once, with the line; a header may end otherwise than all rows do."""

import io
import re
import time
from itertools import permutations
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.parts.workloads.conftest import World
from tests.parts.workloads.reader import Reader
from tests.parts.workloads.writes import GROW

from freshet.workloads import lines, row_ends
from freshet.workloads.errors import DataRefused
from freshet.workloads.records import is_left_open, records
from freshet.workloads.spec import Csv

CALM = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
NAMES = {"\n": "LF", "\r\n": "CR LF", "\r": "CR"}
PAIRS = [pytest.param(*pair, id=" and ".join(NAMES[end] for end in pair)) for pair in permutations(NAMES, 2)]
MANY = 20_000
"""Rows: 500 KB, of which DuckDB took several minutes."""
FEW = 300


def quoted(first: int, count: int, end: str) -> str:
    return "".join(f'"{at}","name {at}"{end}' for at in range(first, first + count))


def refusal(folder: Path, content: str, **csv: Any) -> str:
    """At once."""
    began = time.process_time()
    with pytest.raises(DataRefused) as caught:
        Reader(folder, **csv).take(content.encode())
    assert time.process_time() - began < 5
    assert caught.value.reason == "BadCsv"
    return caught.value.message


@pytest.mark.parametrize(("usual", "other"), PAIRS)
@pytest.mark.parametrize("header", [True, False])
def test_rows_that_somebody_appended_with_another_line_end(
    tmp_path: Path, usual: str, other: str, header: bool
) -> None:
    content = (f'"a","b"{usual}' if header else "") + quoted(0, 100, usual) + quoted(100, MANY, other)
    kinds = f"some of its rows end with {NAMES[usual]}, line {101 + header} with {NAMES[other]}"
    assert f"in.csv has mixed line ends: {kinds}; nothing was loaded" in refusal(tmp_path, content, header=header)


@pytest.mark.parametrize(("own", "end"), PAIRS)
@pytest.mark.parametrize("form", ['"{}","{}"', "{},{}"])
@pytest.mark.parametrize("names", ["a,b", '"a","b"', '"a","b{}b"'])
def test_a_header_that_ends_otherwise_than_all_rows(tmp_path: Path, own: str, end: str, form: str, names: str) -> None:
    reader = Reader(tmp_path, schema={"a": "VARCHAR"})
    head = ("{}" * (form[0] == "{") + names + "{}").format(*[own] * 3)
    rows = "".join(form.format(at, f"name {at}") + end for at in range(FEW))
    reader.take((head + rows + f'1,2,3{end}x,"y{own}z"').encode())
    assert reader.rows == [*((str(at), f"name {at}") for at in range(FEW)), ("x", f"y{own}z")]
    assert (reader.bad, reader.kept) == ([FEW + len(head.splitlines()) + 1], ["1,2,3"])


def test_a_header_of_its_own_and_rows_of_two_kinds(tmp_path: Path) -> None:
    told = refusal(tmp_path, "\r\na,b\r\n" + quoted(0, 2, "\n") + quoted(2, MANY, "\r\n"))
    assert "some of its rows end with LF, line 5 with CR LF" in told


BLANKS = st.lists(st.sampled_from(list(NAMES)), max_size=3).map("".join)


@CALM
@given(
    above=BLANKS,
    below=BLANKS,
    own=st.sampled_from(list(NAMES)),
    end=st.sampled_from(list(NAMES)),
    names=st.sampled_from(["a,b", '"a","b\n"', None]),
    form=st.sampled_from(['"{}","{}"', "{},{}"]),
    mark=st.sampled_from(["", "\ufeff"]),
    grows=st.booleans(),
)
def test_blank_lines_about_a_header_may_end_in_any_way(
    above: str, below: str, own: str, end: str, names: str | None, form: str, mark: str, grows: bool
) -> None:
    """They were taken for rows, of which a good one was blamed."""
    head = mark + above + (names + own + below if names else "")
    rows = [form.format(at, "x") + end for at in range(3)]
    with TemporaryDirectory() as folder:
        reader = Reader(Path(folder), schema={"a": "VARCHAR"} if names else {}, header=names is not None)
        for count in (1, 3) if grows else (3,):
            reader.take((head + "".join(rows[:count]) + ("1,2,3" + end if count == 3 else "")).encode())
    assert [tuple(map(str, row)) for row in reader.rows] == [(str(at), "x") for at in range(3)]
    assert reader.bad == [len(re.findall("\r\n|\r|\n", head)) + 4]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("a,b\r\n1,2\r\n\n3,4\r\n", "some of its rows end with CR LF, line 3 with LF;"),
        ("a\r\n1\r\n\n2\r\n", "some of its rows end with CR LF, line 3 with LF;"),
        ("a\r\n\n1\r\n2\r\n", "some of its rows end with LF, line 3 with CR LF;"),
    ],
)
def test_a_blank_line_among_rows_ends_as_they_do(tmp_path: Path, content: str, sentence: str) -> None:
    """DuckDB takes no other; and that of a column alone is a row."""
    assert sentence in refusal(tmp_path, content, schema={"a": "VARCHAR"})


@pytest.mark.parametrize("content", ["a,b\n1,x\n2,y\n", 'a,b\n1,"x\ny"\n', "a\n1\n2\n"])
@pytest.mark.parametrize("header", [True, False])
def test_line_ends_that_were_written_twice_are_said_to_be(tmp_path: Path, content: str, header: bool) -> None:
    columns = content.splitlines()[0].split(",")
    told = refusal(tmp_path, content.replace("\n", "\r\r\n"), header=header, columns=columns, schema={})
    assert "in.csv end with CR CR LF: the export wrote line ends twice" in told


@pytest.mark.parametrize("content", ["a,b\r1,2\r\r\n3,4\r5,6\r", "a,b\r\n1,2\r\r\n3,4\r\n5,6\r\n"])
def test_one_blank_line_is_no_such_writing(tmp_path: Path, content: str) -> None:
    assert "mixed line ends" in refusal(tmp_path, content)


def test_a_file_to_which_rows_with_another_line_end_are_appended(tmp_path: Path) -> None:
    """What is new counts by itself."""
    reader = Reader(tmp_path)
    content = '"a","b"\r\n' + quoted(0, 1, "\r\n")
    for more in ("", quoted(1, 2, "\n")):
        content += more
        reader.take(content.encode())
    assert reader.rows == [(str(at), f"name {at}") for at in range(3)]
    content += quoted(3, 2, "\n") + quoted(5, MANY, "\r\n")
    began = time.process_time()
    with pytest.raises(
        DataRefused, match=r"in\.csv has mixed line ends: some of its rows end with LF, line 7 with CR LF"
    ):
        reader.take(content.encode())
    assert time.process_time() - began < 5


def test_a_table_is_as_it_was(world: World) -> None:
    world.write('"id","v"\n"1","a"\n')
    world.load(write=GROW, onBadRows="drop")
    world.write('"id","v"\n"1","a"\n"2","b"\n"3","c"\r\n')
    with pytest.raises(DataRefused, match="mixed line ends") as caught:
        world.load(write=GROW, onBadRows="drop")
    assert (caught.value.exit_code, world.rows()) == (3, [(1, "a")])


def test_half_a_line_end_at_the_end_of_a_file_is_none(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    for content in (b'a,b\r\n1,"x\ny"\r\n2,z\r', b'a,b\r\n1,"x\ny"\r\n2,z\r\n3,w\r\n'):
        reader.take(content)
    assert (reader.rows, reader.bad) == ([("1", "x\ny"), ("2", "z"), ("3", "w")], [])


def test_one_file_of_a_glob_is_named(world: World) -> None:
    world.write("a,b\r\n1,2\r\n", "1.csv")
    world.write('a,b\n1,"x"\n2,y\r\n', "2.csv")
    with pytest.raises(DataRefused, match=r"2\.csv has mixed line ends: .* line 3 with CR LF"):
        world.load(csv={"path": str(world.folder / "?.csv")})


FIELD = st.lists(st.sampled_from(["a", "é", " ", "\n", "\r\n", "\r", '"', ",", "\\"]), max_size=5).map("".join)


@CALM
@given(
    rows=st.lists(st.tuples(FIELD, FIELD, st.sampled_from(list(NAMES))), min_size=1, max_size=8),
    size=st.sampled_from([3, 5, 8, 1 << 20]),
    escape=st.sampled_from([None, "\\"]),
    mark=st.sampled_from(["", "\ufeff"]),
    delimiter=st.sampled_from([",", "§", "|"]),
)
def test_line_ends_within_quotes_do_not_count(
    rows: list[tuple[str, str, str]], size: int, escape: str | None, mark: str, delimiter: str
) -> None:
    """Wherever the bytes are parted."""
    text, ends = mark, []
    for *fields, end in rows:
        own = (field.replace("\\", "\\\\") if escape else field for field in fields)
        text += delimiter.join(f'"{field.replace(chr(34), (escape or chr(34)) + chr(34))}"' for field in own) + end
        ends.append((len(text.removeprefix(mark)), end))
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        path = Path(folder) / "in.csv"
        path.write_bytes(text.encode())
        patch.setattr(lines, "_CHUNK", size)
        csv = Csv(path=str(path), escape=escape, delimiter=delimiter, header=False)
        found = told(csv)
    usual = ends[0][1]
    other = next(((at, end) for at, end in ends if end != usual), None)
    if other is None or (usual, other[1], other[0]) == ("\r\n", "\r", len(text.removeprefix(mark))):
        assert found is None
    else:
        before = text[: other[0] + len(mark) - len(other[1])]
        line = 1 + len(re.findall("\r\n|\r|\n", before))
        assert found is not None
        assert f"end with {NAMES[usual]}, line {line} with {NAMES[other[1]]};" in found


@CALM
@given(
    signs=st.lists(
        st.sampled_from([*'"",;\\a', " ", "\n", "\r\n", "\r", '","', '""', '", "', '"\n', "é"]), max_size=30
    ),
    size=st.integers(1, 9),
    dialect=st.sampled_from([{}, {"escape": "\\"}, {"delimiter": ";"}, {"quote": "a"}]),
)
def test_quotes_are_those_by_which_rows_are_told_apart(signs: list[str], size: int, dialect: dict[str, str]) -> None:
    """However sloppy they are."""
    text = "".join(signs)
    own = io.StringIO(text, newline="").readlines()
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        path = Path(folder) / "in.csv"
        path.write_bytes(text.encode())
        patch.setattr(lines, "_CHUNK", size)
        csv = Csv(path=str(path), header=False, **dialect)  # type: ignore[arg-type]
        found = told(csv)
    beyond = [line for line, _ in records(own, csv)][1:] + [len(own) + 1] * (not is_left_open(own, csv))
    ends = [(line - 1, "".join(re.findall("[\r\n]+$", own[line - 2]))) for line in beyond if own]
    others = [(line, end) for line, end in ends if end not in ("", ends[0][1])]
    if not others or (ends[0][1], others[0]) == ("\r\n", (len(own), "\r")):
        assert found is None
    else:
        assert found is not None
        assert "CR CR LF" in found or f"line {others[0][0]} with {NAMES[others[0][1]]};" in found


def told(csv: Csv) -> str | None:
    try:
        row_ends.counted([csv.path], csv, ahead={csv.path: 0})
    except DataRefused as error:
        return error.message
    return None
