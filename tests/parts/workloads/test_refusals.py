"""An input that was refused and has not changed is refused again, and the warehouse sleeps on."""

import gzip
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pytest
from tests.parts.workloads.lake import Lake
from tests.parts.workloads.writes import APPEND, MERGE

from freshet.workloads import refusal
from freshet.workloads.command import failure
from freshet.workloads.errors import WorkloadError

DECLARED = {"id": "BIGINT", "v": "VARCHAR"}


@dataclass(frozen=True, kw_only=True)
class Case:
    """``first``, if any, is loaded; then ``then`` is refused with ``spec``."""

    then: str
    spec: dict[str, Any]
    first: str | None = None
    of_table: bool = False


CASES = {
    "BadRows": Case(then="id,v\nx,a\n", spec={"csv": {"schema": DECLARED}}),
    "BadRows by the table": Case(first="id,v\n1,a\n", then="id,v\nx,a\n2,b\n", spec={"csv": {}}, of_table=True),
    "BadRows by a table that may be adopted": Case(
        then="id,v\nx,a,b\n", spec={"write": {**APPEND, "adopt": True}}, of_table=True
    ),
    "TooManyBadRows": Case(then="id,v\nx,a\n", spec={"csv": {"schema": DECLARED}, "onBadRows": "drop"}),
    "DuplicateKeys": Case(then="id,v\n1,a\n1,b\n", spec={"csv": {"schema": DECLARED}, "write": MERGE}),
    "KeyMissing": Case(then="id,v\n,a\n", spec={"csv": {"schema": DECLARED}, "write": MERGE}),
    "NoRows": Case(then="id,v\n", spec={}),
    "ColumnMissing": Case(then="id\n1\n", spec={"csv": {"schema": DECLARED}}),
    "FileChanged": Case(first="id,v\n1,a\n", then="id,v\n2,a\n", spec={"write": APPEND}, of_table=True),
    "SchemaChanged": Case(
        first="id,v\n1,a\n", then="id,w\n2,a\n", spec={"write": MERGE, "onSchemaChange": "fail"}, of_table=True
    ),
    "SchemaConflict": Case(
        first="id,v\n1,a\n", then="id,v\n2,a\n", spec={"write": MERGE, "csv": {"schema": {"v": "DATE"}}}, of_table=True
    ),
    "DataTimeColumnMissing of what is there": Case(
        first="id,v\n1,a\n", then="id,v\n1,a\n", spec={"write": APPEND, "dataTimeColumn": "at"}, of_table=True
    ),
    "DataTimeColumnMissing": Case(then="id,v\n1,a\n", spec={"dataTimeColumn": "at"}, of_table=True),
}


def refused(lake: Lake, *, last: dict[str, Any] | None = None, **spec: Any) -> WorkloadError:
    with pytest.raises(WorkloadError) as caught:
        lake.load(last=last, **spec)
    return caught.value


def told(error: WorkloadError) -> dict[str, Any]:
    """What the operator hands to the next pod."""
    return {"refused": failure(error)["refused"]}


def asked(lake: Lake, **more: Any) -> tuple[WorkloadError, list[str]]:
    lake.faults()
    return refused(lake, **more), lake.asked()


@pytest.mark.parametrize("name", CASES)
def test_a_refused_input_that_has_not_changed_leaves_the_warehouse_asleep(lake: Lake, name: str) -> None:
    case = CASES[name]
    if case.first is not None:
        lake.write(case.first)
        lake.load(write=case.spec.get("write"))
    lake.write(case.then)
    error = refused(lake, **case.spec)
    assert error.reason == name.partition(" ")[0]
    for _ in range(2):
        again, statements = asked(lake, last=told(error), **case.spec)
        assert statements == []
        assert (again.reason, again.message, again.exit_code) == (error.reason, error.message, error.exit_code)
        assert told(again) == told(error)
    assert error.refused is not None
    assert error.refused["ofTable"] is case.of_table


BAD = Case(then="id,v\nx,a\n1,b\n", spec={"csv": {"schema": DECLARED}})


@pytest.mark.parametrize("more", [{"onBadRows": "drop"}, {"csv": {"schema": {"id": "VARCHAR"}}}])
def test_another_spec_is_tried(lake: Lake, more: dict[str, Any]) -> None:
    lake.write(BAD.then)
    last = told(refused(lake, **BAD.spec))
    assert lake.load(last=last, **{**BAD.spec, **more})["rows"]


def test_a_limit_that_is_raised_is_tried(lake: Lake) -> None:
    """It is no part of the input's fingerprint, since it changes nothing of what is loaded."""
    lake.write(BAD.then)
    spec = {**BAD.spec, "onBadRows": "drop"}
    last = told(refused(lake, maximumBadRows=0, **spec))
    assert lake.load(last=last, maximumBadRows=1, **spec)["rowsRejected"] == 1


def test_another_input_is_tried(lake: Lake) -> None:
    lake.write(BAD.then)
    last = told(refused(lake, **BAD.spec))
    lake.write("id,v\n1,b\n")
    assert lake.load(last=last, **BAD.spec)["rows"] == 1


def test_an_input_that_is_mended_by_its_name_is_tried(lake: Lake) -> None:
    """The suffix tells how it is packed."""
    path = lake.folder / "data.csv"
    path.write_bytes(gzip.compress(b"id,v\n1,b\n", mtime=0))
    spec = {"csv": {"path": f"{lake.folder}/data*"}}
    last = told(refused(lake, **spec))
    path.rename(lake.folder / "data.csv.gz")
    assert lake.load(last=last, **spec)["rows"] == 1


