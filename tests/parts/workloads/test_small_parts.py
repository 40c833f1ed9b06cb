"""The pure parts: names, quoting, checks, results, columns, the lock's waiting."""

import json
import logging
import os
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.secrecy import DATABRICKS_TOKEN

from freshet.workloads.checks import evaluate
from freshet.workloads.columns import merge_types, snake, table_column
from freshet.workloads.command import run
from freshet.workloads.duckdb_file import connect, warehouse_error
from freshet.workloads.errors import DataRefused, Sample, Unavailable, WorkloadError
from freshet.workloads.log import LOG, Progress
from freshet.workloads.moments import as_time
from freshet.workloads.names import aligned
from freshet.workloads.result import LIMIT, last_result, parse_time, render, rfc3339
from freshet.workloads.spec import Checks, DuckDb, RowChecks
from freshet.workloads.sql import identifier, literal, qualified, split_relation


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("event_id", "event_id"),
        ("Event ID", "event_id"),
        ("eventId", "event_id"),
        ("HTTPStatus", "http_status"),
        ("  spaced  ", "spaced"),
        ("2nd", "_2nd"),
        ("a--b", "a_b"),
        ("%", ""),
    ],
)
def test_snake(name: str, expected: str) -> None:
    assert snake(name) == expected


@given(st.text())
def test_snake_is_stable(name: str) -> None:
    assert snake(snake(name)) == snake(name).lstrip("_") or snake(snake(name)) == snake(name)


@given(st.lists(st.text(min_size=1), min_size=1, max_size=3), st.sampled_from('"`'))
def test_quoted_relations_come_apart_again(parts: list[str], mark: str) -> None:
    assert split_relation(qualified(parts, mark=mark)) == tuple(parts)


@pytest.mark.parametrize("text", ["", "a.", ".a", 'a"b', '"a', '""', '"a"b'])
def test_a_relation_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"quote|empty|dot"):
        split_relation(text)


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",))))
def test_quoting_holds_whatever_comes(text: str) -> None:
    with duckdb.connect() as con:
        row = con.execute(f"SELECT {literal(text)} AS {identifier('x' + text)}").fetchone()
    assert row == (text,)


@pytest.mark.parametrize(
    ("rows", "previous", "passed"),
    [(10, None, True), (10, 0, True), (80, 100, True), (79, 100, False), (200, 100, True)],
)
def test_a_drop_is_judged_against_what_was_there(rows: int, previous: int | None, passed: bool) -> None:
    checks = Checks(rows=RowChecks(maximum_drop_percent=20))
    assert [check["passed"] for check in evaluate(checks=checks, rows=rows, previous=previous)] == [passed]


def test_minimum_and_maximum() -> None:
    checks = Checks(rows=RowChecks(minimum=5, maximum=10, severity="warn"))
    found = {
        rows: [check["passed"] for check in evaluate(checks=checks, rows=rows, previous=None)] for rows in (4, 5, 11)
    }
    assert found == {4: [False, True], 5: [True, True], 11: [True, False]}
    assert evaluate(checks=None, rows=1, previous=1) == []


@pytest.mark.parametrize(
    ("limit", "rows", "passed", "shown"),
    [
        (20, 7_996, False, "20.04 % fewer, at most 20 %"),
        (20, 8_000, True, "20.0 % fewer, at most 20 %"),
        (20, 8_004, True, "20.0 % fewer, at most 20 %"),
        (20.05, 7_995, True, "20.05 % fewer, at most 20.05 %"),
        (20.04, 7_995, False, "20.1 % fewer, at most 20.04 %"),
        (0, 9_999, False, "0.01 % fewer, at most 0 %"),
        (20, 5_000, False, "50.0 % fewer, at most 20 %"),
    ],
)
def test_a_drop_is_told_as_it_is_judged(limit: float, rows: int, passed: bool, shown: str) -> None:
    checks = Checks(rows=RowChecks(maximum_drop_percent=limit))
    [found] = evaluate(checks=checks, rows=rows, previous=10_000)
    assert (found["passed"], shown in found["message"]) == (passed, True), found["message"]


