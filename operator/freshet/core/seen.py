"""How fresh an asset is at this moment, from its data and the clock: what metrics and the lineage page show.

What stands in ``status`` follows at the pace at which the API takes writes; when ten thousand deadlines pass at once,
that takes a while. Nobody who looks here needs to wait for it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from freshet.api import conditions as c
from freshet.api.asset import Asset, PolicyInForce, State
from freshet.api.conditions import find
from freshet.api.durations import parse_duration
from freshet.core.freshness import Facts, Turns, judge, turns
from freshet.core.layers import DEFAULT_TIME_ZONE
from freshet.core.policy import Deadline

__all__ = ["InForce", "facts_of", "fresh", "limits_in_force", "limits_of", "reason", "state", "told", "turns_of"]

JUDGED: tuple[State, ...] = ("Fresh", "Aging", "Stale")
"""States that data and clock decide; the others go before them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class InForce:
    """``status.policy``, parsed: what freshness.Limits asks for."""

    maximum_lag: timedelta | None
    warn_lag: timedelta | None
    deadline: Deadline | None
    maximum_unchanged: timedelta | None
    by_update: bool


@lru_cache(maxsize=1024)
def limits_of(policy: PolicyInForce) -> InForce:
    """Raises ValueError for what no operator has written."""
    lag, warn, within, unchanged = (
        parse_duration(text) if text else None
        for text in (policy.maximum_lag, policy.warn_lag, policy.within, policy.maximum_unchanged)
    )
    zone = policy.time_zone or DEFAULT_TIME_ZONE
    due = Deadline(schedule=policy.schedule, time_zone=zone, within=within or timedelta(0)) if policy.schedule else None
    return InForce(
        maximum_lag=lag, warn_lag=warn, deadline=due, maximum_unchanged=unchanged, by_update=policy.basis == "Update"
    )


def limits_in_force(asset: Asset) -> InForce | None:
    """What data and clock judge it by. None where they decide nothing and what is written holds: never visited or
    built, no limit.
    """
    policy = asset.status.policy
    if policy is None or not _is_judged(asset):
        return None
    try:
        return limits_of(policy)
    except ValueError:
        return None


def turns_of(asset: Asset, limits: InForce | None, *, data_time: datetime | None) -> Turns | None:
    """When it ages and becomes stale; ``data_time`` is the live one, NEVER_OLD as it is."""
    try:
        return turns(limits=limits, facts=facts_of(asset, data_time)) if limits is not None else None
    except ValueError:
        return None


def state(asset: Asset, turns: Turns | None, *, now: datetime) -> State | None:
    """``status.state`` as it will be written once its turn has come."""
    told = asset.status.state
    return turns.word(now) if turns is not None and told in JUDGED else told


def reason(asset: Asset, limits: InForce | None, *, data_time: datetime | None, now: datetime) -> str | None:
    """``status.reason``, unless the state has moved on since it was written; a visit names the one to blame."""
    turns = turns_of(asset, limits, data_time=data_time)
    if limits is None or state(asset, turns, now=now) == asset.status.state:
        return asset.status.reason
    verdict = judge(policy=limits, facts=facts_of(asset, data_time), now=now)
    return f"{verdict.reason}: {verdict.message}" if verdict.word != "Fresh" else verdict.reason


def fresh(asset: Asset, turns: Turns | None, *, now: datetime) -> bool | None:
    """Is it within its limits? None where it has none, or nothing can be said."""
    return turns.word(now) != "Stale" if turns is not None else told(asset)


def told(asset: Asset) -> bool | None:
    """The same as it is written."""
    found = find(asset.status.conditions, type=c.FRESH)
    if found is None or found.status == "Unknown" or found.reason == c.NO_POLICY:
        return None
    if found.reason == c.MISSING and not _has_limit(asset.status.policy):
        return None
    return found.status == "True"


def _is_judged(asset: Asset) -> bool:
    """Also where the condition says Unknown, since an upstream is gone or a setting cannot be read: the limits in
    force hold, and an alert must not fall silent.
    """
    known = find(asset.status.conditions, type=c.FRESH)
    return known is not None and asset.status.version is not None and _has_limit(asset.status.policy)


def facts_of(asset: Asset, data_time: datetime | None) -> Facts:
    """What is known of its age."""
    return Facts(version=asset.status.version, data_time=data_time, last_updated_at=asset.status.last_updated_at)


def _has_limit(policy: PolicyInForce | None) -> bool:
    limits = (policy.maximum_lag, policy.schedule, policy.maximum_unchanged) if policy is not None else ()
    return any(limit is not None for limit in limits)
