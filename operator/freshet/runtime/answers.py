"""From the API's failures to this package's errors. Pure; the Status object is described in the API conventions,
"Response Status Kind" (https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md).
"""

import contextlib
from typing import Any

import msgspec

from freshet.runtime import errors

__all__ = ["error_of"]

DEFAULT_RETRY_SECONDS = 1.0


def error_of(*, code: int, body: bytes, retry_after: str | None = None, what: str = "") -> errors.KubeError:
    """The error for an answer that is not 2xx. ``what``: the request in words, used where the answer has none."""
    status = _status(body)
    reason = str(status.get("reason") or "")
    message = " ".join(str(status.get("message") or f"{what}: HTTP {code}").split())
    causes = _causes(status)
    if code == 409:
        return _conflict(reason, message, causes)
    if code == 404:
        return errors.Gone(message)
    if code == 410:
        return errors.Expired(message)
    if code == 429:
        return errors.Throttled(message, retry_after=_seconds(retry_after) or DEFAULT_RETRY_SECONDS)
    if code == 401:
        return errors.Unavailable(f"{what}: the API server does not accept our credentials (401)")
    if code >= 500 or code == 408:
        return errors.Unavailable(message, retry_after=_seconds(retry_after))
    return errors.Refused(message, reason=reason or str(code), causes=causes, invalid=code != 403)


def _conflict(reason: str, message: str, causes: tuple[tuple[str, str], ...]) -> errors.KubeError:
    if reason == "AlreadyExists":
        return errors.AlreadyExists(message)
    return errors.Conflict(message, fields=tuple(field for field, _ in causes if field))


def _status(body: bytes) -> dict[str, Any]:
    with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
        found = msgspec.json.decode(body)
        if isinstance(found, dict):
            return found
    return {}


def _causes(status: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    causes = (status.get("details") or {}).get("causes") or ()
    return tuple((str(cause.get("field") or ""), str(cause.get("message") or "")) for cause in causes)


def _seconds(retry_after: str | None) -> float | None:
    return float(retry_after) if retry_after and retry_after.isdecimal() else None