@given(
    st.fixed_dictionaries(
        {
            "message": st.text(max_size=9000),
            "error": st.fixed_dictionaries({"reason": st.just("X"), "message": st.text(max_size=9000)}),
            "samples": st.lists(
                st.fixed_dictionaries({"line": st.integers(), "reason": st.text(max_size=3000)}), max_size=30
            ),
            "checks": st.lists(st.fixed_dictionaries({"message": st.text(max_size=900)}), max_size=100),
            "rows": st.just(7),
            "version": st.none(),
        }
    )
)
def test_a_result_always_fits(result: dict[str, Any]) -> None:
    encoded = render(result)
    assert len(encoded) <= LIMIT
    found = json.loads(encoded)
    assert (found["rows"], found["error"]["reason"]) == (7, "X")
    assert "version" not in found


def test_a_short_result_is_left_as_it_is() -> None:
    assert json.loads(render({"message": "ä" * 900})) == {"message": "ä" * 900}


def test_times() -> None:
    moment = datetime(2026, 11, 23, 23, 55, 0, 123456, tzinfo=UTC)
    assert rfc3339(moment) == "2026-11-23T23:55:00.123456Z"
    assert parse_time(rfc3339(moment)) == moment


@pytest.mark.parametrize("hours", [-5, 0, 5])
@pytest.mark.parametrize("found", [datetime(24, 1, 5), datetime.min, datetime.max])
def test_a_time_of_any_year_is_told_in_four_digits(found: datetime, hours: int) -> None:
    """A warehouse may answer in a zone in which the calendar's ends are beyond it in UTC."""
    told = as_time(found.replace(tzinfo=timezone(timedelta(hours=hours))), column="at")
    assert told is not None
    assert (rfc3339(told)[4], parse_time(rfc3339(told))) == ("-", told)


@pytest.mark.parametrize("text", ["", "{", "[]", "null"])
def test_a_last_result_that_cannot_be_read_is_none(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("FRESHET_LAST_RESULT", text)
    assert last_result() == {}


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        (["BIGINT", "BIGINT"], "BIGINT"),
        (["BIGINT", "DOUBLE"], "DOUBLE"),
        (["DATE", "TIMESTAMP"], "TIMESTAMP"),
        (["DATE", "BIGINT"], "VARCHAR"),
    ],
)
def test_one_type_for_several_files(kinds: list[str], expected: str) -> None:
    assert merge_types(kinds) == expected


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_waiting_for_a_lock_is_bounded_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def locked(*_: object, **__: object) -> None:
        raise duckdb.IOException('IO Error: Could not set lock on file "x": Conflicting lock is held in y (PID 1)')

    monkeypatch.setattr(duckdb, "connect", locked)
    monkeypatch.setattr(LOG, "propagate", True)
    clock = Clock()
    where = DuckDb(path=str(tmp_path / "w.duckdb"), lock_timeout=30)
    opening = connect(where, read_only=False, clock=clock, sleep=clock.sleep)
    with caplog.at_level(logging.INFO, logger=LOG.name), pytest.raises(Unavailable) as caught, opening:
        raise AssertionError("never open")
    assert caught.value.reason == "WarehouseLocked"
    assert 30 <= clock.now < 31
    assert "Waiting for" in caplog.messages[0]
    assert 3 <= len([text for text in caplog.messages if text.startswith("Still waiting")]) <= 6


@pytest.mark.parametrize(
    ("text", "reason", "code"),
    [
        ('Cannot open file "x": Permission denied', "WarehouseNotWritable", 2),
        ("file is not a valid DuckDB database file!", "WarehouseCorrupt", 2),
        ("Could not write: No space left on device", "WarehouseFull", 4),
        ("Out of Memory Error: could not allocate", "OutOfMemory", 4),
        ("TransactionContext Error: Failed to commit: failed to pin block of size 256.0 KiB", "OutOfMemory", 4),
        ("something with a value in it", "WarehouseFailed", 4),
    ],
)
def test_what_duckdb_says_becomes_a_sentence(text: str, reason: str, code: int) -> None:
    error = warehouse_error(duckdb.IOException(text), path="/w.duckdb")
    assert (error.reason, error.exit_code) == (reason, code)
    assert "value" not in error.message


