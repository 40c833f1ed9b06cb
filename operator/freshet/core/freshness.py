"""Is the data fresh? Judged against deadlines, so that the answer also says when it will change by itself."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, NamedTuple, Protocol

from freshet.api import conditions
from freshet.api.asset import AssetStatus
from freshet.api.conditions import find
from freshet.api.durations import format_duration
from freshet.core import cron
from freshet.core.lineage import NEVER_OLD, UNKNOWN
from freshet.core.policy import Deadline

__all__ = ["Bounds", "Facts", "Limits", "Turns", "Verdict", "bounds", "holds_until", "judge", "turns"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What is known of an asset's age: ``data_time`` is the live one, through the lineage, and may be NEVER_OLD."""

    version: str | None
    data_time: datetime | None
    last_updated_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """``word`` is Missing, Stale, Aging or Fresh; ``next_at`` when it changes if nothing else does."""

    word: str
    reason: str
    message: str
    next_at: datetime | None = None


class Limits(Protocol):
    """The part of a policy that judges data."""

    @property
    def maximum_lag(self) -> timedelta | None: ...
    @property
    def warn_lag(self) -> timedelta | None: ...
    @property
    def deadline(self) -> Deadline | None: ...
    @property
    def maximum_unchanged(self) -> timedelta | None: ...
    @property
    def by_update(self) -> bool: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Bounds:
    """When each limit is or was passed if nothing newer comes; None where it is not set, or nothing is known to
    measure by, or never.
    """

    lag: datetime | None = None
    deadline: datetime | None = None
    unchanged: datetime | None = None

    @property
    def first(self) -> datetime | None:
        """From then on it is stale."""
        return min((at for at in (self.lag, self.deadline, self.unchanged) if at is not None), default=None)


def bounds(*, limits: Limits, facts: Facts) -> Bounds:
    """Whatever the time is. Raises what cron.next_tick does."""
    if facts.version is None:
        return Bounds()
    since = _basis(limits, facts)
    since = None if since == NEVER_OLD else since
    due = limits.deadline
    return Bounds(
        lag=_sum(since, limits.maximum_lag),
        deadline=_sum(_tick(due, since), due.within) if due is not None and since is not None else None,
        unchanged=_sum(facts.last_updated_at, limits.maximum_unchanged),
    )


class Turns(NamedTuple):
    """When data becomes aging, and when stale, if nothing newer comes; None: never."""

    aging: datetime | None
    stale: datetime | None

    def word(self, now: datetime) -> Literal["Fresh", "Aging", "Stale"]:
        """The word of ``judge``, without its sentences: for ten thousand at a time."""
        if self.stale is not None and now >= self.stale:
            return "Stale"
        return "Aging" if self.aging is not None and now >= self.aging else "Fresh"

    def next(self, now: datetime) -> datetime | None:
        """When the word changes."""
        aging, stale = self
        if aging is not None and aging > now and (stale is None or aging < stale):
            return aging
        return stale if stale is not None and stale > now else None


def turns(*, limits: Limits, facts: Facts) -> Turns:
    """Of what was built. Raises what cron.next_tick does."""
    since = _basis(limits, facts)
    if since is None and not (limits.maximum_lag is None and limits.deadline is None):
        return Turns(aging=None, stale=UNKNOWN)
    if since == NEVER_OLD or limits.maximum_lag is None:
        return Turns(aging=None, stale=bounds(limits=limits, facts=facts).first)
    only = limits.deadline is None and limits.maximum_unchanged is None  # as most are
    stale = _sum(since, limits.maximum_lag) if only else bounds(limits=limits, facts=facts).first
    return Turns(aging=_sum(since, limits.warn_lag), stale=stale)


def _sum(since: datetime | None, span: timedelta | None) -> datetime | None:
    """None also where the calendar ends before that: some tables have a last day of it for "never"."""
    try:
        return since + span if since is not None and span is not None else None
    except OverflowError:
        return None


def _tick(due: Deadline, since: datetime) -> datetime:
    """The first that the data has not reached."""
    return cron.next_tick(schedule=due.schedule, time_zone=due.time_zone, after=since)


