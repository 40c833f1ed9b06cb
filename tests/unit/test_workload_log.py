"""Lines of loads and counts for machines, as the operator's are."""

import json
import logging
from functools import partial

import pytest

from freshet.workloads import log

SPEC = '{"namespace": "shop", "asset": "orders", "pipeline": "kaizen", "key": "orders"}'


def line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], **env: str) -> str:
    monkeypatch.setattr(log.LOG, "handlers", [])
    monkeypatch.setattr(log.LOG, "propagate", False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    log.set_up(debug=False)
    log.LOG.info("%s rows", 3)
    return capsys.readouterr().err


def test_json_names_what_it_is_about(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    env = {"LOG_FORMAT": "json", "FRESHET_SPEC": SPEC, "FRESHET_RUN": "u-1"}
    read = json.loads(line(monkeypatch, capsys, **env))
    about = {"namespace": "shop", "asset": "orders", "pipeline": "kaizen", "run": "u-1"}
    assert about.items() <= read.items()
    assert (read["message"], read["level"], read["time"][-1]) == ("3 rows", "info", "Z")


def test_a_spec_that_cannot_be_read_spoils_no_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    read = json.loads(line(monkeypatch, capsys, LOG_FORMAT="json", FRESHET_SPEC="not JSON"))
    assert set(read) == {"time", "level", "logger", "message"}


def test_a_traceback_stays_on_its_line() -> None:
    try:
        raise ValueError("no")
    except ValueError as error:
        failed = logging.LogRecord("x", logging.ERROR, "", 1, "failed", (), (ValueError, error, error.__traceback__))
    text = log.JsonLines(about={}).format(failed)
    assert "\n" not in text
    assert "ValueError: no" in json.loads(text)["traceback"]


def test_plain_is_the_default(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert line(monkeypatch, capsys).endswith("INFO 3 rows\n")


@pytest.mark.parametrize("form", ["json", "plain"])
def test_what_a_library_warns_of_is_for_debug_and_without_signatures(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    monkeypatch.setattr(logging, "lastResort", None)
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    line(monkeypatch, capsys, LOG_FORMAT=form)
    warn = partial(
        logging.getLogger("databricks.sql").warning, "no answer of %s", "https://x/y?X-Amz-Signature=d34d&a=b"
    )
    warn()
    assert capsys.readouterr().err == ""
    log.set_up(debug=True)
    warn()
    shown = capsys.readouterr().err
    assert "no answer of https://x/y?***" in shown
    assert "d34d" not in shown
