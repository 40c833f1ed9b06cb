"""``onFileChange: append``: whatever is appended to a file, its rows are in the table, or a sentence tells why not."""

import gzip
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.parts.workloads.conftest import World
from tests.parts.workloads.lake import Lake
from tests.parts.workloads.reader import Reader
from tests.parts.workloads.writes import GROW

from freshet.workloads.errors import InputError, WorkloadError

CALM = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


def rows_of_whole(content: bytes, **csv: Any) -> tuple[list[tuple[Any, ...]], list[int]]:
    with TemporaryDirectory() as folder:
        reader = Reader(Path(folder), **csv)
        reader.take(content)
        return reader.rows, reader.bad


PACKED = {"in.csv": bytes, "in.csv.gz": gzip.compress, "in.csv.zst": lambda raw: pa.compress(raw, "zstd", asbytes=True)}
FIELD = st.text(st.sampled_from('ab1é ",\n'), max_size=5)


def line_of(fields: Sequence[str]) -> str:
    return ",".join('"' + field.replace('"', '""') + '"' for field in fields)


@CALM
@given(
    rows=st.lists(st.lists(FIELD, min_size=1, max_size=3), max_size=8),
    steps=st.lists(st.integers(1, 4), min_size=1, max_size=4),
    newline=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "utf-16", "latin-1", "cp1252", "gb18030"]),
    header=st.booleans(),
    name=st.sampled_from(sorted(PACKED)),
    ends=st.booleans(),
)
def test_any_sequence_of_appends_gives_the_rows_of_the_file(
    rows: list[list[str]], steps: list[int], newline: str, encoding: str, header: bool, name: str, ends: bool
) -> None:
    """``ends``: does each write end its last line, or does the next one begin with the line end. Some rows are bad."""
    lines = [*(["a,b"] if header else []), "1,2", *(line_of(row).replace("\n", newline) for row in rows)]
    csv = {"encoding": encoding, "header": header, "name": name}
    with TemporaryDirectory() as folder:
        reader, at = Reader(Path(folder), **csv), len(lines) - len(rows)
        while True:
            text = newline.join(lines[:at]) + (newline if ends else "")
            content = PACKED[name](text.encode(encoding))
            reader.take(content)
            if at >= len(lines):
                break
            at += steps[at % len(steps)]
    assert (reader.rows, reader.bad) == rows_of_whole(content, **csv)


@CALM
@given(
    rows=st.lists(st.tuples(FIELD, FIELD), min_size=2, max_size=6),
    quoted=st.booleans(),
    cuts=st.lists(st.integers(4, 80), min_size=1, max_size=4),
    newline=st.sampled_from(["\n", "\r\n"]),
)
def test_a_file_caught_anywhere_in_a_write_gives_its_rows_or_is_refused(
    rows: list[tuple[str, str]], quoted: bool, cuts: list[int], newline: str
) -> None:
    """A line cut in the middle, an open quote, half a line end: never a row too many, too few, or torn."""
    lines = ["a,b", *(line_of(row) if quoted else ",".join(row) for row in rows)]
    content = "".join(line + newline for line in lines).encode()
    try:
        expected = rows_of_whole(content)
    except WorkloadError:
        return
    with TemporaryDirectory() as folder:
        reader = Reader(Path(folder))
        for cut in sorted({*cuts, len(content)}):
            try:
                reader.take(content[:cut])
            except WorkloadError as error:
                if error.reason == "FileChanged":
                    return
        assert (reader.rows, reader.bad) == expected


def refusal(before: bytes, after: bytes, **csv: Any) -> str:
    with TemporaryDirectory() as folder:
        reader = Reader(Path(folder), **csv)
        reader.take(before)
        with pytest.raises(InputError) as caught:
            reader.take(after)
    assert caught.value.reason == "FileChanged"
    return caught.value.message


def test_what_is_no_growth_is_told_apart() -> None:
    assert "is shorter than what was appended of it before (12 bytes)" in refusal(b"a,b\n1,2\n3,4\n", b"a,b\n1,2\n")
    assert "has changed within its first 8 bytes" in refusal(b"a,b\n1,2\n", b"a,b\n1,3\n5,6\n")
    assert "goes on in line 2" in refusal(b"a,b\n1,2", b"a,b\n1,23\n")
    assert "ended within open quotes" in refusal(b'a,b\n1,2\n3,"4\n', b'a,b\n1,2\n3,"4\n5"\n6,7\n')
    assert "ended within open quotes" in refusal(b'a,b\n1,2\n3,"4', b'a,b\n1,2\n3,"4\n5"\n6,7\n')


def test_a_row_after_one_with_bad_quotes_is_a_row(tmp_path: Path) -> None:
    """DuckDB goes on after text that follows a quote, but not after a quote that is never closed."""
    reader = Reader(tmp_path)
    reader.take(b'a,b\n1,2\n3,"4"x\n')
    reader.take(b'a,b\n1,2\n3,"4"x\n5,6\n')
    assert (reader.rows, reader.bad) == ([("1", "2"), ("5", "6")], [3])


@pytest.fixture(params=["duckdb", "databricks"])
def warehouse(request: pytest.FixtureRequest) -> World | Lake:
    """Both fill their table ``raw`` from a folder."""
    found: World | Lake = request.getfixturevalue({"duckdb": "world", "databricks": "lake"}[request.param])
    return found