def judge(*, policy: Limits, facts: Facts, now: datetime) -> Verdict:
    """The verdict at that time; the worst of the policy's rules holds."""
    if facts.version is None:
        return Verdict(word="Missing", reason=conditions.MISSING, message="never built")
    verdicts = [v for v in (_lag(policy, facts, now), _overdue(policy, facts, now), _frozen(policy, facts, now)) if v]
    if not verdicts:
        return Verdict(word="Fresh", reason=conditions.NO_POLICY, message="no freshness limit is set")
    worst = min(verdicts, key=lambda v: ("Stale", "Aging", "Fresh").index(v.word))
    # What is stale stays so until something else changes: time alone makes nothing fresh.
    upcoming = [v.next_at for v in verdicts if v.next_at is not None and worst.word != "Stale"]
    return Verdict(word=worst.word, reason=worst.reason, message=worst.message, next_at=min(upcoming, default=None))


def holds_until(status: AssetStatus, *, policy: Limits, data_time: datetime | None, now: datetime) -> datetime | None:
    """Until when what the status says of freshness is true if nothing else changes; ``now`` where it is not any more,
    since a limit has passed while nobody was there. None: no limit will make it untrue. Raises what ``turns`` does.
    """
    told = find(status.conditions, type=conditions.FRESH)
    if told is None or told.status != "True" or status.version is None:
        return None
    facts = Facts(version=status.version, data_time=data_time, last_updated_at=status.last_updated_at)
    to_come = turns(limits=policy, facts=facts)
    word = "Aging" if told.reason == conditions.AGING else "Fresh"
    return to_come.next(now) if to_come.word(now) == word else now


def _basis(limits: Limits, facts: Facts) -> datetime | None:
    return facts.last_updated_at if limits.by_update else facts.data_time


def _lag(policy: Limits, facts: Facts, now: datetime) -> Verdict | None:
    limit, since = policy.maximum_lag, _basis(policy, facts)
    if limit is None:
        return None
    what = "last update" if policy.by_update else "data"
    if since == NEVER_OLD:
        return _timeless()
    if since is None:
        return Verdict(word="Stale", reason=conditions.LAG_EXCEEDED, message=f"the age of its {what} is not known")
    if now - since >= limit:
        message = f"{what} of {_clock(since)} is older than {format_duration(limit)}"
        return Verdict(word="Stale", reason=conditions.LAG_EXCEEDED, message=message)
    return _warned(policy, since, now, what) or _within(policy, since, limit)


def _timeless() -> Verdict:
    message = "built from static data, which never grows old"
    return Verdict(word="Fresh", reason=conditions.WITHIN_LIMIT, message=message)


def _warned(policy: Limits, since: datetime, now: datetime, what: str) -> Verdict | None:
    if policy.warn_lag is None or policy.maximum_lag is None or now - since < policy.warn_lag:
        return None
    message = f"{what} of {_clock(since)} is older than {format_duration(policy.warn_lag)}"
    return Verdict(word="Aging", reason=conditions.AGING, message=message, next_at=_sum(since, policy.maximum_lag))


def _within(policy: Limits, since: datetime, limit: timedelta) -> Verdict:
    boundary = _sum(since, min(limit, policy.warn_lag) if policy.warn_lag is not None else limit)
    return Verdict(
        word="Fresh",
        reason=conditions.WITHIN_LIMIT,
        message=f"within its limit of {format_duration(limit)}",
        next_at=boundary,
    )


def _overdue(policy: Limits, facts: Facts, now: datetime) -> Verdict | None:
    """Stale once ``within`` has passed after the first tick that the data has not reached."""
    due, since = policy.deadline, _basis(policy, facts)
    if due is None:
        return None
    if since == NEVER_OLD:
        return _timeless()
    if since is None:
        return Verdict(word="Stale", reason=conditions.OVERDUE, message="the age of its data is not known")
    tick = _tick(due, since)
    if now >= tick + due.within:
        message = f"data newer than {_clock(tick)} was due by {_clock(tick + due.within)}"
        return Verdict(word="Stale", reason=conditions.OVERDUE, message=message)
    message = f"in time for its deadlines ({due.schedule})"
    return Verdict(word="Fresh", reason=conditions.WITHIN_LIMIT, message=message, next_at=tick + due.within)


def _frozen(policy: Limits, facts: Facts, now: datetime) -> Verdict | None:
    """A source whose content has not moved for too long: the exporter may be dead."""
    limit, since = policy.maximum_unchanged, facts.last_updated_at
    if limit is None or since is None:
        return None
    if now - since >= limit:
        message = f"its content has not changed since {_clock(since)}, for more than {format_duration(limit)}"
        return Verdict(word="Stale", reason=conditions.INPUT_UNCHANGED, message=message)
    return Verdict(
        word="Fresh", reason=conditions.WITHIN_LIMIT, message="its content moves", next_at=_sum(since, limit)
    )


def _clock(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%SZ")
