"""What one process knows of the intent beyond what is recorded (:mod:`.protocol`). Lost in a crash, by design.

Each method returns the next Memory; none has an effect. The one thing to keep straight is `doubt`: False only where
this process wrote the recorded intent itself and every POST since certainly had no effect.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from freshet.dbtcloud import errors
from freshet.dbtcloud.model import Run

__all__ = ["Intent", "Memory", "Refusal"]

FIRST_PAUSE = timedelta(seconds=2)
LONGEST_PAUSE = timedelta(minutes=5)
INVALID = (400, 422)
"""It is the request that is refused."""


@dataclass(frozen=True, kw_only=True)
class Intent:
    """What is recorded on the Pipeline: token, time of the (last) writing, and the run's id once known."""

    token: str
    at: datetime
    id: str | None = None
    elsewhere: bool = False
    """Its Pipeline names another host or account than it was meant for."""
    left_at: datetime | None = None
    """Since when, as recorded."""


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Why the service said no: a word for a condition, a sentence."""

    reason: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Start with ``Memory()``; call `seen` with what is recorded before each decision."""

    token: str | None = None
    at: datetime | None = None
    first_seen: datetime | None = None
    doubt: bool = True
    run_ids: tuple[int, ...] = ()
    looked_at: datetime | None = None
    """When the newest complete look without a find began."""
    tried_look_at: datetime | None = None
    posts: int = 0
    retry_at: datetime | None = None
    renew: bool = False
    """A POST had no effect: what is due may have changed since, so the intent is renewed before the next."""
    trouble: str = ""
    refused: Refusal | None = None
    run: Run | None = None
    polled_at: datetime | None = None
    missing_since: datetime | None = None
    missed_at: datetime | None = None
    """When the service first, and last, said that there is no such run."""
    done_at: datetime | None = None
    cancelled_at: datetime | None = None
    cancelled_since: datetime | None = None
    """When its end was asked for last, and first."""
    fetches: int = 0
    fetched_at: datetime | None = None
    results: bool = False

    def seen(self, intent: Intent | None, *, now: datetime) -> "Memory":
        """What is recorded now. An intent that this process did not write as it stands is in doubt."""
        if intent is None:
            return Memory()
        if self.token != intent.token:
            return Memory(token=intent.token, at=intent.at, first_seen=now)
        if self.at != intent.at:
            return replace(self, at=intent.at, first_seen=now, doubt=True, looked_at=None)
        return self

    def moved(self) -> "Memory":
        """The Pipeline names another host or account: only that nothing was ever sent is still known."""
        return Memory() if self.doubt else self

    def wrote(self, intent: Intent, *, now: datetime) -> "Memory":
        """The PATCH of an intent (new or renewed) was acknowledged: it may be sent."""
        kept = self if self.token == intent.token else Memory()
        fresh = replace(kept, token=intent.token, at=intent.at, first_seen=now, doubt=False)
        return replace(fresh, looked_at=None, tried_look_at=None, retry_at=None, renew=False, refused=None)

    def posting(self) -> "Memory":
        """A POST is about to begin: from here on it may have taken effect."""
        return replace(self, doubt=True, looked_at=None, posts=self.posts + 1)

    def sent(self, *, run_id: int) -> "Memory":
        """The POST was answered with a run."""
        return replace(self, run_ids=(run_id,))

    def unsent(self, error: errors.DbtCloudError, *, now: datetime) -> "Memory":
        """The POST failed. Only an error that rules an effect out takes the doubt away."""
        if isinstance(error, (errors.Unreachable, errors.RateLimited)):
            pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(self.posts - 1, 10))
            asked = timedelta(seconds=error.retry_after or 0)
            return replace(self, doubt=False, retry_at=now + max(pause, asked), renew=True, trouble=str(error))
        if isinstance(error, (errors.AuthenticationFailed, errors.NotFound, errors.Refused)):
            return replace(self, doubt=False, refused=Refusal(reason=_reason(error), message=str(error)))
        return replace(self, trouble=str(error))

    def looked(self, *, began: datetime, run_ids: tuple[int, ...]) -> "Memory":
        """A complete look that began then: the ids of the runs with our token, the oldest first."""
        if run_ids:
            return replace(self, run_ids=run_ids, tried_look_at=began)
        return replace(self, looked_at=began, tried_look_at=began)

    def look_failed(self, *, began: datetime) -> "Memory":
        """A look that did not reach its end."""
        return replace(self, tried_look_at=began)

    def polled(self, run: Run, *, now: datetime) -> "Memory":
        """The run's newest state; it never goes back from its end."""
        done = self.done_at or (now if run.done else None)
        return replace(self, run=run, polled_at=now, done_at=done, missing_since=None, missed_at=None)

    def poll_missed(self, *, now: datetime, not_found: bool) -> "Memory":
        """Asking failed; `not_found` where the service said that there is no such run."""
        missing = (self.missing_since or now) if not_found else None
        return replace(self, polled_at=now, missing_since=missing, missed_at=now if not_found else None)

    def disowned(self, *, now: datetime) -> "Memory":
        """The id was somebody else's: whether there is a run of ours, and which, is in doubt."""
        return Memory(token=self.token, at=self.at, first_seen=now)

    def unseen(self, *, now: datetime) -> "Memory":
        """Its end was not seen: nothing is known of it that was not known before."""
        return replace(self, polled_at=now)

    def cancelling(self, *, now: datetime) -> "Memory":
        """Its end was asked for."""
        return replace(self, cancelled_at=now, cancelled_since=self.cancelled_since or now)

    def put_off(self, *, now: datetime) -> "Memory":
        """Nothing is answered: the time in which results may come begins anew."""
        return replace(self, done_at=now) if self.done_at is not None else self

    def fetched(self, *, now: datetime, complete: bool) -> "Memory":
        """Results were read; `complete` where all that is due to come was there."""
        return replace(self, fetches=self.fetches + 1, fetched_at=now, results=complete)


def _reason(error: errors.DbtCloudError) -> str:
    if isinstance(error, errors.AuthenticationFailed):
        return "AuthenticationFailed"
    if isinstance(error, errors.NotFound):
        return "NotFound"
    return "OverrideRefused" if error.code in INVALID else "RunRefused"
