"""DuckDB loses its place in quotes, at each 8 MB of a file and behind long rows: no row is lost by that in silence."""

import pytest
from tests.parts.workloads.conftest import World

from freshet.workloads.errors import DataRefused

ROW = b"1,abcdefghij\n"
HALF = 400_000
TYPED = {"schema": {"id": "BIGINT", "v": "VARCHAR"}}


def rows(count: int) -> bytes:
    return ROW * count


@pytest.mark.parametrize("choice", ["fail", "drop", "quarantine"])
def test_what_an_open_quote_swallows_is_told_and_not_loaded(world: World, choice: str) -> None:
    world.write(b"id,v\n" + rows(1_000_000) + b'7,"open\n' + rows(1_000_000))
    with pytest.raises(DataRefused, match="begins in line 1000002, has a quote that is never closed") as caught:
        world.load(csv=TYPED, onBadRows=choice)
    assert caught.value.reason == "BadCsv"
    assert str(world.csv) in caught.value.message


def test_an_open_quote_in_the_end_of_a_file_that_grew_is_told_by_its_line(world: World) -> None:
    grow = {"disposition": "append", "onFileChange": "append"}
    world.write(b"id,v\n" + ROW)
    world.load(csv=TYPED, write=grow, onBadRows="drop")
    world.write(b"id,v\n" + ROW + rows(1_000_000) + b'7,"open\n' + rows(1_000_000))
    with pytest.raises(DataRefused, match="begins in line 1000003,"):
        world.load(csv=TYPED, write=grow, onBadRows="drop")


@pytest.mark.parametrize("size", [10, 1000, 1_900_000])
def test_a_field_of_lines_that_look_like_rows_is_one_wherever_it_lies(world: World, size: int) -> None:
    """Across the end of a piece. The file is a good one."""
    text = b"5,in\n" * (size // 5)
    before = (8_000_000 - size // 2) // len(ROW)
    world.write(b"id,v\n" + rows(before) + b'2,"' + text + b'"\n' + rows(HALF))
    told = world.load(csv=TYPED)
    assert (told["rowsLoaded"], told["rowsRejected"]) == (before + 1 + HALF, 0)
    assert world.rows("SELECT id, count(*) FROM kw.raw GROUP BY 1 ORDER BY 1") == [(1, before + HALF), (2, 1)]
    assert world.rows("SELECT v FROM kw.raw WHERE id = 2") == [(text.decode(),)]


@pytest.mark.parametrize("where", ["first", "middle", "last"])
def test_a_field_that_is_too_long_is_one_bad_row(world: World, where: str) -> None:
    before, after = (0 if where == "first" else HALF), (0 if where == "last" else HALF)
    world.write(b"id,v\n" + rows(before) + b'2,"' + b"5,abcdefghij\n" * 230_000 + b'"\n' + rows(after) + b"3,good\n")
    told = world.load(csv=TYPED, onBadRows="quarantine")
    assert world.rows("SELECT id, count(*) FROM kw.raw GROUP BY 1 ORDER BY 1") == [
        *([(1, before + after)] if before + after else []),
        (3, 1),
    ]
    assert told["rowsRejected"] == 1
    [(line, reason)] = world.rows("SELECT line, reason FROM kw.raw__rejected")
    assert (line, reason) == (before + 2, "the line is longer than 2 MB")


@pytest.mark.parametrize("size", [9_000_000, 45_000_000])
def test_a_field_beyond_all_buffers_refuses_the_load(world: World, size: int) -> None:
    world.write(b"id,v\n" + rows(HALF) + b'2,"' + b"5,in\n" * (size // 5) + b'"\n' + rows(HALF))
    with pytest.raises(DataRefused, match=f"begins in line {HALF + 2}, .* longer than 2 MB"):
        world.load(csv=TYPED, onBadRows="drop")


@pytest.mark.parametrize("quote", [b"", b'"'])
def test_a_line_that_is_too_long_is_one_bad_row(world: World, quote: bytes) -> None:
    world.write(b"id,v\n" + rows(HALF) + b"2," + quote + b"x" * 9_000_000 + quote + b"\n" + rows(HALF))
    told = world.load(csv=TYPED, onBadRows="quarantine")
    assert (told["rowsLoaded"], told["rowsRejected"]) == (2 * HALF, 1)


def test_bad_quotes_that_cost_no_row_stay_bad_rows(world: World) -> None:
    world.write(b"id,v\n" + rows(HALF) + b'2,"a"b\n' + rows(HALF) + b'3,"open\n' + ROW)
    told = world.load(csv=TYPED, onBadRows="quarantine")
    assert (told["rowsLoaded"], told["rowsRejected"]) == (2 * HALF, 2)
    assert world.rows("SELECT line FROM kw.raw__rejected ORDER BY 1") == [(HALF + 2,), (2 * HALF + 3,)]


@pytest.mark.parametrize(("count", "length"), [(800_000, 3), (1_500, 9_000)])
def test_lines_within_quotes_that_look_like_rows_make_no_rows(world: World, count: int, length: int) -> None:
    """Where no row is bad, nothing tells that DuckDB has guessed wrong at where a piece's first row begins."""
    few = [(at, "\n".join(f"{line},line {line}" for line in range(at % length))) for at in range(count)]
    text = "id,v\n" + "".join(f'{at},"{value}"\n' for at, value in few)
    assert len(text) > 12_000_000
    world.write(text)
    told = world.load()
    assert (told["rows"], told["rowsRejected"]) == (len(few), 0)
    assert world.rows("SELECT id, coalesce(v, '') FROM kw.raw ORDER BY id") == few


def test_no_number_becomes_text_where_all_rows_are_asked_for_their_type(world: World) -> None:
    """``n`` is empty in the first rows, so that it is inferred from the whole."""
    rows = [f'{at},{at if at > 5_000 else ""},"{at},a\n{at},{at},b"\n' for at in range(700_000)]
    world.write("id,n,v\n" + "".join(rows))
    assert world.load()["rows"] == len(rows)
    assert world.rows("SELECT DISTINCT typeof(id), typeof(n) FROM kw.raw") == [("BIGINT", "BIGINT")]


@pytest.mark.parametrize("bad", [b"only%059d\n" % 7, b"%d,%058d,z\n" % (1, 1), b"1,\xff%058d\n" % 1])
@pytest.mark.parametrize("behind", [1, 4, 30])
def test_a_bad_row_where_the_last_piece_begins_hides_nothing(world: World, behind: int, bad: bytes) -> None:
    """DuckDB left that piece out, and said nothing."""
    first = b"a,b" + b" " * (60 + behind) + b"\n"
    good = [b"%d,v%055d\n" % (100_000 + at, at) for at in range(160_000)]
    assert {len(row) for row in good} == {64}
    at = (8_000_000 + behind - len(first)) // 64
    world.write(first + b"".join([*good[:at], bad, *good[at + 1 :]]))
    with pytest.raises(DataRefused) as caught:
        world.load()
    assert (caught.value.reason, caught.value.rows_in) == ("BadRows", 160_000)
    told = world.load(onBadRows="quarantine")
    assert (told["rows"], told["rowsRejected"]) == (159_999, 1)
