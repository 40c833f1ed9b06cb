"""What can go wrong with a request to dbt Cloud, told apart by what a caller may do next.

::

    DbtCloudError
    ├── AuthenticationFailed   401, 403, or a token that cannot be one   ask a person; do not hammer
    ├── NotFound               404 (dbt Cloud also says so when a permission is missing)
    ├── Refused                400, 422: the request itself is wrong; the same again fails again. Other 4xx, a redirect:
    │                          nothing happened; to a POST only where dbt Cloud itself says so
    ├── RateLimited            429: nothing happened; `retry_after` seconds where the service named them
    ├── Unreachable            no connection was made, or a GET got no answer: nothing happened
    ├── ServerError            5xx, or an answer that cannot be read, to a GET: nothing happened
    └── AmbiguousAnswer        a POST that may or may not have taken effect: look before sending again

Each message is one sentence for a person: what, where, what to do. The token is in none of them.
"""

__all__ = [
    "AmbiguousAnswer",
    "AuthenticationFailed",
    "DbtCloudError",
    "NotFound",
    "RateLimited",
    "Refused",
    "ServerError",
    "Unreachable",
    "is_of_one",
]


class DbtCloudError(Exception):
    """Base of all: `code` is the HTTP status if there was one, `retry_after` the seconds that the service named."""

    def __init__(self, message: str, *, code: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.retry_after = retry_after


class AuthenticationFailed(DbtCloudError):
    """The token is wrong, expired, or may not do this."""


class NotFound(DbtCloudError):
    """There is no such thing, or this token may not see it."""


class Refused(DbtCloudError):
    """The service understood and said no. The message carries its own words."""


class RateLimited(DbtCloudError):
    """Too many requests of this account; nothing happened."""


class Unreachable(DbtCloudError):
    """No answer, and certainly no effect."""


class ServerError(DbtCloudError):
    """The service failed to answer a question."""


class AmbiguousAnswer(DbtCloudError):
    """The request may have taken effect although its answer is not known."""


def is_of_one(error: DbtCloudError) -> bool:
    """May it be about the one thing that was asked for, while dbt Cloud answers for others with this token?"""
    forbidden = isinstance(error, AuthenticationFailed) and error.code == 403
    return forbidden or isinstance(error, (NotFound, Refused, ServerError, Unreachable))
