"""A policy as ``status.policy`` tells it, and what cannot be held of it."""

from datetime import timedelta

from freshet.api.asset import PolicyInForce
from freshet.api.durations import exact_duration
from freshet.core.policy import Policy

__all__ = ["conflict", "in_force"]


def in_force(policy: Policy) -> PolicyInForce:
    """For ``status.policy``."""
    return PolicyInForce(
        when=policy.when,
        build_schedule=policy.schedule,
        build_time_zone=policy.time_zone if policy.schedule else None,
        limit=_limit(policy),
        maximum_lag=_text(policy.maximum_lag),
        warn_lag=_text(policy.warn_lag),
        schedule=policy.deadline.schedule if policy.deadline else None,
        time_zone=policy.deadline.time_zone if policy.deadline else None,
        within=_text(policy.deadline.within) if policy.deadline else None,
        maximum_unchanged=_text(policy.maximum_unchanged),
        objective=policy.objective,
        basis="Update" if policy.by_update else None,
        min_interval=_text(policy.min_interval) if policy.min_interval else None,
        timeout=_text(policy.timeout),
    )


def conflict(policy: Policy) -> str | None:
    """What makes the limit impossible to hold, in a sentence that helps."""
    limit, pause = policy.maximum_lag, policy.min_interval
    if limit is None or pause <= limit:
        return None
    return (
        f"automation.minInterval ({_text(pause)}) is longer than freshness.maximumLag ({_text(limit)}), "
        "so that the limit cannot be held: shorten the one or lengthen the other"
    )


def _limit(policy: Policy) -> str | None:
    """The limit as the column shows it."""
    if policy.deadline is not None:
        return f"{policy.deadline.schedule} + {_text(policy.deadline.within)}"
    if policy.maximum_lag is None and policy.maximum_unchanged is not None:
        return f"{_text(policy.maximum_unchanged)} unchanged"
    return _text(policy.maximum_lag)


def _text(span: timedelta | None) -> str | None:
    return exact_duration(span) if span is not None else None
