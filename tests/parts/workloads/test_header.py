"""What both Python and DuckDB read as a header, and what the first row is where there is none."""

import bz2
import gzip
import io
import lzma
import zipfile
from pathlib import Path
from typing import Any

import pytest
from tests.parts.workloads.conftest import World
from tests.parts.workloads.made_ready import made_ready
from tests.parts.workloads.writes import GROW

from freshet.workloads.errors import InputError

UNREADABLE = {
    "open": 'id,v,"w\n3,c,z\n4,d,z\n',
    "text behind a quote": 'id,"v"s\n3,c\n4,d\n',
    "a tab behind a quote": 'id,"v"\t\n3,c\n4,d\n',
    "alone": '"id\n',
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_header_that_only_python_reads_is_refused_also_in_one_file_of_many(world: World, name: str) -> None:
    """All rows below it were gone, and the file was on record as taken."""
    world.write("id,v\n1,a\n2,b\n", "a.csv")
    path = world.write(UNREADABLE[name], "b.csv")
    for where in (path, world.folder / "*.csv"):
        for disposition in ("append", "replace"):
            with pytest.raises(InputError, match=f"header of {path} cannot be read as CSV: a quote in it") as caught:
                world.load(csv={"path": str(where)}, write={"disposition": disposition})
            assert (caught.value.reason, caught.value.exit_code) == ("HeaderUnreadable", 2)


@pytest.mark.parametrize(
    ("header", "csv"),
    [
        ('id,"v"  ', {}),
        ('id,v"', {}),
        ('"id","v ""w"" "', {}),
        ('"id","v\nw"', {}),
        ('id, "v\nw"', {}),
        ('"id","v\\"w"', {"escape": "\\"}),
        ("'id','v'", {"quote": "'"}),
        ('"id,v', {"quote": ""}),
    ],
)
def test_one_that_both_read_is_taken_and_is_that_of_further_rows(world: World, header: str, csv: Any) -> None:
    world.write(f"{header}\n1,a\n")
    world.load(csv=csv, write=GROW)
    world.write(f"{header}\n1,a\n2,b\n")
    world.load(csv=csv, write=GROW)
    assert world.rows() == [(1, "a"), (2, "b")]


def zipped(content: bytes) -> bytes:
    with io.BytesIO() as out:
        with zipfile.ZipFile(out, "w") as archive:
            archive.writestr("in.csv", content)
        return out.getvalue()


PACKED = {
    "gzip": (gzip.compress, "packed by gzip, not CSV: set csv.compression to gzip"),
    "xz": (lzma.compress, "packed by xz, not CSV: unpack it"),
    "bzip2": (bz2.compress, "packed by bzip2, not CSV: unpack it"),
    "zip": (zipped, "a ZIP archive or an Excel workbook, not CSV: unpack it, or let the export write CSV"),
}


@pytest.mark.parametrize("csv", [{}, {"encoding": "latin-1"}, {"header": False, "columns": ["id", "v"]}])
@pytest.mark.parametrize("name", PACKED)
def test_what_is_no_csv_is_called_by_its_name(world: World, name: str, csv: dict[str, Any]) -> None:
    """Its header was said not to be UTF-8."""
    pack, told = PACKED[name]
    path = world.write(pack(b"id,v\n1,a\n"))
    with pytest.raises(InputError, match=f"{path} is {told}") as caught:
        world.load(csv=csv, onBadRows="drop")
    assert caught.value.reason == "HeaderUnreadable"


def test_a_column_may_be_called_as_what_is_packed_begins(world: World) -> None:
    world.write("BZh,PAR,PK\n1,2,3\n")
    assert world.load()["rows"] == 1


def test_a_bad_byte_in_the_first_row_of_a_file_without_a_header_makes_a_bad_row(world: World) -> None:
    world.write(b"1,\xff\n2,b\n")
    told = world.load(csv={"header": False, "columns": ["id", "v"]}, onBadRows="drop")
    assert [sample["line"] for sample in told["samples"]] == [1]
    assert world.rows() == [(2, "b")]


@pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "SEP=\t", "\ufeffsep=,"])
@pytest.mark.parametrize("csv", [{"header": True}, {"header": False, "columns": ["id", "v"]}])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_note_to_excel_is_called_so(tmp_path: Path, first: str, csv: dict[str, Any], end: str) -> None:
    with pytest.raises(InputError, match=r"first line of \S+ is '(?i:sep)=(;|,|\\t)', which tells Excel") as caught:
        made_ready(tmp_path, end.join([first, "id;v", "1;a", ""]), csv={"delimiter": ";", **csv})
    assert caught.value.reason == "HeaderUnreadable"


def test_a_column_may_be_called_nearly_so(tmp_path: Path) -> None:
    assert made_ready(tmp_path, "sep=;v\n1;a\n", csv={"delimiter": ";"}).rows == 1
