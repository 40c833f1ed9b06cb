# ruff: noqa: E501 - a table reads best with one case a line
"""Every bad input has a reason, a sentence that names it and helps, and never shows a value."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.parts.workloads.conftest import World
from tests.parts.workloads.writes import MERGE

from freshet.workloads.errors import DataRefused, WorkloadError

SECRET = "s3cr3t-value"


@dataclass(frozen=True, kw_only=True)
class Bad:
    """``content`` None: no file at all."""

    id: str
    content: str | bytes | None
    reason: str
    code: int
    says: tuple[str, ...]
    csv: dict[str, Any] = field(default_factory=dict)
    write: dict[str, Any] | None = None
    more: dict[str, Any] = field(default_factory=dict)
    before: str | None = None


CASES = [
    Bad(id="missing file", content=None, reason="FileMissing", code=2, says=("in.csv does not exist", "csv.path")),
    Bad(id="empty file", content="", reason="EmptyFile", code=2, says=("is empty (0 bytes)",)),
    Bad(id="blank lines only", content="\n\n", reason="EmptyFile", code=2, says=("only blank lines",)),
    Bad(id="header only", content="id,name\n", reason="NoRows", code=2, says=("a header and no rows",)),
    Bad(id="too few columns", content=f"id,name\n1,a\n2\n3,{SECRET}\n", reason="BadRows", code=3, says=("1 of 3 rows", "line 3", "too few columns")),
    Bad(id="too many columns", content=f"id,name\n1,a\n2,{SECRET},x\n", reason="BadRows", code=3, says=("1 of 2 rows", "line 3", "too many columns")),
    Bad(id="declared type", content=f"id,name\n1,a\n{SECRET},b\n", reason="BadRows", code=3, says=("line 3, column id", "does not fit BIGINT"), csv={"schema": {"id": "BIGINT"}}),
    Bad(id="declared boolean", content=f"id,ok\n1,true\n2,{SECRET}\n", reason="BadRows", code=3, says=("line 3, column ok",), csv={"schema": {"ok": "BOOLEAN"}}),
    Bad(id="lossy integer", content="id\n1\n2.5\n", reason="BadRows", code=3, says=("line 3, column id",), csv={"schema": {"id": "BIGINT"}}),
    Bad(id="lossy decimal", content="id\n1.25\n2.555\n", reason="BadRows", code=3, says=("line 3, column id",), csv={"schema": {"id": "DECIMAL(9,2)"}}),
    Bad(id="lossy date", content="d\n2026-01-01\n2026-01-01T10:00:00\n", reason="BadRows", code=3, says=("line 3, column d",), csv={"schema": {"d": "DATE"}}),
    Bad(id="lossy timestamp", content="d\n2026-01-01 10:00:00\n2026-01-01T10:00:00+02:00\n", reason="BadRows", code=3, says=("line 3, column d",), csv={"schema": {"d": "TIMESTAMP"}}),
    Bad(id="type of the table", content=f"id,name\n{SECRET},a\n2,b\n", reason="BadRows", code=3, says=("line 2, column id", "does not fit BIGINT"), before="id,name\n1,a\n"),
    Bad(id="no value of the table's type", content=f"id,name\n{SECRET},a\n", reason="SchemaConflict", code=2, says=("first in line 2", "Column id is BIGINT in the table"), before="id,name\n1,a\n"),
    Bad(id="line numbers count newlines in quotes", content='id,name\n1,"a\nb"\nx,b\n', reason="BadRows", code=3, says=("line 4, column id",), csv={"schema": {"id": "BIGINT"}}),
    Bad(id="open quote", content='id,name\n1,"a\n2,b\n', reason="BadRows", code=3, says=("line 2",)),
    Bad(id="not utf-8", content=b"id,name\n1,a\n2,\xff\xfe\n", reason="BadRows", code=3, says=("line 3", "not valid in the file's encoding"), csv={"schema": {"id": "BIGINT", "name": "VARCHAR"}}, before="id,name\n1,a\n"),
    Bad(id="header not utf-8", content=b"id,n\xffme\n1,a\n", reason="BadEncoding", code=2, says=("csv.encoding",)),
    Bad(id="mixed line ends", content=b"id,name\n1,a\r\n2,b\n", reason="BadCsv", code=3, says=("mixed line ends",)),
    Bad(id="encoding unknown", content="id\n1\n", reason="EncodingUnknown", code=2, says=("cp037", "cp1252"), csv={"encoding": "cp037"}),
    Bad(id="a page that wants a login", content=f"\n<!DOCTYPE html><title>{SECRET}</title>\n<p>1\n", reason="HeaderUnreadable", code=2, says=("a web page", "csv.secretRef")),
    Bad(id="a delimiter of two characters", content="id||n\n1||2\n", reason="HeaderUnreadable", code=2, says=("csv.delimiter", "one character"), csv={"delimiter": "||"}),
    Bad(id="a format that is none", content="d\n2026-01-01\n", reason="FormatInvalid", code=2, says=("csv.dateFormat", "%Q"), csv={"dateFormat": "%Q"}),
    Bad(id="not gzip", content="id\n1\n", reason="FileUnreadable", code=2, says=("csv.compression",), csv={"compression": "gzip"}),
    Bad(id="primary key missing", content="name\na\n", reason="PrimaryKeyMissing", code=2, says=("primary key column id", "which has name"), write=MERGE),
    Bad(id="duplicate keys", content=f"id,name\n1,{SECRET}\n1,b\n", reason="DuplicateKeys", code=3, says=("1 rows repeat", "(id)", "lines 2, 3"), write=MERGE),
    Bad(id="column named twice", content="id,Id\n1,2\n", reason="ColumnDoubled", code=2, says=("the column id twice",)),
    Bad(id="column without name", content="id,\n1,2\n", reason="ColumnUnnamed", code=2, says=("Column 2",)),
    Bad(id="declared column missing", content="id\n1\n", reason="ColumnMissing", code=2, says=("no column level",), csv={"schema": {"level": "BIGINT"}}),
    Bad(id="unknown type", content="id\n1\n", reason="TypeUnknown", code=2, says=("column id", "'MONEY'"), csv={"schema": {"id": "MONEY"}}),
    Bad(id="injected type", content="id\n1\n", reason="TypeUnknown", code=2, says=("column id",), csv={"schema": {"id": "BIGINT); DROP TABLE x; --"}}),
    Bad(id="all rows bad", content="id,name\n1\n2\n", reason="TooManyBadRows", code=3, says=("2 of 2 rows",), more={"onBadRows": "drop"}),
    Bad(id="more bad rows than allowed", content="id,name\n1\n2\n3,a\n", reason="TooManyBadRows", code=3, says=("2 of 3 rows",), more={"onBadRows": "drop", "maximumBadRows": 1}),
    Bad(id="data time column missing", content="id\n1\n", reason="DataTimeColumnMissing", code=2, says=("dataTimeColumn at", "which has id"), more={"dataTimeColumn": "at"}),
    Bad(id="data time column is no time", content="id\nabc\n", reason="DataTimeColumnType", code=2, says=("dataTimeColumn id",), more={"dataTimeColumn": "id"}),
    Bad(id="glob without a match", content="id\n1\n", reason="NoFilesMatch", code=2, says=("No file matches",), csv={"path": "/nowhere/*.csv"}),
    Bad(id="folder missing", content="id\n1\n", reason="FolderMissing", code=2, says=("/nowhere does not exist",), csv={"path": "/nowhere/x.csv"}),
    Bad(id="a URL", content="id\n1\n", reason="UnsupportedUrl", code=2, says=("ftp://b/x.csv",), csv={"path": "ftp://b/x.csv"}),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_bad_input_is_a_sentence(world: World, case: Bad) -> None:
    if case.before is not None:
        world.write(case.before)
        world.load()
    if case.content is not None:
        world.write(case.content)
    with pytest.raises(WorkloadError) as caught:
        world.load(csv=case.csv, write=case.write, **case.more)
    error = caught.value
    assert (error.reason, error.exit_code) == (case.reason, case.code)
    for part in case.says:
        assert part in error.message
    assert SECRET not in error.message + str(error.samples)
    assert error.message.endswith(".")


def test_a_folder_is_not_a_file(world: World, tmp_path: Path) -> None:
    with pytest.raises(WorkloadError) as caught:
        world.load(csv={"path": str(tmp_path)})
    assert caught.value.reason == "NotAFile"


@pytest.mark.parametrize(
    ("content", "reason"), [(b"this is no database" * 1000, "WarehouseCorrupt"), (None, "WarehouseMissing")]
)
def test_a_bad_warehouse_is_a_sentence(world: World, content: bytes | None, reason: str) -> None:
    world.write("id\n1\n")
    if content is None:
        world.path = world.folder / "missing" / "w.duckdb"
    else:
        world.path.write_bytes(content)
    with pytest.raises(WorkloadError) as caught:
        world.load()
    assert (caught.value.reason, caught.value.exit_code) == (reason, 2)


def test_bad_rows_are_dropped_and_counted(world: World) -> None:
    world.write("id,name\n1,a\n2\nx,c\n4,d\n")
    result = world.load(csv={"schema": {"id": "BIGINT"}}, onBadRows="drop")
    assert world.rows() == [(1, "a"), (4, "d")]
    assert (result["rowsIn"], result["rowsLoaded"], result["rowsRejected"]) == (4, 2, 2)
    assert [sample["line"] for sample in result["samples"]] == [3, 4]


def test_bad_rows_are_quarantined_with_their_text(world: World) -> None:
    world.write('id,name\n1,"a\n\na"\n2\nx,"c,c"\n4,d\n')
    result = world.load(csv={"schema": {"id": "BIGINT"}}, onBadRows="quarantine")
    found = world.rows('SELECT line, "column", raw FROM kw.raw__rejected ORDER BY line')
    assert [(line, column) for line, column, _ in found] == [(5, "name"), (6, "id")]
    assert [raw.strip() for *_, raw in found] == ["2", 'x,"c,c"']
    assert result["rowsRejected"] == 2
    assert world.rows("SELECT DISTINCT load_id FROM kw.raw__rejected") == [(result["version"],)]


@pytest.mark.parametrize("last", ["2,9", "2,true", '2,"', "2,1.5,x,y"])
def test_a_ragged_last_row_is_a_bad_row_whatever_its_fields_hold(world: World, last: str) -> None:
    """What is refused anyway is no evidence that the file changed while it was read."""
    world.write(f"id,b,c\n1,true,x\n{last}")
    with pytest.raises(WorkloadError) as caught:
        world.load()
    assert caught.value.reason in ("BadRows", "BadCsv")


@pytest.mark.parametrize(
    ("bad", "good", "more", "says"),
    [
        (2, 1, {"onBadRows": "drop", "maximumBadRows": 1}, r"more than maximumBadRows \(1\) tolerates"),
        (2, 0, {"onBadRows": "drop"}, "none is left to load"),
        (
            10_001,
            1,
            {"onBadRows": "quarantine", "maximumBadRows": 50_000},
            "more than the 10,000 that can be quarantined",
        ),
        (10_001, 1, {"onBadRows": "quarantine"}, "more than the 10,000 that can be quarantined"),
    ],
)
def test_too_many_bad_rows_are_told_with_the_limit_that_they_pass(
    world: World, bad: int, good: int, more: dict[str, object], says: str
) -> None:
    world.write("id,name\n" + "x,b\n" * bad + "1,a\n" * good)
    with pytest.raises(DataRefused, match=says) as caught:
        world.load(csv={"schema": {"id": "BIGINT"}}, **more)
    assert caught.value.reason == "TooManyBadRows"
