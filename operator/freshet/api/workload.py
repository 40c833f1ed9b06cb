"""Jobs, CronJobs and pods as far as a run's life goes, and the result that a pod leaves (docs/contract.md)."""

from datetime import datetime
from typing import Annotated, Any

import msgspec

from freshet.api.asset import Sample
from freshet.api.view import Object, View, in_utc

__all__ = ["CronJob", "Job", "Pod", "Result", "parse_result"]

Instant = Annotated[datetime, msgspec.Meta(tz=True)]
"""A time with its offset: one without cannot be compared with any other."""
TIMES = ("data_time", "updated_at", "started_at", "finished_at")
"""Of a result."""


class JobCondition(View, frozen=True, kw_only=True):
    type: str
    status: str
    reason: str = ""
    message: str = ""
    last_transition_time: datetime | None = None


class JobState(View, frozen=True, kw_only=True):
    start_time: datetime | None = None
    completion_time: datetime | None = None
    active: int = 0
    succeeded: int = 0
    failed: int = 0
    conditions: tuple[JobCondition, ...] = ()


class Job(Object, frozen=True, kw_only=True):
    """A Job: its metadata and status; the template is not kept."""

    status: JobState = JobState()

    def condition(self, type: str) -> JobCondition | None:
        """The true condition of that type."""
        return next((c for c in self.status.conditions if c.type == type and c.status == "True"), None)

    @property
    def finished(self) -> bool:
        return self.condition("Complete") is not None or self.condition("Failed") is not None


class CronJobState(View, frozen=True, kw_only=True):
    last_schedule_time: datetime | None = None


class CronJob(Object, frozen=True, kw_only=True):
    """A CronJob: whose it is, and when it last fired."""

    status: CronJobState = CronJobState()


class Terminated(View, frozen=True, kw_only=True):
    exit_code: int = 0
    reason: str = ""
    message: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None


class Waiting(View, frozen=True, kw_only=True):
    reason: str = ""
    message: str = ""


class Running(View, frozen=True, kw_only=True):
    started_at: datetime | None = None


class ContainerState(View, frozen=True, kw_only=True):
    terminated: Terminated | None = None
    waiting: Waiting | None = None
    running: Running | None = None


class ContainerStatus(View, frozen=True, kw_only=True):
    name: str
    ready: bool = False
    state: ContainerState = ContainerState()


class PodCondition(View, frozen=True, kw_only=True):
    type: str
    status: str
    reason: str = ""
    message: str = ""


class PodState(View, frozen=True, kw_only=True):
    phase: str = "Pending"
    reason: str = ""
    message: str = ""
    conditions: tuple[PodCondition, ...] = ()
    container_statuses: tuple[ContainerStatus, ...] = ()
    init_container_statuses: tuple[ContainerStatus, ...] = ()


class Pod(Object, frozen=True, kw_only=True):
    """A pod of one of our Jobs."""

    status: PodState = PodState()


class WorkloadError(View, frozen=True, kw_only=True):
    reason: str = "Error"
    message: str = ""


class ResultCheck(View, frozen=True, kw_only=True):
    name: str
    passed: bool
    severity: str = "error"
    message: str = ""


class Result(View, frozen=True, kw_only=True):
    """What a workload wrote as its termination message; every key is optional."""

    kind: str = ""
    version: str | None = None
    changed: bool | None = None
    data_time: Instant | None = None
    updated_at: Instant | None = None
    rows: int | None = None
    rows_in: int | None = None
    rows_loaded: int | None = None
    rows_rejected: int | None = None
    bytes: int | None = None
    fingerprint: str | None = None
    relation: str | None = None
    seconds: float | None = None
    started_at: Instant | None = None
    finished_at: Instant | None = None
    checks: tuple[ResultCheck, ...] = ()
    samples: tuple[Sample, ...] = ()
    message: str = ""
    error: WorkloadError | None = None
    refused: dict[str, Any] | None = None
    """Of an input that was refused: what the next pod need know to refuse it again. Not read here."""


def parse_result(message: str) -> Result | None:
    """Read a termination message; None when it is not a result (a user's own Job may write what it likes)."""
    try:
        found = msgspec.json.decode(message)
        return _in_utc(msgspec.convert(_without_nulls(found), Result)) if isinstance(found, dict) else None
    except (msgspec.MsgspecError, UnicodeError):
        return None


def _in_utc(result: Result) -> Result:
    """A user's own Job may write its times with any offset."""
    known = {name: at for name in TIMES if (at := getattr(result, name)) is not None and at.utcoffset()}
    return msgspec.structs.replace(result, **{name: in_utc(at) for name, at in known.items()}) if known else result


def _without_nulls(value: Any) -> Any:
    """Absent and null are the same."""
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return value
