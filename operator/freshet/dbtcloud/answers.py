"""Judging one HTTP answer: pure. What it holds, or which error it is (:mod:`.errors`).

The question is always the same: did something happen? An answer to a GET that cannot be read is a failure like any
other; the same answer to a POST leaves it open whether a run exists, and is therefore ambiguous.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from freshet.dbtcloud import errors
from freshet.dbtcloud.retry import parse_retry_after

__all__ = ["Reply", "data_of", "error_of", "extra_of"]

DETAIL_LIMIT = 300


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An answer: to which request (`what` is one phrase for people), and what came."""

    method: str
    what: str
    code: int
    headers: dict[str, str]
    body: bytes
    now: datetime


def error_of(reply: Reply) -> errors.DbtCloudError | None:
    """The error that this answer is, if it is one."""
    code, what = reply.code, reply.what
    if 200 <= code < 300:
        return None
    if code in (401, 403):
        return errors.AuthenticationFailed(_authentication(reply), code=code)
    if code == 404:
        return errors.NotFound(f"dbt Cloud has no {what}, or the token may not see it (404)", code=code)
    if code == 429:
        wait = parse_retry_after(reply.headers.get("retry-after"), now=reply.now)
        text = f"dbt Cloud limits the account's requests (429) for {what}: freshet slows down"
        return errors.RateLimited(text, code=code, retry_after=wait)
    if code >= 500 or code == 408:
        return _unknown(reply, f"answered {code}")
    if 300 <= code < 400:
        target = reply.headers.get("location", "elsewhere")
        return errors.Refused(f"dbt Cloud redirects {what} to {target}: correct dbtCloud.host", code=code)
    if reply.method != "GET" and not isinstance((_envelope(reply) or {}).get("status"), dict):
        return _unknown(reply, f"answered {code}, and not in its own words,")  # a proxy, or a firewall
    return errors.Refused(f"dbt Cloud refused {what} ({code}): {_detail(reply.body)}", code=code)


def data_of(reply: Reply) -> Any:
    """``data`` of the envelope. Raises ServerError or AmbiguousAnswer where the body is not that envelope."""
    envelope = _envelope(reply)
    if envelope is None or "data" not in envelope:
        raise _unknown(reply, "sent something else than its JSON envelope" if reply.body else "sent an empty answer")
    return envelope["data"]


def extra_of(reply: Reply) -> dict[str, Any]:
    """``extra`` of the envelope, or nothing."""
    extra = (_envelope(reply) or {}).get("extra")
    return extra if isinstance(extra, dict) else {}


def _unknown(reply: Reply, how: str) -> errors.DbtCloudError:
    wait = parse_retry_after(reply.headers.get("retry-after"), now=reply.now)
    if reply.method == "GET":
        text = f"dbt Cloud {how} for {reply.what}: trying again may help"
        return errors.ServerError(text, code=reply.code, retry_after=wait)
    text = f"dbt Cloud {how} for {reply.what}: it is not known whether it took effect"
    return errors.AmbiguousAnswer(text, code=reply.code, retry_after=wait)


def _authentication(reply: Reply) -> str:
    if reply.code == 401:
        return "dbt Cloud does not accept the token (401): put a valid service token into the Secret"
    return f"the dbt Cloud token may not be used for {reply.what} (403): give it the permission set Job Admin"


def _envelope(reply: Reply) -> dict[str, Any] | None:
    try:
        return msgspec.json.decode(reply.body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeError):
        return None


def _detail(body: bytes) -> str:
    """The service's own words: ``data`` as text, the user's message, the developer's, whichever say something."""
    try:
        envelope = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeError):
        return "it gave no reason"
    status = envelope.get("status") if isinstance(envelope.get("status"), dict) else {}
    parts = [status.get("user_message"), status.get("developer_message"), envelope.get("data")] if status else []
    words = [_plain(part) for part in parts if part]
    return " ".join(dict.fromkeys(word for word in words if word))[:DETAIL_LIMIT] or "it gave no reason"


def _plain(part: Any) -> str:
    text = part if isinstance(part, str) else msgspec.json.encode(part).decode()
    return " ".join(text.split())
