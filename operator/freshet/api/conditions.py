"""Condition types and reasons, documented once (Kubernetes API conventions, "Typical status properties").

``Ready`` follows kstatus: reconciled, whatever the data's age. ``Fresh`` is apart, so that stale data never
hangs a deploy.
"""

from datetime import datetime
from typing import Final, Literal

from freshet.api.view import View

__all__ = ["Condition", "Status", "find"]

Status = Literal["True", "False", "Unknown"]

READY: Final = "Ready"
FRESH: Final = "Fresh"
UPDATING: Final = "Updating"
FAILING: Final = "Failing"
CHECKS_PASSED: Final = "ChecksPassed"
STALLED: Final = "Stalled"
DBT_CLOUD_READY: Final = "DbtCloudReady"
DISCOVERED: Final = "Discovered"

# Reasons of Ready and Stalled: what a change of the spec repairs.
RECONCILED: Final = "Reconciled"
INVALID_SPEC: Final = "InvalidSpec"
INVALID_SCHEDULE: Final = "InvalidSchedule"
INVALID_TIME_ZONE: Final = "InvalidTimeZone"
INVALID_JOB_TEMPLATE: Final = "InvalidJobTemplate"
PIPELINE_NOT_FOUND: Final = "PipelineNotFound"
UPSTREAM_NOT_FOUND: Final = "UpstreamNotFound"
CYCLE_DETECTED: Final = "CycleDetected"
NAME_CONFLICT: Final = "NameConflict"
POLICY_CONFLICT: Final = "PolicyConflict"
SECRET_NOT_FOUND: Final = "SecretNotFound"
WRITE_REFUSED: Final = "WriteRefused"
RELATION_UNKNOWN: Final = "RelationUnknown"

# Reasons of Fresh.
WITHIN_LIMIT: Final = "WithinLimit"
NO_POLICY: Final = "NoPolicy"
AGING: Final = "Aging"
MISSING: Final = "Missing"
LAG_EXCEEDED: Final = "LagExceeded"
UPSTREAM_STALE: Final = "UpstreamStale"
UPSTREAM_AGING: Final = "UpstreamAging"
OVERDUE: Final = "Overdue"
INPUT_UNCHANGED: Final = "InputUnchanged"

# Reasons of Updating, and why something that is due waits.
RUN_IN_FLIGHT: Final = "RunInFlight"
POD_NOT_STARTED: Final = "PodNotStarted"
WAITING_FOR_WAREHOUSE: Final = "WaitingForWarehouse"
QUEUED: Final = "Queued"
IDLE: Final = "Idle"
SUSPENDED: Final = "Suspended"
NEVER_UPDATED: Final = "NeverUpdated"
WAITING_MIN_INTERVAL: Final = "WaitingMinInterval"
WAITING_UPSTREAM: Final = "WaitingForUpstream"
UPSTREAM_CHECKS_FAILED: Final = "UpstreamChecksFailed"
RETRY_SCHEDULED: Final = "RetryScheduled"
BUDGET_EXHAUSTED: Final = "BudgetExhausted"
DISCOVERING: Final = "Discovering"
WAITING_LAG_TOLERANCE: Final = "WaitingLagTolerance"
RUN_INTERRUPTED: Final = "RunInterrupted"
PRODUCER_FAILING: Final = "ProducerFailing"
PRODUCER_SUSPENDED: Final = "ProducerSuspended"
DBT_CLOUD_UNREACHABLE: Final = "DbtCloudUnreachable"

# Reasons of Failing and ChecksPassed.
RETRIES_EXHAUSTED: Final = "RetriesExhausted"
RUNS_SUCCEED: Final = "RunsSucceed"
CHECKS_HOLD: Final = "ChecksHold"
CHECKS_FAILED: Final = "ChecksFailed"

# Reasons of DbtCloudReady.
REACHABLE: Final = "Reachable"
UNREACHABLE: Final = "Unreachable"
AUTHENTICATION_FAILED: Final = "AuthenticationFailed"
OVERRIDE_REFUSED: Final = "OverrideRefused"
RUN_REFUSED: Final = "RunRefused"
JOB_NOT_FOUND: Final = "JobNotFound"
JOB_FAILING: Final = "JobFailing"
RUN_NOT_FOUND: Final = "RunNotFound"
RUN_NOT_ENDING: Final = "RunNotEnding"
RUN_OUT_OF_REACH: Final = "RunOutOfReach"

# Reasons of Discovered, besides those above and below.
MANIFEST_READ: Final = "ManifestRead"
MANIFEST_UNREADABLE: Final = "ManifestUnreadable"
PARSING: Final = "Parsing"
CONFLICT: Final = "Conflict"
INVALID_META: Final = "InvalidMeta"
TOO_MANY_UPSTREAMS: Final = "TooManyUpstreams"


class Condition(View, frozen=True, kw_only=True):
    """One entry of ``status.conditions``."""

    type: str
    status: Status
    reason: str
    message: str
    last_transition_time: datetime
    observed_generation: int | None = None


def find(conditions: tuple[Condition, ...], *, type: str) -> Condition | None:
    """The condition of that type, if it is there."""
    for condition in conditions:  # asked several times a visit: a generator would take twice as long
        if condition.type == type:
            return condition
    return None