def test_another_freshet_tries_it(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.write(BAD.then)
    last = told(refused(lake, **BAD.spec))
    monkeypatch.setattr(refusal, "__version__", "next")
    _, statements = asked(lake, last=last, **BAD.spec)
    assert statements


def ago(hours: float) -> str:
    return (datetime.now(UTC) - timedelta(hours=hours)).isoformat()


@pytest.mark.parametrize(
    ("since", "looked", "looks"),
    [(0.5, 0.5, False), (1.1, 1.1, True), (4.9, 2.4, False), (5.1, 2.6, True), (200, 23, False), (200, 25, True)],
)
def test_what_the_table_has_a_say_in_is_looked_at_again_ever_more_rarely(
    lake: Lake, since: float, looked: float, looks: bool
) -> None:
    case = CASES["FileChanged"]
    lake.write("id,v\n1,a\n")
    lake.load(**case.spec)
    lake.write(case.then)
    last = told(refused(lake, **case.spec))
    last["refused"] |= {"since": ago(since), "lookedAt": ago(looked)}
    again, statements = asked(lake, last=last, **case.spec)
    assert bool(statements) is looks
    assert again.refused is not None
    assert again.refused["since"] == last["refused"]["since"]
    assert (again.refused["lookedAt"] != last["refused"]["lookedAt"]) is looks


def test_a_table_that_was_mended_is_found_at_the_next_look(lake: Lake) -> None:
    case = CASES["FileChanged"]
    lake.write("id,v\n1,a\n")
    lake.load(**case.spec)
    lake.write(case.then)
    last = told(refused(lake, **case.spec))
    lake.query("DROP TABLE {raw}")
    last["refused"] |= {"since": ago(2), "lookedAt": ago(2)}
    assert lake.load(last=last, **case.spec)["rows"] == 1


def test_what_only_the_input_can_mend_is_never_looked_at_again(lake: Lake) -> None:
    lake.write(BAD.then)
    last = told(refused(lake, **BAD.spec))
    last["refused"] |= {"since": ago(9999), "lookedAt": ago(9999)}
    _, statements = asked(lake, last=last, **BAD.spec)
    assert statements == []


def test_what_passes_by_itself_is_never_remembered(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.write("id,v\n1,a\n")
    denied = "[INSUFFICIENT_PERMISSIONS] no"
    lake.faults({"action": "refuse", "statement": "^CREATE", "error": denied, "times": None})
    assert told(refused(lake)) == {"refused": None}
    lake.faults()
    monkeypatch.setenv("DATABRICKS_TOKEN", "wrong")
    assert told(refused(lake)) == {"refused": None}
    monkeypatch.delenv("DATABRICKS_TOKEN")
    assert told(refused(lake)) == {"refused": None}


def test_a_volume_that_fails_to_read_is_not_remembered_and_a_broken_archive_is(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = {"csv": {"path": str(lake.folder / "in.csv.gz")}}
    lake.write(b"\x1f\x8b\x08 this is no archive", "in.csv.gz")
    broken = refused(lake, **spec)
    assert (broken.reason, broken.refused is not None) == ("FileUnreadable", True)

    def failing(*_: Any) -> Any:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("freshet.workloads.packed._opened", failing)
    error = refused(lake, **spec)
    assert (error.reason, error.exit_code, told(error)) == ("SourceUnavailable", 4, {"refused": None})
    lake.write("id,v\n1,a\n")
    monkeypatch.setattr("freshet.workloads.header.open_text", failing)
    assert told(refused(lake)) == {"refused": None}


def test_a_volume_that_fails_while_duckdb_reads_is_not_remembered_and_a_file_that_is_cut_is(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = {"csv": {"path": str(lake.folder / "in.csv.gz")}}
    lines = "".join(f"{at},{at * 7919 % 99991}\n" for at in range(300_000))
    lake.write(gzip.compress(f"id,v\n{lines}".encode())[:-9_000], "in.csv.gz")
    cut = refused(lake, **spec)
    assert (cut.reason, cut.refused is not None) == ("FileUnreadable", True)
    lake.write(gzip.compress(b"id,v\n1,a\n"), "in.csv.gz")

    def failing(*_: Any, **__: Any) -> Any:
        raise duckdb.IOException("IO Error: Could not read from file: Input/output error")

    monkeypatch.setattr("freshet.workloads.parse._stream", failing)
    error = refused(lake, **spec)
    assert (error.reason, error.exit_code, told(error)) == ("SourceUnavailable", 4, {"refused": None})


def test_the_name_of_a_file_says_nothing_of_its_encoding(lake: Lake) -> None:
    path = lake.write(b"id,v\n1,a\r\n2,b\n", "encoded-utf8.csv")
    assert refused(lake, csv={"path": str(path), "schema": DECLARED}).reason == "BadCsv"


def test_appending_bad_rows_are_judged_anew_where_the_table_may_have_been_dropped(lake: Lake) -> None:
    """With it the files that it took come again, so that some rows of the input are good."""
    spec = {"csv": {"path": str(lake.folder / "*.csv"), "schema": DECLARED}, "write": APPEND, "onBadRows": "drop"}
    lake.write("id,v\n1,a\n", "1.csv")
    lake.load(**spec)
    lake.write("id,v\nx,b\n", "2.csv")
    error = refused(lake, **spec)
    assert error.refused is not None
    assert (error.reason, error.refused["ofTable"]) == ("TooManyBadRows", True)
    last = told(error)
    last["refused"] |= {"since": ago(2), "lookedAt": ago(2)}
    lake.query("DROP TABLE {raw}")
    assert lake.load(last=last, **spec)["rows"] == 1
