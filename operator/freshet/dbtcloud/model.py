"""What the Administrative API sends, as far as it is read.

Every key but ``id`` is optional, unknown keys are skipped without being built, ids may come as strings, and one value
of a wrong type costs that value and not the answer: the service changes more often than we release.
"""

import re
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any, TypeVar

import msgspec

__all__ = ["Environment", "Job", "Page", "Run", "RunStatus", "RunStep", "Trigger", "read", "utc"]


class RunStatus(IntEnum):
    """``status`` of a run or a step; a number that is not here is treated as still running."""

    QUEUED = 1
    STARTING = 2
    RUNNING = 3
    SUCCESS = 10
    ERROR = 20
    CANCELLED = 30


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Base: frozen; names are the API's."""


class Trigger(Answer, frozen=True, kw_only=True):
    """``trigger`` of a run: why and how it was asked for (present with ``include_related=trigger``)."""

    cause: str | None = None
    cause_category: str | None = None
    """``api``, ``scheduled``, ``ui``, ``ci``, …"""
    steps_override: tuple[str, ...] | None = None
    git_branch: str | None = None
    git_sha: str | None = None
    schema_override: str | None = None
    target_name_override: str | None = None
    github_pull_request_id: int | None = None
    gitlab_merge_request_id: int | None = None
    azure_pull_request_id: int | None = None
    non_native_pull_request_id: int | None = None

    @property
    def pull_request(self) -> bool:
        """Was it asked for by a pull request?"""
        ids = (self.github_pull_request_id, self.gitlab_merge_request_id, self.azure_pull_request_id)
        return any((*ids, self.non_native_pull_request_id)) or (self.cause_category or "").lower() == "ci"


class RunStep(Answer, frozen=True, kw_only=True):
    """One step of a run (present with ``include_related=run_steps``)."""

    index: int | None = None
    name: str | None = None
    status: int | None = None

    @property
    def ran(self) -> bool:
        """Did it end by itself, so that artifacts are due to come?"""
        return self.status in (RunStatus.SUCCESS, RunStatus.ERROR)


class Run(Answer, frozen=True, kw_only=True):
    """A run. Times are UTC and aware, or None."""

    id: int
    job_definition_id: int | None = None
    job_id: int | None = None
    environment_id: int | None = None
    status: int | None = None
    status_message: str | None = None
    is_complete: bool | None = None
    git_branch: str | None = None
    git_sha: str | None = None
    created_at: datetime | None = None
    dequeued_at: datetime | None = None
    """When it left the service's queue, to be started."""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    href: str | None = None
    artifacts_saved: bool | None = None
    has_docs_generated: bool | None = None
    has_sources_generated: bool | None = None
    trigger: Trigger | None = None
    run_steps: tuple[RunStep, ...] | None = None

    @property
    def done(self) -> bool:
        """Has it ended, in whatever way?"""
        return self.status in (RunStatus.SUCCESS, RunStatus.ERROR, RunStatus.CANCELLED) or bool(self.is_complete)

    @property
    def succeeded(self) -> bool:
        return self.status == RunStatus.SUCCESS

    @property
    def cancelled(self) -> bool:
        return self.status == RunStatus.CANCELLED

    @property
    def cause(self) -> str:
        """``trigger.cause``, or nothing."""
        return (self.trigger.cause if self.trigger else None) or ""

    @property
    def job(self) -> int | None:
        """The job that it belongs to, by either of the API's names."""
        return self.job_definition_id if self.job_definition_id is not None else self.job_id

    @property
    def message(self) -> str:
        """Its end in one line for people."""
        words = {RunStatus.SUCCESS: "succeeded", RunStatus.ERROR: "failed", RunStatus.CANCELLED: "was cancelled"}
        word = next((text for status, text in words.items() if status == self.status), "is under way")
        detail = " ".join((self.status_message or "").split())
        return f"dbt Cloud run {self.id} {word}{': ' + detail if detail else ''}"


class Environment(Answer, frozen=True, kw_only=True):
    """The environment of a job."""

    id: int
    name: str | None = None
    deployment_type: str | None = None


class Job(Answer, frozen=True, kw_only=True):
    """A job's definition."""

    id: int
    name: str | None = None
    environment_id: int | None = None
    project_id: int | None = None
    execute_steps: tuple[str, ...] = ()
    generate_docs: bool | None = None
    run_generate_sources: bool | None = None
    deactivated: bool | None = None
    run_failure_count: int | None = None
    deferring_environment_id: int | None = None
    job_type: str | None = None


class Page(Answer, frozen=True, kw_only=True):
    """One page of runs. `unreadable` entries had no id; `total` counts all pages where the service says so."""

    runs: tuple[Run, ...]
    total: int | None = None
    unreadable: int = 0

    @property
    def size(self) -> int:
        """Entries of the page, read or not: paging continues at this offset."""
        return len(self.runs) + self.unreadable


T = TypeVar("T", bound=Answer)
_PATH = re.compile(r"at `\$\.([A-Za-z_0-9]+)")


def read(data: dict[str, Any], *, type: type[T]) -> T:
    """Convert one object, without its values of a wrong type. Raises msgspec.ValidationError where ``id`` is wrong."""
    fields = {key: value for key, value in data.items() if value is not None}
    while True:
        try:
            made = msgspec.convert(fields, type, strict=False)
            return msgspec.structs.replace(made, **_times(made))
        except msgspec.ValidationError as error:
            wrong = _PATH.search(str(error))
            if wrong is None or wrong[1] == "id" or fields.pop(wrong[1], None) is None:
                raise


def utc(at: datetime | None) -> datetime | None:
    """The service's times are UTC also where they name no zone."""
    if at is None:
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _times(made: Answer) -> dict[str, Any]:
    values = {name: getattr(made, name) for name in made.__struct_fields__}
    return {name: utc(value) for name, value in values.items() if isinstance(value, datetime)}
