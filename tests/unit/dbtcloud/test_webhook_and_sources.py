"""Webhooks are believed only when they are genuine and new; sources.json gives sources their versions."""

import hmac
import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest

from freshet.dbtcloud.results import Missing
from freshet.dbtcloud.sources import SourceState, parse_sources
from freshet.dbtcloud.webhook import BODY_LIMIT, EventIds, WebhookRefused, receive

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SECRET = "whsec_1"


def body(**more: Any) -> bytes:
    data = {"jobId": "7", "runId": "70", "runStatus": "Success"}
    event = {"eventId": "wev_1", "timestamp": "2026-11-24T11:59:59Z", "eventType": "job.run.completed", "data": data}
    return json.dumps({**event, "accountId": 1, "webhookId": "wsu_1", **more}).encode()


def sign(raw: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), raw, sha256).hexdigest()


def test_a_genuine_one_is_read() -> None:
    event = receive(secret=SECRET, signature=sign(body()), body=body(), now=NOW)
    assert (event.event_id, event.type, event.job_id, event.run_id) == ("wev_1", "job.run.completed", 7, 70)


@pytest.mark.parametrize("data", [{}, {"jobId": 7, "runId": None}, {"jobId": "x"}, {"jobId": "٧"}])
def test_ids_may_be_anything(data: dict[str, Any]) -> None:
    raw = body(data=data)
    assert receive(secret=SECRET, signature=sign(raw), body=raw, now=NOW).run_id is None


@pytest.mark.parametrize(
    ("raw", "signature", "status", "reason"),
    [
        (body(), None, 401, "Forged"),
        (body(), "", 401, "Forged"),
        (body(), "ключ", 401, "Forged"),
        (body(), sign(body()) + "\udcff", 401, "Forged"),
        (body(), sign(body(), "other"), 401, "Forged"),
        (body() + b" ", sign(body()), 401, "Forged"),
        (b"not json", sign(b"not json"), 400, "Malformed"),
        (b"[]", sign(b"[]"), 400, "Malformed"),
        (b"{}", sign(b"{}"), 400, "Malformed"),
        (b"\xff", sign(b"\xff"), 400, "Malformed"),
        (b" " * (BODY_LIMIT + 1), sign(b" " * (BODY_LIMIT + 1)), 413, "TooLarge"),
    ],
)
def test_others_are_refused(raw: bytes, signature: str | None, status: int, reason: str) -> None:
    with pytest.raises(WebhookRefused) as caught:
        receive(secret=SECRET, signature=signature, body=raw, now=NOW)
    assert (caught.value.status, caught.value.reason) == (status, reason)
    assert SECRET not in str(caught.value)


def test_an_empty_secret_signs_nothing() -> None:
    with pytest.raises(WebhookRefused):
        receive(secret="", signature=sign(body(), ""), body=body(), now=NOW)


@pytest.mark.parametrize("away", [timedelta(hours=-2), timedelta(minutes=10)])
def test_a_replayed_one_is_refused(away: timedelta) -> None:
    raw = body(timestamp=(NOW + away).isoformat())
    with pytest.raises(WebhookRefused, match="too old"):
        receive(secret=SECRET, signature=sign(raw), body=raw, now=NOW)


def test_an_event_counts_once_and_memory_is_bounded() -> None:
    seen = EventIds(limit=2)
    assert [seen.first(key) for key in ("a", "a", "b", "c", "b", "a")] == [True, False, True, True, False, True]


def test_sources_have_the_version_of_their_newest_load() -> None:
    raw = {
        "results": [
            {
                "unique_id": "source.shop.raw.orders",
                "max_loaded_at": "2026-11-24T11:00:00+01:00",
                "snapshotted_at": "2026-11-24T11:30:00Z",
                "status": "warn",
            },
            {"unique_id": "source.shop.raw.gone", "error": "no such table", "status": "runtime error"},
            {"unique_id": "source.shop.raw.odd", "max_loaded_at": "soon"},
            {"max_loaded_at": "2026-11-24T11:00:00Z"},
        ]
    }
    assert parse_sources(json.dumps(raw).encode()) == {
        "source.shop.raw.orders": SourceState(
            unique_id="source.shop.raw.orders",
            version="2026-11-24T10:00:00Z",
            data_time=datetime(2026, 11, 24, 10, tzinfo=UTC),
            checked_at=datetime(2026, 11, 24, 11, 30, tzinfo=UTC),
            status="warn",
        )
    }


@pytest.mark.parametrize("raw", [None, b"", b"<html>", b'{"results": 1}'])
def test_sources_may_be_missing(raw: bytes | None) -> None:
    assert isinstance(parse_sources(raw), Missing)
