"""What the run protocol may ask for (:mod:`.protocol`). The caller does it and tells :class:`.memory.Memory`."""

from dataclasses import dataclass
from datetime import datetime

__all__ = [
    "Abandon",
    "Action",
    "Cancel",
    "Disown",
    "FetchResults",
    "Finish",
    "Idle",
    "Leave",
    "Look",
    "Poll",
    "Post",
    "RecordId",
    "Wait",
    "WriteIntent",
]


@dataclass(frozen=True, kw_only=True)
class Idle:
    """Nothing is meant, nothing is due."""


@dataclass(frozen=True, kw_only=True)
class WriteIntent:
    """PATCH the intent with resourceVersion, then :meth:`Memory.wrote`. A renewal keeps the token, not what is due."""

    token: str
    at: datetime
    renewed: bool


@dataclass(frozen=True, kw_only=True)
class Post:
    """:meth:`Memory.posting`, then trigger once, not after that time, then one of `sent`, `unsent`, `turned_down`."""

    token: str
    not_after: datetime


@dataclass(frozen=True, kw_only=True)
class Look:
    """List the job's runs, newest first, until one was created before `since`; then `looked` (or `look_failed`)."""

    token: str
    since: datetime


@dataclass(frozen=True, kw_only=True)
class RecordId:
    """PATCH the run's id beside the token. `duplicates` carry the same token: someone copied a cause; say so."""

    run_id: int
    duplicates: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Disown:
    """PATCH the id away, then `disowned`: it is the id of somebody else's run, whose cause says so."""

    run_id: int


@dataclass(frozen=True, kw_only=True)
class Poll:
    """Ask for the run (or find it in the job's list), then `polled` (or `poll_missed`)."""

    run_id: int


@dataclass(frozen=True, kw_only=True)
class Cancel:
    """Ask for its end, then `cancelling`, whatever came of it."""

    run_id: int
    why: str


@dataclass(frozen=True, kw_only=True)
class FetchResults:
    """Read run_results.json of each step, then `fetched`."""

    run_id: int


@dataclass(frozen=True, kw_only=True)
class Finish:
    """Record the outcome on the Assets, then clear the intent. Not `complete`: all there is is the run's own status."""

    run_id: int
    complete: bool


@dataclass(frozen=True, kw_only=True)
class Wait:
    """Nothing to do before that time."""

    until: datetime
    why: str


@dataclass(frozen=True, kw_only=True)
class Leave:
    """PATCH since when the run's place has not been named any more; None: it is named again."""

    at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Abandon:
    """Clear the intent: nothing was started, or it is gone. `reason` is for a condition, `message` a sentence."""

    reason: str
    message: str


Started = RecordId | Disown | Poll | Cancel | FetchResults | Finish
Action = Idle | WriteIntent | Post | Look | Started | Wait | Leave | Abandon
