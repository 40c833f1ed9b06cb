"""What stands between a need and its run: gates, each pure functions that say why and until when (DESIGN §4)."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from freshet.api import conditions
from freshet.api.asset import Asset, AssetStatus, LastRun
from freshet.api.durations import format_duration
from freshet.core import nodes
from freshet.core.blame import after, story
from freshet.core.broken import first_broken
from freshet.core.checks import retested_first
from freshet.core.clocks import WRONG
from freshet.core.situation import Need, Situation, Waiting, some

__all__ = ["failed_checks", "hold", "hold_within"]

Gate = Callable[[Situation, Need], Waiting | None]


def hold(situation: Situation, need: Need) -> Waiting | None:
    """What stands in the way, the longest-lasting first. A person's request passes all but missing input; one that was
    skipped because something above failed waits for that.
    """
    last = situation.status.last_run
    asked = [_never_built, _skipped, _backoff] if last and last.outcome == "Skipped" else [_never_built]
    return _first(asked if need.asked else GATES, situation, need)


def hold_within(situation: Situation, need: Need) -> Waiting | None:
    """What would hold a member of a run that builds upstreams of it first: none of those is waited for."""
    return _first(
        [_never_built] if need.asked else [gate for gate in GATES if gate is not _being_built], situation, need
    )


def _first(gates: Iterable[Gate], situation: Situation, need: Need) -> Waiting | None:
    return next((waiting for gate in gates if (waiting := gate(situation, need))), None)


def _never_built(situation: Situation, need: Need) -> Waiting | None:
    if nodes.is_undescribed(situation.asset, situation.pipeline):
        return Waiting(reason=conditions.DISCOVERING, message="discovery has yet to say what of it is there already")
    missing = [n for n in situation.asset.spec.upstreams if n not in situation.versions]
    if not missing:
        return None
    message = f"waits for {some(missing)}, which was never built"
    return Waiting(reason=conditions.NEVER_UPDATED, message=message, on=missing[0])


def _checks_failed(situation: Situation, need: Need) -> Waiting | None:
    if not situation.policy.require_checks:
        return None
    for name, upstream in situation.upstreams.items():
        again = retested_first(situation.asset, upstream, pipeline=situation.pipeline)
        if failed := [check.name for check in upstream.status.checks if check.broken and check not in again]:
            message = ", ".join(filter(None, (f"waits for {name}, whose check {failed[0]} failed", story(upstream))))
            return Waiting(reason=conditions.UPSTREAM_CHECKS_FAILED, message=message, on=name)
    return None


def failed_checks(asset: Asset) -> list[str]:
    """Names of the checks that hold back what is downstream."""
    return [check.name for check in asset.status.checks if check.broken]


def _skipped(situation: Situation, need: Need) -> Waiting | None:
    """A skipped run waits for what failed above it."""
    last = situation.status.last_run
    if last is None or last.outcome != "Skipped":
        return None
    above = first_broken(situation)
    if above is None:
        return None
    message = f"waits for {above.name}, which {after(above)}"
    return Waiting(reason=conditions.WAITING_UPSTREAM, message=message, on=above.name)


def _backoff(situation: Situation, need: Need) -> Waiting | None:
    """Retries back off; once they are exhausted, each move of an upstream earns one attempt per maxBackoff."""
    status, until = situation.status, situation.status.retry_at
    last = status.last_run
    if until is None and status.failures > situation.policy.limit and last:
        began = last.started_at or last.finished_at
        until = began + situation.policy.max_backoff if began else None
    longest = max(situation.policy.backoff, situation.policy.max_backoff)
    if until is None or _is_over(situation, until, pause=longest):
        return None
    message = f"after a run that {_came_to(last)}" if last else "after a failed run"
    return Waiting(reason=conditions.RETRY_SCHEDULED, message=message, until=until)


def _is_over(situation: Situation, until: datetime, *, pause: timedelta) -> bool:
    """Also where it would last for much longer than it is: then it was reckoned by a clock that was ahead, or when more
    was asked for.
    """
    return not timedelta(0) < until - situation.now <= pause + WRONG


def _came_to(last: LastRun) -> str:
    word = {"Interrupted": "was interrupted", "Skipped": "was skipped"}.get(last.outcome, "failed")
    return f"{word}: {last.message}" if last.message else word


def _min_interval(situation: Situation, need: Need) -> Waiting | None:
    started = _last_build(situation.status)
    if not situation.policy.min_interval or started is None:
        return None
    until = started + situation.policy.min_interval
    if _is_over(situation, until, pause=situation.policy.min_interval):
        return None
    message = f"{format_duration(situation.policy.min_interval)} after the newest build began"
    return Waiting(reason=conditions.WAITING_MIN_INTERVAL, message=message, until=until)


def _last_build(status: AssetStatus) -> datetime | None:
    built = next((item for item in status.history if item.version), None)
    if built is not None:
        return built.started_at or built.finished_at
    span = timedelta(seconds=status.duration_seconds or 0)
    return status.last_updated_at - span if status.last_updated_at else None


def _being_built(situation: Situation, need: Need) -> Waiting | None:
    """A diamond's second side is waited for, at most maxWait from the first side's update."""
    if not situation.policy.max_wait or len(situation.asset.spec.upstreams) < 2:
        return None
    building = [name for name in situation.upstreams if name not in situation.moved and situation.busy(name)]
    updated = [at for n in situation.moved if (at := situation.upstreams[n].status.last_updated_at)]
    if not building or not updated:
        return None
    until = min(updated) + situation.policy.max_wait
    if situation.now >= until:
        return None
    message = f"waits for {some(building)}, which is being built"
    return Waiting(reason=conditions.WAITING_UPSTREAM, message=message, until=until, on=min(building))


GATES = [_never_built, _checks_failed, _skipped, _backoff, _min_interval, _being_built]
