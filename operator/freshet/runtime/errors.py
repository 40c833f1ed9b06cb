"""What the Kubernetes API answers when it does not do what was asked, told apart by what follows from it.

::

    KubeError                     the API did not do it
    ├── Conflict                  409: somebody else wrote in between, or owns the fields; look again
    ├── AlreadyExists             409: an object of that name is there already
    ├── Gone                      404: the object does not exist (any more)
    ├── Refused                   400, 403, 422: asking again in the same words is useless
    ├── Throttled                 429: asked to come back later
    └── Unavailable               5xx, 401, or no connection: nothing is known about the outcome
        └── Expired               410: a list's continuation is too old; list from the start
    CannotStart                   the operator cannot begin its work: one sentence for whoever started it
"""

__all__ = [
    "AlreadyExists",
    "CannotStart",
    "Conflict",
    "Expired",
    "Gone",
    "KubeError",
    "Refused",
    "Throttled",
    "Unavailable",
]


class KubeError(Exception):
    """Base. ``message`` is one sentence; ``retry_after`` seconds, where the server said so."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after = retry_after


class Conflict(KubeError):
    """``fields``: those that another manager owns (server-side apply), in the API's notation."""

    def __init__(self, message: str, *, fields: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.fields = fields


class AlreadyExists(KubeError):
    """An object of that name exists."""


class Gone(KubeError):
    """The object does not exist."""


class Refused(KubeError):
    """``reason``: the API's word (Forbidden, Invalid, …). ``causes``: (field, message) pairs. ``invalid``: the body
    itself is wrong, so that only a change of it helps; otherwise a quota, a policy or a right stands in the way."""

    def __init__(
        self, message: str, *, reason: str, causes: tuple[tuple[str, str], ...] = (), invalid: bool = True
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.causes = causes
        self.invalid = invalid


class Throttled(KubeError):
    """Come back after ``retry_after`` seconds."""


class Unavailable(KubeError):
    """The API could not be reached or failed: whether it acted is unknown."""


class Expired(Unavailable):
    """A list took too long: its continuation is no longer served."""


class CannotStart(Exception):
    """One sentence that says what is missing and what to do."""