def held(warehouse: World | Lake) -> list[tuple[Any, ...]]:
    return warehouse.rows("a, b" if isinstance(warehouse, Lake) else "SELECT a, b FROM kw.raw ORDER BY ALL")


def test_files_of_a_glob_grow_each_by_itself(warehouse: World | Lake) -> None:
    spec: dict[str, Any] = {"csv": {"path": str(warehouse.folder / "day-*")}, "write": GROW, "onBadRows": "quarantine"}
    warehouse.write("a,b\n1,x\n", "day-1.csv")
    warehouse.write(gzip.compress(b"b,a\r\ny,2\r\n"), "day-2.csv.gz")
    first = warehouse.load(**spec)
    assert held(warehouse) == [(1, "x"), (2, "y")]
    warehouse.write("a,b\n1,x\n3,z\nbad,row\n", "day-1.csv")
    warehouse.write(gzip.compress(b'b,a\r\ny,2\r\n"u\r\nv",4\r\n'), "day-2.csv.gz")
    warehouse.write("a,b\n5,w", "day-3.csv")
    second = warehouse.load(**spec)
    assert held(warehouse) == [(1, "x"), (2, "y"), (3, "z"), (4, "u\r\nv"), (5, "w")]
    assert (second["rowsIn"], second["rowsLoaded"], second["rowsRejected"], second["rows"]) == (4, 3, 1, 5)
    assert second["samples"] == [{"line": 4, "column": "a", "reason": "the value does not fit BIGINT"}]
    assert second["version"] != first["version"]
    again = warehouse.load(**spec)
    assert (again["changed"], again["version"], again["rows"]) == (False, second["version"], 5)
    warehouse.write("a,b\n5,wo\n", "day-3.csv")
    with pytest.raises(InputError) as caught:
        warehouse.load(**spec)
    assert "day-3.csv goes on in line 2" in caught.value.message


def test_rows_beyond_that_are_none_make_no_version(warehouse: World | Lake) -> None:
    """Packed anew, or blank lines: the file is another one, its rows are not. All of its new rows may be bad, too."""
    path = {"csv": {"path": str(warehouse.folder / "in.csv.gz")}, "write": GROW, "onBadRows": "quarantine"}
    warehouse.write(gzip.compress(b"a,b\n1,x\n"), "in.csv.gz")
    first = warehouse.load(**path)
    for content, bad in ((b"a,b\n1,x\n", 0), (b"a,b\n1,x\n\n", 0), (b"a,b\n1,x\n\n2\n", 1)):
        warehouse.write(gzip.compress(content, compresslevel=1, mtime=bad + len(content)), "in.csv.gz")
        told = warehouse.load(**path)
        assert (told["changed"], told["version"], told["rows"]) == (False, first["version"], 1)
        assert (told["rowsIn"], told["rowsRejected"]) == (bad, bad)
        assert warehouse.load(**path)["message"].startswith("The input is unchanged")


@pytest.mark.parametrize("columns", [["a", "b"], None])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
@pytest.mark.parametrize("end", ["", "\n"])
def test_so_it_is_without_a_header(world: World, columns: list[str] | None, encoding: str, end: str) -> None:
    """It was `EmptyFile`."""
    spec: dict[str, Any] = {"csv": {"header": False, "columns": columns, "encoding": encoding}, "write": GROW}
    world.write(f"1,x{end}".encode(encoding))
    first = world.load(**spec)
    for more in ("\n", "\n\n", "\n\n\r\n"):
        world.write(f"1,x{end}{more}".encode(encoding))
        told = world.load(**spec)
        assert (told["changed"], told["version"], told["rowsIn"]) == (False, first["version"], 0)


def test_a_file_that_was_taken_before_may_grow_once_the_spec_says_so(warehouse: World | Lake) -> None:
    warehouse.write("a,b\n1,x\n")
    warehouse.load(write={"disposition": "append"})
    warehouse.write("a,b\n1,x\n2,y\n")
    with pytest.raises(InputError, match=r"set write.onFileChange to append") as caught:
        warehouse.load(write={"disposition": "append"})
    assert caught.value.reason == "FileChanged"
    warehouse.load(write=GROW)
    assert held(warehouse) == [(1, "x"), (2, "y")]


@pytest.mark.parametrize("name", ["n" * 251 + ".csv", "日" * 83 + ".csv"])
def test_a_file_may_have_the_longest_name_there_is(world: World, name: str) -> None:
    csv = {"path": str(world.write("id,v\n1,a\n", name))}
    world.load(csv=csv, write=GROW)
    world.write("id,v\n1,a\n2,b\n", name)
    assert world.load(csv=csv, write=GROW)["rowsLoaded"] == 1


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16"])
def test_a_file_without_a_header_has_as_many_columns_as_its_first_row(world: World, encoding: str) -> None:
    """Not as the first of the new ones: that was loaded, and good rows behind it were called bad."""
    csv = {"header": False, "encoding": encoding}
    for content in ("1,a\n", "1,a\n2\n3,c\n"):
        world.write(content.encode(encoding))
        told = world.load(csv=csv, write=GROW, onBadRows="drop")
    assert world.rows() == [(1, "a"), (3, "c")]
    assert told["samples"] == [{"line": 2, "column": "column1", "reason": "too few columns"}]
