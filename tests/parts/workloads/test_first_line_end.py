"""A first row of several lines that end otherwise than rows do: Excel ends rows with CR LF, lines of a cell with LF."""

import csv as csvlib
import io
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

from freshet.workloads.errors import InputError

CALM = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
ENDS = {"LF": "\n", "CR LF": "\r\n", "CR": "\r"}
PAIRS = [pytest.param(ENDS[one], ENDS[other], id=f"{one} rows, {other} inside") for one, other in permutations(ENDS, 2)]
BARE: dict[str, Any] = {"header": False, "columns": ["id", "v"]}
KEPT = "SELECT line, raw FROM kw.raw__rejected ORDER BY line"


def oracle(text: str, *, width: int, header: bool) -> tuple[list[tuple[Any, ...]], list[int]]:
    """Good rows and lines of bad ones, as Python's csv module has them."""
    reader = csvlib.reader(io.StringIO(text, newline=""))
    good: list[tuple[Any, ...]] = []
    bad: list[int] = []
    if header:
        next(reader)
    line = reader.line_num + 1
    for row in reader:
        if len(row) == width:
            good.append(tuple(field or None for field in row))
        else:
            bad.append(line)
        line = reader.line_num + 1
    return good, bad


FIELD = st.lists(st.sampled_from(["a", "é", "\n", "\r\n", "\r", '"', ",", "x"]), max_size=4).map("".join)


@CALM
@given(
    first=FIELD,
    rows=st.lists(st.one_of(st.tuples(FIELD, FIELD), st.tuples(FIELD, FIELD, st.just("9"))), max_size=4),
    steps=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    newline=st.sampled_from(list(ENDS.values())),
    header=st.booleans(),
    ends=st.booleans(),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "latin-1", "cp1252", "utf-16"]),
)
def test_rows_are_those_of_the_csv_module_whatever_ends_the_first_line(
    first: str, rows: list[tuple[str, ...]], steps: list[int], newline: str, header: bool, ends: bool, encoding: str
) -> None:
    """Also of a file that grows, by rows of which the first may be such a one."""
    names = ("a", f"b{first}") if header else ("0", first)
    lines = [",".join('"' + field.replace('"', '""') + '"' for field in row) for row in [names, ("1", "x"), *rows]]
    with TemporaryDirectory() as folder:
        columns = {} if header else {"columns": ["a", "b"], "schema": {"a": "VARCHAR", "b": "VARCHAR"}}
        reader = Reader(Path(folder), **{"schema": {"a": "VARCHAR"}, **columns, "encoding": encoding, "header": header})
        at, content = 2, ""
        while True:
            content = newline.join(lines[:at]) + (newline if ends else "")
            reader.take(content.encode(encoding))
            if at >= len(lines):
                break
            at += steps[at % len(steps)]
    good, bad = oracle(content, width=2, header=header)
    assert (reader.rows, reader.bad) == (good, bad)
    assert reader.kept == [line for line in lines if line.endswith(',"9"')]


