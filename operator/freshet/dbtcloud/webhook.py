"""dbt Cloud's webhooks: is it genuine, is it new, and which run is it about? Pure but for the memory of event ids.

``Authorization`` is the hexadecimal HMAC-SHA256 of the raw body under the webhook's secret. A webhook only wakes the
poller: it is never believed about results. It comes up to six times, and late.
"""

import hmac
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import msgspec

from freshet.dbtcloud.model import utc

__all__ = ["BODY_LIMIT", "EventIds", "WebhookEvent", "WebhookRefused", "receive"]

BODY_LIMIT = 64 << 10
REPLAY_WINDOW = timedelta(hours=1)
AHEAD = timedelta(minutes=5)


class WebhookRefused(Exception):
    """Answer it with `status` (400, 401, 413). The sentence names no secret and nothing of the body."""

    def __init__(self, message: str, *, status: int, reason: str) -> None:
        super().__init__(message)
        self.status, self.reason = status, reason


@dataclass(frozen=True, kw_only=True)
class WebhookEvent:
    """A genuine one. Ids are None where the body has none: then the whole job is looked at."""

    event_id: str
    type: str
    at: datetime
    job_id: int | None = None
    run_id: int | None = None


def receive(*, secret: str, signature: str | None, body: bytes, now: datetime) -> WebhookEvent:
    """Verify, then read. Raises WebhookRefused."""
    if len(body) > BODY_LIMIT:
        raise WebhookRefused(f"a webhook's body has at most {BODY_LIMIT} bytes", status=413, reason="TooLarge")
    if not secret or not _is_genuine(secret=secret, signature=signature, body=body):
        raise WebhookRefused("the webhook's signature is not right: compare the secret", status=401, reason="Forged")
    event = _read(body)
    if not now - REPLAY_WINDOW <= event.at <= now + AHEAD:
        raise WebhookRefused("the webhook is too old, or of the future", status=400, reason="Replayed")
    return event


class EventIds:
    """Which events came already: the newest `limit`. `first` is true once for each."""

    def __init__(self, *, limit: int = 4096) -> None:
        self._limit = limit
        self._seen: OrderedDict[str, None] = OrderedDict()

    def first(self, event_id: str) -> bool:
        """Is it new? It is not any more after this call."""
        if event_id in self._seen:
            return False
        self._seen[event_id] = None
        if len(self._seen) > self._limit:
            self._seen.popitem(last=False)
        return True


class _Body(msgspec.Struct):
    eventId: str
    timestamp: datetime
    eventType: str = ""
    data: dict[str, Any] = {}


def _is_genuine(*, secret: str, signature: str | None, body: bytes) -> bool:
    expected = hmac.new(secret.encode(), body, sha256).hexdigest()
    given = (signature or "").strip().lower()
    return hmac.compare_digest(expected.encode(), given.encode(errors="replace"))  # aiohttp's surrogates for odd bytes


def _read(body: bytes) -> WebhookEvent:
    try:
        read = msgspec.json.decode(body, type=_Body)
    except (msgspec.DecodeError, UnicodeError):
        text = "the webhook's body is not what dbt Cloud sends"
        raise WebhookRefused(text, status=400, reason="Malformed") from None
    at = utc(read.timestamp)
    assert at is not None
    return WebhookEvent(
        event_id=read.eventId,
        type=read.eventType,
        at=at,
        job_id=_number(read.data.get("jobId")),
        run_id=_number(read.data.get("runId")),
    )


def _number(value: Any) -> int | None:
    """Ids inside ``data`` are strings."""
    return int(value) if str(value).isascii() and str(value).isdecimal() else None
