"""Can an asset be acted upon: are its settings readable, is what they name there? Else the one sentence that helps."""

from freshet.api import conditions
from freshet.core import cron
from freshet.core.case import Trouble
from freshet.core.observed import Observed
from freshet.core.policy import Policy, effective, without_acting

__all__ = ["policy_of"]


def policy_of(observed: Observed) -> tuple[Policy, Trouble | None]:
    """The policy in force, and what keeps the asset from being acted upon."""
    try:
        policy = effective(asset=observed.asset, pipeline=observed.pipeline)
    except cron.InvalidTimeZone as error:
        return _resting(observed), Trouble(reason=conditions.INVALID_TIME_ZONE, message=str(error))
    except cron.InvalidSchedule as error:
        return _resting(observed), Trouble(reason=conditions.INVALID_SCHEDULE, message=str(error))
    except ValueError as error:
        return _resting(observed), Trouble(reason=conditions.INVALID_SPEC, message=str(error))
    return policy, observed.trouble or _trouble(observed)


def _resting(observed: Observed) -> Policy:
    return without_acting(asset=observed.asset, pipeline=observed.pipeline)


def _trouble(observed: Observed) -> Trouble | None:
    spec = observed.asset.spec
    if spec.pipeline and observed.pipeline is None:
        message = f"pipeline {spec.pipeline!r} does not exist in this namespace: apply it, or correct spec.pipeline"
        return Trouble(reason=conditions.PIPELINE_NOT_FOUND, message=message)
    lost = sorted(name for name in spec.upstreams if name not in observed.upstreams)
    if lost:
        message = f"upstream {lost[0]!r} does not exist in this namespace: create that Asset, or correct spec.upstreams"
        return Trouble(reason=conditions.UPSTREAM_NOT_FOUND, message=message)
    if observed.cycle:
        message = f"{' → '.join(observed.cycle)}: remove one of these from the other's spec.upstreams"
        return Trouble(reason=conditions.CYCLE_DETECTED, message=message)
    return None
