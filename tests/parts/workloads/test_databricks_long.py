"""A load that takes longer than a token lives, or than a session is kept that nobody uses."""

import base64
import json
import re
import time
from collections.abc import Callable
from typing import Any, Self

import pytest
from tests.parts.workloads.lake import Lake

from freshet.workloads.databricks_sql import Sql

LIFE_SECONDS = 30
"""Databricks' SDK gets another token when one has less than forty seconds left."""


def token(lake: Lake, number: int) -> str:
    """As Databricks makes them: the connector reads in it how long it lives."""
    claims = {"iss": lake.server.url, "exp": int(time.time()) + LIFE_SECONDS, "jti": str(number)}
    parts = [json.dumps(part).encode() for part in ({"alg": "none"}, claims)]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (*parts, b"signed"))


@pytest.fixture
def issued(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The stand-in takes the newest token alone."""
    found: list[str] = []

    def issue(handler: Any, _body: bytes) -> None:
        found.append(token(lake, len(found)))
        lake.server.token = found[-1]
        handler._json(200, {"access_token": found[-1], "token_type": "Bearer", "expires_in": LIFE_SECONDS})

    monkeypatch.setattr(lake.server, "token", lake.server.token)
    monkeypatch.setattr(lake.server._http.RequestHandlerClass, "_oauth", issue)
    monkeypatch.delenv("DATABRICKS_TOKEN")
    monkeypatch.setenv("DATABRICKS_CLIENT_ID", "machine")
    monkeypatch.setenv("DATABRICKS_CLIENT_SECRET", "key")
    return found


@pytest.mark.parametrize("statement", ["OPEN SESSION", "PUT", "COPY INTO", "INSERT", "ALTER TABLE", "MERGE INTO"])
def test_a_token_that_ends_meanwhile_is_followed_by_another(
    lake: Lake, issued: list[str], monkeypatch: pytest.MonkeyPatch, statement: str
) -> None:
    run, ended = lake.server.faults.run, []

    def ending(asked: str, work: Callable[[], Any]) -> Any:
        if re.match(statement, asked):
            ended.append(lake.server.token)
            lake.server.token = "ended"
        return run(asked, work)

    lake.write("id,v\n1,a\n")
    assert lake.load()["rows"] == 1
    monkeypatch.setattr(lake.server.faults, "run", ending)
    lake.write("id,v\n1,a\n2,b\nx,c\n")
    told = lake.load(csv={"schema": {"id": "BIGINT"}}, onBadRows="quarantine")
    assert (told["rows"], told["rowsRejected"]) == (2, 1)
    assert ended
    assert set(ended) < set(issued), "each was of the issuer, and another followed"


class Session:
    """What the connector opens; it is its own cursor."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.is_open = True

    def cursor(self) -> Self:
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def execute(self, statement: str, _values: object) -> None:
        assert self.is_open
        self.asked.append(statement)

    def fetchall(self) -> list[tuple[int]]:
        return [(1,)]

    def close(self) -> None:
        self.is_open = False


def test_a_session_that_was_not_used_for_long_is_not_trusted() -> None:
    """dlt carries rows in sessions of its own, for as long as that takes."""
    opened: list[Session] = []
    now = [0.0]

    def connect() -> Session:
        opened.append(Session())
        return opened[-1]

    sql = Sql(connect=connect, host="dbc", clock=lambda: now[0])
    for at, statement in ((0, "a"), (200, "b"), (400, "c"), (4000, "d"), (4100, "e")):
        now[0] = at
        assert sql.ask(statement) == [(1,)]
    assert [session.asked for session in opened] == [["a", "b", "c"], ["d", "e"]]
    assert [session.is_open for session in opened] == [False, True]
