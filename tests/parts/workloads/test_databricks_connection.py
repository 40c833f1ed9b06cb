"""The way to a SQL warehouse: its path, its host, and the time that it takes to start."""

import re
import socket
from typing import Any

import pytest
from tests.parts.workloads.lake import Lake, count

from freshet.workloads import databricks_sql
from freshet.workloads.count_databricks import ask_databricks
from freshet.workloads.databricks_sql import RETRIES
from freshet.workloads.errors import WorkloadError


def test_a_path_at_which_there_is_no_warehouse_is_one_sentence(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_HTTP_PATH", "/sql/1.0/warehouses/typo")
    lake.write("id,v\n1,a\n")
    for work in (lake.load, lambda: count(lake, "raw")):
        with pytest.raises(WorkloadError, match="no SQL warehouse at that httpPath") as caught:
            work()
        assert (caught.value.reason, caught.value.exit_code) == ("WarehouseMissing", 2)


@pytest.mark.parametrize("errno", [socket.EAI_NONAME, socket.EAI_AGAIN])
def test_a_host_that_nobody_has_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, errno: int) -> None:
    """A name server that does not answer is another matter, and so is a proxy."""

    def unknown(host: str, *_: object) -> None:
        raise socket.gaierror(errno, host)

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    monkeypatch.setattr(databricks_sql, "getproxies", dict)
    monkeypatch.setattr("databricks.sql.connect", lambda **options: connect(**options))
    environ = {"SERVER_HOSTNAME": "dbc-typo.example.com", "HTTP_PATH": "/sql/1", "TOKEN": "t"}
    asked: list[str] = []

    def connect(**options: Any) -> None:
        asked.append(options["server_hostname"])
        raise RuntimeError("no answer")

    def ask() -> str:
        named = {f"DATABRICKS_{name}": value for name, value in environ.items()}
        with pytest.raises(WorkloadError) as caught:
            ask_databricks(parts=["s", "t"], column=None, environ=named)
        assert caught.value.reason == "WarehouseUnavailable"
        return caught.value.message

    assert ("There is no host dbc-typo.example.com" in ask()) == (errno == socket.EAI_NONAME)
    assert len(asked) == (errno != socket.EAI_NONAME)
    monkeypatch.setattr(databricks_sql, "getproxies", lambda: {"https": "http://proxy"})
    ask()
    assert asked


def test_a_warehouse_that_starts_is_waited_for_and_that_is_said(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("freshet.workloads.waiting.PATIENCE", 0.1)
    monkeypatch.setattr("freshet.workloads.waiting.EVERY", 0.1)
    monkeypatch.setattr("freshet.workloads.waiting.LOG.propagate", True)
    monkeypatch.setitem(RETRIES, "_retry_delay_max", 5)
    lake.write("id,v\n1,a\n")
    lake.load()
    lake.faults({"action": "status", "statement": "OPEN SESSION", "status": 503, "retryAfter": 1})
    with caplog.at_level("INFO", logger="freshet.workloads"):
        assert count(lake, "raw")["rows"] == 1
    assert "Waiting for the Databricks SQL warehouse at 127.0.0.1" in caplog.text


@pytest.mark.parametrize(
    ("statement", "reason"), [("OPEN SESSION", "WarehouseUnavailable"), ("^UPLOAD", "StagingFailed")]
)
def test_what_does_not_come_is_waited_for_once(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, statement: str, reason: str
) -> None:
    """The connector has been patient for a quarter of an hour: three times that is more than a Job may take."""
    monkeypatch.setitem(RETRIES, "_retry_delay_max", 5)
    monkeypatch.setitem(RETRIES, "_retry_stop_after_attempts_count", 2)
    lake.write("id,v\n1,a\n")
    lake.faults({"action": "status", "statement": statement, "status": 503, "retryAfter": 1, "times": None})
    with pytest.raises(WorkloadError) as caught:
        lake.load()
    assert caught.value.reason == reason
    asked = [text for text in lake.asked() if re.match(statement, text)]
    assert 1 <= len(asked) <= 3
