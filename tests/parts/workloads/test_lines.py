# ruff: noqa: E501 - a table reads best with one case a line
"""Rows that are set aside are told with the line and the text that they have in the file, however it is written."""

import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from tests.parts.workloads.conftest import World
from tests.parts.workloads.lake import Lake
from tests.parts.workloads.made_ready import made_ready

from freshet.workloads import bad_rows
from freshet.workloads import lines as workload_lines
from freshet.workloads.errors import WorkloadError
from freshet.workloads.records import LONGEST, records
from freshet.workloads.spec import Csv

KEPT = 'SELECT line, "column", raw FROM kw.raw__rejected ORDER BY line'
LONG = "z" * 140_000
CASES: dict[str, tuple[str, list[Any], list[Any]]] = {
    "a blank line first": ("\nid,v\n1,a\nx,b\n", [(1, "a")], [(4, "id", "x,b")]),
    "blank lines first": ("\n\n\nid,v\n1,a\nx,b\n2\n\ny,c\n", [(1, "a")], [(6, "id", "x,b"), (7, "v", "2"), (9, "id", "y,c")]),
    "blank CR LF lines first": ("\r\n\r\nid,v\r\n1,a\r\nx,b\r\n", [(1, "a")], [(5, "id", "x,b")]),
    "a long field": (f"id,v\n1,{LONG}\nx,b\n2,c\n", [(1, LONG), (2, "c")], [(3, "id", "x,b")]),
    "a long bad row": (f"id,v\n1,a\nx,{LONG}\n2,c\n", [(1, "a"), (2, "c")], [(3, "id", f"x,{LONG}")]),
    "a space before a quote": ('id,v\n1, "a\nb"\nx,b\n3,c\n', [(1, "a\nb"), (3, "c")], [(4, "id", "x,b")]),
    "CR alone": ("id,v\r1,a\rx,b\r2\r\r3,c\r", [(1, "a"), (3, "c")], [(3, "id", "x,b"), (4, "v", "2")]),
    "one column, blank lines": ("id\n1\n\nx\n2\n\ny\n", [(1,), (2,), (None,), (None,)], [(4, "id", "x"), (7, "id", "y")]),
    "one column, blank lines first": ("\n\nid\n\n1\nx\n", [(1,), (None,)], [(6, "id", "x")]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_bad_rows_are_told_by_their_line_and_kept_as_they_are(world: World, name: str) -> None:
    content, good, bad = CASES[name]
    world.write(content)
    told = world.load(csv={"schema": {"id": "BIGINT"}}, onBadRows="quarantine")
    assert (world.rows(), world.rows(KEPT)) == (good, bad)
    assert told["rowsRejected"] == len(bad)


def test_an_escape_is_one_within_quotes_alone(world: World) -> None:
    """``C:\\`` at the end of a line: the next row is no part of it, and is the one that is kept for somebody to mend."""
    world.write('id,v\n1,C:\\\nx,"a\\"\nb"\n3,c\ny,d\n')
    world.load(csv={"escape": "\\", "schema": {"id": "BIGINT"}}, onBadRows="quarantine")
    assert world.rows() == [(1, "C:\\"), (3, "c")]
    assert world.rows(KEPT) == [(3, "id", 'x,"a\\"\nb"'), (6, "id", "y,d")]


def test_blank_lines_first_are_no_header_where_types_are_inferred_or_keys_checked(world: World) -> None:
    world.write("\n\nid,v\n1,2\n1,3\n")
    merge = {"disposition": "merge", "primaryKey": ["id"]}
    with pytest.raises(WorkloadError, match="lines 4, 5"):
        world.load(write=merge)
    world.write("\n\nid,v\n1,2\n2,3\n")
    world.load(write=merge)
    assert world.rows() == [(1, 2), (2, 3)]


def test_lines_that_end_with_cr_alone_are_counted_where_a_file_grows(world: World) -> None:
    grow = {"disposition": "append", "onFileChange": "append"}
    spec = {"csv": {"schema": {"id": "BIGINT"}}, "write": grow, "onBadRows": "quarantine"}
    world.write("\rid,v\r1,a\r")
    world.load(**spec)
    world.write("\rid,v\r1,a\r2,b\rx,c\r")
    world.load(**spec)
    assert (world.rows(), world.rows(KEPT)) == ([(1, "a"), (2, "b")], [(5, "id", "x,c")])


@pytest.mark.parametrize("choice", ["quarantine", "drop"])
def test_a_bad_row_that_cannot_be_found_again_refuses_the_load(
    world: World, monkeypatch: pytest.MonkeyPatch, choice: str
) -> None:
    world.write("id,v\n1,a\nx,b\n")
    monkeypatch.setattr(bad_rows, "lines_of_rows", lambda *_, **__: {})
    with pytest.raises(WorkloadError, match="only 0 of them can be found again") as caught:
        world.load(csv={"schema": {"id": "BIGINT"}}, onBadRows=choice)
    assert (caught.value.reason, caught.value.exit_code) == ("BadCsv", 3)


def test_the_memory_of_a_walk_does_not_grow_with_what_follows_an_open_quote() -> None:
    lines = (line for part in (['1,"open\n'], (f"{number:099}\n" for number in range(400_000))) for line in part)
    tracemalloc.start()
    try:
        found = [(line, len(text)) for line, text in records(lines, Csv(path="-"))]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found == [(1, pytest.approx(LONGEST, abs=100))]
    assert peak < 4 * LONGEST, "of 40 MB"


@pytest.mark.parametrize("where", ["duckdb", "databricks"])
def test_what_a_lost_pod_found_bad_is_told_by_the_next(world: World, lake: Lake, where: str) -> None:
    """It was killed after its commit and before its result."""
    place = world if where == "duckdb" else lake
    place.write("id,v\n1,a\nx,b\n2\n")
    spec = {"csv": {"schema": {"id": "BIGINT"}}, "onBadRows": "quarantine"}
    first = place.load(**spec)
    again = place.load(**spec)
    told = ("rowsIn", "rowsRejected", "samples", "version")
    assert [again[name] for name in told] == [first[name] for name in told]
    assert (again["changed"], again["rowsRejected"], again["samples"][0]["line"]) == (False, 2, 3)
    assert place.load(last=again, **spec)["rowsIn"] == 0, "it was told"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("csv", [{}, {"header": False, "columns": ["id"]}])
@pytest.mark.parametrize("nulls", [["\\N"], [], ["", "\\N"]])
def test_a_blank_line_of_one_column_is_a_row_where_the_empty_field_is_null(
    tmp_path: Path, nulls: list[str], csv: dict[str, Any], end: str
) -> None:
    """Else DuckDB passes over it, and the bad row behind it is told by its own line."""
    lines = [*([] if csv else ["id"]), "1", "", "x", "", '"y', 'z"', "2", ""]
    spec = {**csv, "nullStrings": nulls, "schema": {"id": "BIGINT"}}
    ready = made_ready(tmp_path, end.join(lines), csv=spec, onBadRows="quarantine")
    told = [(one.line, one.raw) for one in ready.parsed.refused]
    assert told == [(lines.index("x") + 1, "x"), (lines.index('"y') + 1, f'"y{end}z"')]
    assert ready.rows == (4 if "" in nulls else 2)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("blanks", [0, 2])
def test_a_bad_row_is_told_by_its_line_behind_any_number_of_others(tmp_path: Path, blanks: int, end: str) -> None:
    """More of which than are told are too short, and none of these is where the column does not fit."""
    lines = [*[""] * blanks, "id,v", *["9"] * 150, "2,x", "", "3,3", "4,y", ""]
    ready = made_ready(tmp_path, end.join(lines), csv={"schema": {"v": "BIGINT"}}, onBadRows="drop")
    misfits = [(one.line, one.raw) for one in ready.parsed.refused if one.reason == "the value does not fit BIGINT"]
    assert misfits == [(lines.index("2,x") + 1, "2,x"), (lines.index("4,y") + 1, "4,y")]
    assert (ready.rows, ready.parsed.rejected) == (1, 152)


def test_a_changed_column_is_shown_by_a_row_that_does_not_fit_it(tmp_path: Path) -> None:
    content = "id,v\n" + "9\n" * 150 + "2,x\n3,y\n"
    with pytest.raises(WorkloadError, match=r"not one of its values .*first in line 152\)"):
        made_ready(tmp_path, content, table={"id": "BIGINT", "v": "BIGINT"}, onBadRows="drop")


def test_the_lines_of_many_bad_rows_are_found_in_one_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose time grew with their square: each was counted from the beginning of its megabyte."""
    path = tmp_path / "many.csv"
    path.write_bytes(b"id,v\n" + b"9\r\n" * 60_000)
    counted = []
    monkeypatch.setattr(workload_lines, "line_ends", lambda part, *, after: counted.append(len(part)) or 1)
    workload_lines.lines_of_bytes(str(path), Csv(path=str(path)), [5 + 3 * row for row in range(60_000)])
    assert sum(counted) <= path.stat().st_size
