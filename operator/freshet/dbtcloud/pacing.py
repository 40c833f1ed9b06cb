"""How often a job is asked about: fast while something is under way, slowly when idle, hardly when it fails. Pure.

One poller per job asks with one list request, whatever the number of models. After failures in a row the circuit is
open: a single request now and then tries whether dbt Cloud is back, and the Pipeline says so meanwhile. Where one kind
of request fails and others are answered, only an answer of that kind says that all is well again.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from freshet.dbtcloud import errors

__all__ = ["Pace", "Pauses"]

FAST = timedelta(seconds=2)
LONGEST = timedelta(minutes=5)
OPEN_AFTER = 5


@dataclass(frozen=True, kw_only=True)
class Pauses:
    """Between polls: the shortest while a run is under way, and the usual one while none is."""

    fast: timedelta = timedelta(seconds=2)
    idle: timedelta = timedelta(seconds=30)

    @property
    def active(self) -> timedelta:
        """The longest while a run is under way."""
        return max(self.fast, self.idle / 2)

    @property
    def webhook(self) -> timedelta:
        """The usual one where webhooks say what happens: polling is the backstop."""
        return self.idle * 10


@dataclass(frozen=True, kw_only=True)
class Pace:
    """Per job: failures in a row, and until when the service (or a person) must be waited for."""

    failures: int = 0
    blocked_until: datetime | None = None
    reason: str | None = None
    """A reason for the condition DbtCloudReady=False, as soon as it is certain; None while all is well."""
    message: str = ""
    what: str = ""
    """The kind of request that failed."""

    def succeeded(self, what: str | None = None) -> "Pace":
        """An answer came to that kind of request; None: all is well."""
        return Pace() if what in (None, self.what) else self

    def failed(
        self,
        error: errors.DbtCloudError,
        *,
        now: datetime,
        jitter: float,
        first: timedelta = FAST,
        what: str = "",
    ) -> "Pace":
        """No answer, or a refusal, to that kind of request. `jitter` is in [0, 1)."""
        failures = self.failures + 1
        pause = min(LONGEST, first * 2 ** min(failures - 1, 20)) * (0.5 + 0.5 * jitter)
        if isinstance(error, (errors.AuthenticationFailed, errors.NotFound, errors.Refused)):
            pause = LONGEST
        asked = timedelta(seconds=error.retry_after or 0)
        return Pace(
            failures=failures,
            blocked_until=now + max(pause, asked),
            reason=self._reason(error, failures=failures),
            message=str(error),
            what=what,
        )

    def wake(self) -> "Pace":
        """The token was changed: what a person had to mend may be mended."""
        return replace(self, blocked_until=None)

    def next_poll(
        self,
        *,
        now: datetime,
        last: datetime | None,
        active_since: datetime | None,
        webhook: bool = False,
        pauses: Pauses = Pauses(),
    ) -> datetime:
        """When to ask next. `active_since`: when the oldest run under way started; None while there is none.

        The longer a run takes, the less it matters to know its end at once: a tenth of its time so far.
        """
        if last is None:
            return max(now, self.blocked_until or now)
        pause = pauses.webhook if webhook else pauses.idle
        if active_since is not None:
            pause = min(max(pauses.fast, (last - active_since) / 10), pauses.active)
        return max(last + pause, self.blocked_until or last)

    def _reason(self, error: errors.DbtCloudError, *, failures: int) -> str | None:
        if isinstance(error, errors.AuthenticationFailed):
            return "AuthenticationFailed"
        if isinstance(error, errors.NotFound):
            return "NotFound"
        return "Unreachable" if failures >= OPEN_AFTER else self.reason
