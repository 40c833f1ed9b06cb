# ruff: noqa: E501 - a table reads best with one case a line
"""Quotes that are not doubled, not closed, or in values without any: each row is loaded, or kept with its own line and
text, or the whole load is refused."""

from pathlib import Path
from typing import Any

import pytest
from tests.parts.workloads.conftest import World
from tests.parts.workloads.writes import GROW

from freshet.workloads.errors import DataRefused, InputError

KEPT = 'SELECT line, "column", raw FROM kw.raw__rejected ORDER BY line'
THREE = {"schema": {"id": "BIGINT", "v": "VARCHAR", "w": "VARCHAR"}}
TWO = {"schema": {"id": "BIGINT", "v": "VARCHAR"}}

APART = {
    "text and an open quote": '1,a,b\n2,c,d\n3,"say "hi, "\n4,e,f\n5,"g",h\n6,i,j\n',
    "an inner quote that opens the last field": '1,a,b\n2,c,d\n3,"x" y,"\n4,e,"f"\n5,g,h\n6,i,j\n',
    "the same, closed rows later": '1,a,b\n2,c,d\n3,"x"y,"\n4,e,f\n5,g,h\n6,"i",j\n7,k,l\n',
    "as many rows made as lost": 'x,""hi" \nb ","\n""hi" "\n4,"k",w\n54,"m",w\n55,"x","\n\n, "hi" , "\n56,"n",w\n',
    "two rows read as one value": '1,"5" "\n2,a,b\n3,"x",\n',
}  # fmt: skip


@pytest.mark.parametrize("choice", ["quarantine", "drop"])
@pytest.mark.parametrize("name", APART)
def test_rows_that_quotes_join_are_refused_as_a_whole(world: World, name: str, choice: str) -> None:
    """DuckDB tells one of them by the line of another: good rows were set aside, and theirs were in no table."""
    world.write("id,v,w\n" + APART[name])
    with pytest.raises(DataRefused, match=r"cannot be told apart: the longest, which begins in line \d") as caught:
        world.load(csv=THREE, onBadRows=choice)
    assert (caught.value.reason, caught.value.exit_code) == ("BadCsv", 3)


def test_so_are_they_in_a_file_of_more_than_2_mb(world: World) -> None:
    good = "1,abcdefghij,k\n" * 80_000
    world.write(f"id,v,w\n{good}{APART['as many rows made as lost'].replace('x,', '2,', 1)}{good}")
    with pytest.raises(DataRefused, match="cannot be told apart"):
        world.load(csv=THREE, onBadRows="quarantine")


LONG = "é" * 6_000
"""More than DuckDB shows of a row: it is cut within a letter."""
SOUND: dict[str, tuple[str, list[Any], list[Any]]] = {
    "text behind a quote": ('1,a,b\n2,"c"x,d\n3,e,f\n4,"g\nh",i\n', [1, 3, 4], [(3, "v", '2,"c"x,d')]),
    "inch marks, not doubled": ('1,a,b\n3,"5" pipe","two\nlines"\n4,e,f\n', [1, 4], [(3, "v", '3,"5" pipe","two\nlines"')]),
    "inch marks without quotes": ('1,5",6"\n2,7" x,8"\n', [1, 2], []),
    "open at the end": ('1,a,b\n2,"c\n3,e,f\n', [1], [(3, "v", '2,"c\n3,e,f')]),
    "long, behind blank lines": (f'1,a,b\n{chr(10) * 9_000}2,"{LONG}"x,d\n3,e,f\n', [1, 3], [(9_003, "v", f'2,"{LONG}"x,d')]),
    "behind more blank lines than are shown": ('1,a,b\n' + "\n" * 10_001 + "2\n3,e,f\n", [1, 3], [(10_004, "v", "2")]),
}  # fmt: skip