@pytest.mark.parametrize(("newline", "inner"), PAIRS)
@pytest.mark.parametrize("width", [1, 2])
@pytest.mark.parametrize("header", [True, False])
def test_so_they_are_in_one_row_or_many_pieces(
    tmp_path: Path, newline: str, inner: str, width: int, header: bool
) -> None:
    """DuckDB's pieces have 8 MB. A column alone has rows that are blank lines."""
    first = ["1", f'"x{inner}y{newline}z"'][-width:]
    row, names = ",".join(["1", "b" * 80][-width:]), ["a", "b"][:width]
    many = [row] * 101_000 if (newline, inner, width) == ("\r\n", "\n", 2) else [row]
    options: dict[str, Any] = {"schema": dict.fromkeys(names, "VARCHAR"), "columns": names}
    for at, rows in enumerate(([], [*many, "1,2,3", "", row])):
        folder = tmp_path / str(at)
        folder.mkdir()
        text = "".join(line + newline for line in [",".join(first), *([row] if header else []), *rows])
        reader = Reader(folder, header=header, **({"schema": {}} if header else options))
        reader.take(text.encode())
        good, bad = oracle(text, width=width, header=header)
        blank = [(None,)] if width == 1 else []
        found = [tuple(map(_text, one)) for one in reader.rows]
        assert found == [*good[: len(good) - bool(rows)], *(blank + good[-1:] if rows else [])]
        assert (reader.bad, reader.kept) == ([bad[0]], ["1,2,3"]) if rows else ([], [])


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def test_a_header_from_excel_with_a_line_end_in_a_cell(world: World) -> None:
    """It was refused for a quote that is never closed, and nothing could mend that."""
    world.write('id,"Amount\n(EUR)"\r\n1,5\r\n2,6,7\r\n3,8\r\n')
    told = world.load(onBadRows="quarantine")
    assert (told["rowsIn"], told["samples"]) == (3, [{"line": 4, "column": None, "reason": "too many columns"}])
    assert world.rows("SELECT id, amount_eur FROM kw.raw ORDER BY id") == [(1, 5), (3, 8)]
    assert world.rows(KEPT) == [(4, "2,6,7")]


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
@pytest.mark.parametrize("above", ["", "{}{}"])
def test_so_it_is_behind_a_byte_order_mark(tmp_path: Path, end: str, above: str) -> None:
    """DuckDB took the header for two rows, and the rows of the file could not be told apart."""
    reader = Reader(tmp_path, schema={"b": "VARCHAR"})
    content = "\ufeff" + above.format(end, end) + '"a\nb",b\n1,2\n1,2,3\n3,4\n'.replace("\n", end)
    for more in ("", f"5,6,7{end}8,9{end}"):
        content += more
        reader.take(content.encode())
    assert reader.rows == [(1, "2"), (3, "4"), (8, "9")]
    assert reader.bad == [len(above) // 2 + 4, len(above) // 2 + 6]


def test_a_header_of_two_lines_behind_a_mark_and_no_rows(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds a header and no rows"):
        Reader(tmp_path).take('\ufeff"a\n",b'.encode())


def test_a_first_row_without_a_header(world: World) -> None:
    """It was a bad one under a success, or the file was refused."""
    world.write('0,"a\nb"\r\n1,c')
    assert world.load(csv=BARE, onBadRows="drop")["rowsRejected"] == 0
    assert world.rows() == [(0, "a\nb"), (1, "c")]


def test_one_that_is_bad_has_its_line_and_text(world: World) -> None:
    world.write('0,"a\nb"x\r\n1,c\r\n2\r\n')
    world.load(csv=BARE, onBadRows="quarantine")
    assert (world.rows(), world.rows(KEPT)) == ([(1, "c")], [(1, '0,"a\nb"x'), (4, "2")])


def test_the_first_row_beyond_those_of_a_file_that_grew(world: World) -> None:
    """No later load could take the file."""
    rows = ["1,a\r\n", '2,"x\ny"\r\n', "3,c\r\n"]
    for count in (1, 3):
        world.write("".join(rows[:count]))
        world.load(csv=BARE, write=GROW)
    assert world.rows() == [(1, "a"), (2, "x\ny"), (3, "c")]


def test_one_file_of_a_glob(world: World) -> None:
    world.write('1,"a\nb"\r\n', "1.csv")
    world.write("2,c\n\n3,d,e\n", "2.csv")
    world.write("4,f", "3.csv")
    world.load(csv={**BARE, "path": str(world.folder / "?.csv")}, onBadRows="quarantine")
    assert world.rows() == [(1, "a\nb"), (2, "c"), (4, "f")]
    assert world.rows("SELECT parse_filename(path), line FROM kw.raw__rejected") == [("2.csv", 3)]


def test_keys_are_told_with_their_lines(world: World) -> None:
    world.write('1,"a\nb"\r\n2,c\r\n2,d\r\n')
    told = world.load(
        csv=BARE,
        write={"disposition": "merge", "primaryKey": ["id"], "onDuplicateKey": "quarantine"},
    )
    assert [sample["line"] for sample in told["samples"]] == [3, 4]


def test_a_header_that_is_never_closed_is_told_with_the_name_of_the_file(world: World) -> None:
    path = world.write('id,"v\n1,a\r\n'.encode("utf-16"))
    with pytest.raises(InputError, match=f"header of {path} cannot be read as CSV: a quote in it"):
        world.load(csv={"encoding": "utf-16"})
