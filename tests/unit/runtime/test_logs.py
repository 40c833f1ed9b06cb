"""Lines that say what they are about."""

import json
import logging
import sys
from typing import Any

import pytest

from freshet.api.view import Key
from freshet.runtime import logs

ASSET = Key("Asset", "shop", "orders")


def record(message: str, *, error: bool = False) -> logging.LogRecord:
    information: Any = None
    if error:
        try:
            raise ValueError("no")
        except ValueError:
            information = sys.exc_info()
    return logging.LogRecord("freshet.x", logging.INFO, __file__, 1, message, (), information)


def test_json_has_what_is_known() -> None:
    with logs.about(ASSET):
        logs.note(pipeline="kaizen", run="u-1", nothing=None)
        line = json.loads(logs.JsonLines().format(record("Materialized: 3 rows")))
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "info",
        "logger": "freshet.x",
        "message": "Materialized: 3 rows",
        "namespace": "shop",
        "asset": "orders",
        "pipeline": "kaizen",
        "run": "u-1",
    }


def test_a_traceback_stays_on_its_line() -> None:
    text = logs.JsonLines().format(record("failed", error=True))
    assert "\n" not in text
    assert "ValueError: no" in json.loads(text)["traceback"]


def test_plain_lines_name_the_object_as_kubectl_does() -> None:
    with logs.about(ASSET):
        logs.note(run="u-1")
        line = logs.PlainLines().format(record("Materialized: 3 rows"))
    assert line.endswith("INFO Materialized: 3 rows (asset=shop/orders run=u-1)")


def test_a_pipelines_visit_is_about_the_pipeline() -> None:
    with logs.about(Key("DbtCloud", "shop", "kaizen")):
        assert logs.PlainLines().format(record("x")).endswith("x (pipeline=shop/kaizen)")


def test_nothing_is_left_behind_by_a_visit() -> None:
    with logs.about(ASSET):
        logs.note(run="u-1")
    assert logs.PlainLines().format(record("x")).endswith("INFO x")


@pytest.mark.parametrize("log_format", ["plain", "json"])
def test_every_line_of_the_process_has_the_format(log_format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", list(root.handlers))
    before = root.level
    logs.configure(log_format=log_format, verbose=False)
    (handler,) = root.handlers
    assert isinstance(handler.formatter, logs.JsonLines if log_format == "json" else logs.PlainLines)
    assert logging.getLogger("kopf").level == logging.WARNING
    root.setLevel(before)


def test_a_message_of_many_lines_is_one_line_that_says_what_it_is_about() -> None:
    """A user's own Job may say what it likes, also what looks like a line of ours."""
    with logs.about(ASSET):
        line = logs.PlainLines().format(
            record("RunFailed: no\n2026-11-24 12:00:00,000 INFO Materialized: all\r\nof it")
        )
    assert line.endswith("RunFailed: no 2026-11-24 12:00:00,000 INFO Materialized: all of it (asset=shop/orders)")
    with logs.about(ASSET):
        text = logs.PlainLines().format(record("failed", error=True))
    assert text.splitlines()[0].endswith("failed (asset=shop/orders)")
    assert text.splitlines()[-1] == "ValueError: no"
