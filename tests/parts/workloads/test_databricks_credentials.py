"""What a Secret and a Job hand to the connector, and what Databricks says of it, by the real connector."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.parts.workloads.lake import Lake, count
from tests.support.secrecy import DATABRICKS_CLIENT_SECRET
from tests.support.serving import Quiet, serving

from freshet.workloads.databricks_sql import LONGEST, connection_options
from freshet.workloads.errors import WorkloadError


@pytest.mark.parametrize(("seconds", "set_"), [(60, 60), (LONGEST, LONGEST), (3 * 86_400, LONGEST)])
def test_no_statement_is_given_longer_than_databricks_takes(lake: Lake, seconds: int, set_: int) -> None:
    """A Job may take longer: Databricks would not open a session."""
    options = connection_options(os.environ, timeout=seconds)
    assert options["session_configuration"] == {"STATEMENT_TIMEOUT": str(set_)}
    assert "STATEMENT_TIMEOUT" not in connection_options(os.environ)["session_configuration"]
    lake.write("id,v\n1,a\n")
    assert lake.load(timeout=seconds)["rows"] == count(lake, timeout=seconds)["rows"] == 1


@pytest.fixture
def machine(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """OAuth machine-to-machine."""
    monkeypatch.delenv("DATABRICKS_TOKEN")
    for name in ("DATABRICKS_CLIENT_ID", "DATABRICKS_CLIENT_SECRET"):
        monkeypatch.setenv(name, DATABRICKS_CLIENT_SECRET)
    lake.write("id,v\n1,a\n")
    return lake


def refusals(lake: Lake) -> Iterator[WorkloadError]:
    """Of a load and of a count."""
    work: tuple[Callable[[], Any], ...] = (lake.load, lambda: count(lake))
    for ask in work:
        with pytest.raises(WorkloadError) as caught:
            ask()
        yield caught.value


@pytest.mark.parametrize("word", ["unauthorized_client", "invalid_scope", "invalid_request", "access_denied"])
def test_a_principal_that_is_given_no_token_is_one_sentence(machine: Lake, word: str) -> None:
    machine.faults({"action": "refuse", "statement": "FETCH TOKEN", "error": f"[{word}] It may not.", "times": None})
    for error in refusals(machine):
        assert (error.reason, error.exit_code) == ("AuthenticationFailed", 2)
        assert f"gives the service principal no token ({word})" in error.message
        assert "warehouse.databricks.secretRef" in error.message


@pytest.mark.parametrize("statement", ["OPEN SESSION", "information_schema|count"])
@pytest.mark.parametrize(
    ("status", "reason", "words"),
    [(403, "PermissionDenied", "IP access lists"), (401, "AuthenticationFailed", "refuses the credentials")],
)
def test_a_refusal_without_a_word_is_no_silence(
    lake: Lake, statement: str, status: int, reason: str, words: str
) -> None:
    """IP access lists answer so: the connector looks for headers alone, and finds none."""
    lake.write("id,v\n1,a\n")
    lake.faults({"action": "status", "statement": statement, "status": status, "times": None})
    for error in refusals(lake):
        assert (error.reason, error.exit_code) == (reason, 2)
        assert words in error.message


@pytest.fixture
def elsewhere(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a web server that answers any question alike: ``request.param`` is status and type."""
    status, kind = request.param

    class Handler(Quiet):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

    with serving(Handler) as address:
        yield address


@pytest.mark.parametrize(
    ("elsewhere", "reason", "words"),
    [
        ((404, "text/html"), "WarehouseMissing", "There is no Databricks workspace at 127.0.0.1"),
        ((200, "text/html"), "WarehouseMissing", "There is no Databricks workspace at 127.0.0.1"),
        ((302, "text/html"), "WarehouseMissing", "There is no Databricks workspace at 127.0.0.1"),
        ((403, "text/plain"), "PermissionDenied", "IP access lists"),
        ((200, "application/json"), "WarehouseUnavailable", "it is tried again"),
    ],
    indirect=["elsewhere"],
)
def test_a_host_that_is_no_workspace_is_one_sentence(
    machine: Lake, monkeypatch: pytest.MonkeyPatch, elsewhere: str, reason: str, words: str
) -> None:
    monkeypatch.setenv("DATABRICKS_SERVER_HOSTNAME", elsewhere)
    for error in refusals(machine):
        assert (error.reason, words in error.message) == (reason, True), error.message


def test_a_host_that_nothing_answers_at_is_tried_again(machine: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_SERVER_HOSTNAME", "http://127.0.0.1:9")
    monkeypatch.setattr("freshet.workloads.databricks_oauth._PATIENCE", 1)
    assert [error.reason for error in refusals(machine)] == ["WarehouseUnavailable"] * 2


@pytest.mark.parametrize("value", ["dapi\u2013x", "t\u00f6ken", "dapi\nx"])
@pytest.mark.parametrize("name", ["TOKEN", "CLIENT_SECRET", "HTTP_PATH"])
def test_a_character_that_cannot_be_is_said_before_anybody_is_asked(name: str, value: str) -> None:
    environ = dict.fromkeys(("SERVER_HOSTNAME", "HTTP_PATH", "TOKEN", "CLIENT_ID", "CLIENT_SECRET"), "x")
    environ[name] = value
    with pytest.raises(WorkloadError, match=r"In the Secret .* \(warehouse.databricks.secretRef\)") as caught:
        connection_options({f"DATABRICKS_{key}": text for key, text in environ.items()})
    assert (caught.value.reason, caught.value.exit_code) == ("AuthenticationFailed", 2)
    assert value not in caught.value.message
    called = {"TOKEN": "token", "CLIENT_SECRET": "clientSecret", "HTTP_PATH": "httpPath"}
    assert f"Secret {called[name]} must" in caught.value.message


def test_wrong_credentials_are_one_sentence(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_TOKEN", "wrong")
    lake.write("id,v\n1,a\n")
    for work in (lake.load, lambda: count(lake, "raw")):
        with pytest.raises(WorkloadError) as caught:
            work()
        assert (caught.value.reason, caught.value.exit_code) == ("AuthenticationFailed", 2)
        assert "wrong" not in caught.value.message


def test_oauth_from_machine_to_machine(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABRICKS_TOKEN")
    monkeypatch.setenv("DATABRICKS_CLIENT_ID", DATABRICKS_CLIENT_SECRET)
    monkeypatch.setenv("DATABRICKS_CLIENT_SECRET", DATABRICKS_CLIENT_SECRET)
    lake.write("id,v\n1,a\n")
    assert lake.load()["rows"] == 1
    assert count(lake, "raw")["rows"] == 1
    monkeypatch.setenv("DATABRICKS_CLIENT_SECRET", "wrong")
    with pytest.raises(WorkloadError) as caught:
        count(lake, "raw")
    assert caught.value.reason == "AuthenticationFailed"


def test_a_token_is_not_sent_in_the_clear(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_SERVER_HOSTNAME", "http://dbc.example.com")
    with pytest.raises(WorkloadError, match="in the clear"):
        count(lake, "raw")