@pytest.mark.parametrize("name", SOUND)
def test_a_row_of_bad_quotes_alone_is_set_aside_with_its_own_line_and_text(world: World, name: str) -> None:
    content, good, bad = SOUND[name]
    world.write("id,v,w\n" + content)
    told = world.load(csv=THREE, onBadRows="quarantine")
    assert [row[0] for row in world.rows()] == good
    assert (told["rowsRejected"], world.rows(KEPT) if bad else []) == (len(bad), bad)


@pytest.mark.parametrize("inner", ["\n-1,x,y,z\n-2,x,y,z\n-3,5,p", "\nsome text\nlast"])
@pytest.mark.parametrize("last", ["", 'x,5" a,b,6" c\n'])
def test_lines_of_a_value_where_a_piece_ends_are_no_rows_beside_inch_marks(world: World, inner: str, last: str) -> None:
    """DuckDB's pieces have 8 MB. The mark before it passes for the other half of a pair."""
    row = '1,5" a,{value},6" c\n'
    one = row.format(value="b" * 73)
    before = one * ((8_000_000 - 200) // len(one))
    world.write(
        f"id,v,w,u\n{before}" + row.format(value=f'"{"b" * 400}{inner}"') + row.format(value="b") * 1_000 + last
    )
    schema = {"id": "BIGINT", "v": "VARCHAR", "w": "VARCHAR", "u": "VARCHAR"}
    told = world.load(csv={"schema": schema}, onBadRows="drop")
    assert (told["rowsIn"], told["rowsRejected"]) == (before.count("\n") + 1_001 + bool(last), bool(last))
    assert world.rows("SELECT count(*), min(id) FROM kw.raw") == [(before.count("\n") + 1_001, 1)]


BLANKS = {"4,097 of them": (b"1,a\n", b"\n" * 4_097), "where a megabyte ends": (b"", b"\n\n")}


@pytest.mark.parametrize("name", BLANKS)
def test_a_row_that_is_no_csv_is_found_behind_blank_lines(world: World, name: str) -> None:
    body, blanks = BLANKS[name]
    before = b"id,v\n" + (body or b"1,%s\n" % (b"a" * ((1 << 20) - 9)))
    assert body or len(before + b"\n") == (1 << 20)
    world.write(before + blanks + b"2\nx,b\n3,good\ny,c\n")
    world.load(csv=TWO, onBadRows="quarantine")
    line = (before + blanks).count(b"\n") + 1
    assert world.rows(KEPT) == [(line, "v", "2"), (line + 1, "id", "x,b"), (line + 3, "id", "y,c")]
    assert world.rows("SELECT * FROM kw.raw WHERE id > 1") == [(3, "good")]


@pytest.mark.parametrize(
    ("last", "more"),
    [
        (b'3,"caf\xe9\n', b'9,inner\nend"\n4,d\n'),
        (b'3,"caf\xe9 au lait', b'\n9,inner\nend"\n4,d\n'),
        (b'3,"caf\xe9 au lait\n', b'9,inner\nend"\n4,d\n'),
        (b'3,"caf\xe9 x\nau lait', b'\n9,inner\nend"\n4,d\n'),
    ],
)
def test_a_file_that_ended_within_quotes_beside_a_byte_that_is_no_text_does_not_go_on(
    world: World, last: bytes, more: bytes
) -> None:
    """Lines of that value became rows."""
    world.write(b"id,v\n1,a\n" + last)
    world.load(csv=TWO, write=GROW, onBadRows="drop")
    world.write(b"id,v\n1,a\n" + last + more)
    with pytest.raises(InputError, match="ended within open quotes"):
        world.load(csv=TWO, write=GROW, onBadRows="drop")
    assert world.rows() == [(1, "a")]


def test_one_that_ended_with_such_a_byte_alone_does(world: World, tmp_path: Path) -> None:
    world.write(b'id,v\n1,a\n3,"caf\xe9"\n')
    world.load(csv=TWO, write=GROW, onBadRows="drop")
    world.write(b'id,v\n1,a\n3,"caf\xe9"\n4,"d\ne"\n')
    world.load(csv=TWO, write=GROW, onBadRows="drop")
    assert world.rows() == [(1, "a"), (4, "d\ne")]