def test_progress_speaks_now_and_then(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LOG, "propagate", True)
    clock = Clock()
    progress = Progress(clock=clock, every=5)
    with caplog.at_level(logging.INFO, logger=LOG.name):
        for _ in range(21):
            progress.say("at %s", clock.now)
            clock.sleep(1)
    assert caplog.messages == ["at 5.0", "at 10.0", "at 15.0", "at 20.0"]


def because(cause: Exception) -> WorkloadError:
    error = Unavailable("SourceUnavailable", "It did not answer.")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (RuntimeError("secret"), 1, "Unexpected"),
        (DataRefused("BadRows", "One is bad."), 3, "BadRows"),
        (because(RuntimeError("secret")), 4, "SourceUnavailable"),
    ],
)
@pytest.mark.parametrize("debug", [False, True])
def test_every_failure_leaves_one_sentence(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    error: Exception,
    code: int,
    reason: str,
    debug: bool,
) -> None:
    path = tmp_path / "result.json"
    monkeypatch.setenv("FRESHET_TERMINATION_LOG", str(path))

    def work(_started: datetime) -> dict[str, Any]:
        raise error

    with pytest.raises(SystemExit) as caught:
        run("ingest", work, debug=debug, leave=sys.exit)
    assert caught.value.code == code
    result = json.loads(path.read_text())
    assert result["error"]["reason"] == reason
    assert "secret" not in result["error"]["message"]
    err = capfd.readouterr().err
    assert ("secret" in err) == (debug and reason != "BadRows")


def test_what_is_behind_an_error_is_shown_without_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FRESHET_TERMINATION_LOG", str(tmp_path / "result.json"))
    monkeypatch.setenv("HTTPS_AUTHORIZATION", f"Bearer {DATABRICKS_TOKEN}\n")

    def work(_started: datetime) -> dict[str, Any]:
        raise because(RuntimeError(f"Illegal header value b'Bearer {DATABRICKS_TOKEN}'"))

    with pytest.raises(SystemExit):
        run("ingest", work, debug=True, leave=sys.exit)
    assert "RuntimeError: Illegal header value b'***'" in capfd.readouterr().err


def test_samples_are_at_most_three(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "result.json"
    monkeypatch.setenv("FRESHET_TERMINATION_LOG", str(path))
    samples = [Sample(line=line, column=None, reason="too few columns") for line in range(9)]

    def work(_started: datetime) -> dict[str, Any]:
        raise DataRefused("BadRows", "Bad.", samples=samples, rows_in=9, rows_rejected=9)

    with pytest.raises(SystemExit):
        run("ingest", work, debug=False, leave=sys.exit)
    result = json.loads(path.read_text())
    assert result["samples"] == [{"line": line, "reason": "too few columns"} for line in range(3)]
    assert result["rowsRejected"] == 9
    assert os.path.getsize(path) <= LIMIT


def test_duckdb_holds_no_more_while_writing_than_it_did_while_parsing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FRESHET_LOAD_MEMORY", raising=False)
    with connect(DuckDb(path=str(tmp_path / "w.duckdb")), read_only=False) as con:
        assert con.execute("SELECT current_setting('memory_limit')").fetchone() == ("122.0 MiB",)


TABLE = [table_column(name, "BIGINT") for name in ("eventId", "Event ID", "V", "Größe")]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["eventId", "v"], ["event_id", "event id", "v", "Größe"]),
        (["EVENT ID", "Größe"], ["eventid", "event_id", "v", "gr_e"]),
        (["event_id"], ["event_id", "event id", "v", "Größe"]),
        (["EVENTID", "eventId"], ["eventid", "event_id", "v", "Größe"]),
        (["other", "_v"], ["eventid", "event id", "v", "Größe"]),
    ],
)
def test_a_column_of_the_table_is_called_as_the_input_does(names: list[str], expected: list[str]) -> None:
    found = aligned(TABLE, names=names)
    assert [column.name for column in found] == expected
    assert [column.in_table for column in found] == ["eventId", "Event ID", "V", "Größe"]
    assert aligned(TABLE, names=names[::-1]) == found
