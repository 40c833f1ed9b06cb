"""What the stand-in remembers: jobs, environments, runs, steps. Times are epoch seconds of the service's own clock."""

from enum import IntEnum
from typing import Any

import msgspec

__all__ = ["DONE", "Environment", "Job", "Run", "Status", "Step", "Trigger"]


class Status(IntEnum):
    """A run's status, as the API counts it; steps use the same numbers."""

    QUEUED = 1
    STARTING = 2
    RUNNING = 3
    SUCCESS = 10
    ERROR = 20
    CANCELLED = 30

    @property
    def humanized(self) -> str:
        """The word that the service shows."""
        return self.name.capitalize()


DONE = frozenset({Status.SUCCESS, Status.ERROR, Status.CANCELLED})


class Environment(msgspec.Struct, kw_only=True):
    """Where jobs run: the schema that its models are built in."""

    id: int
    name: str = "Production"
    deployment_type: str | None = "production"
    schema: str = "kaizen_wars"
    created_at: float = 0.0


class Job(msgspec.Struct, kw_only=True):
    """A job's definition."""

    id: int
    name: str = "Build"
    environment_id: int = 1
    execute_steps: list[str] = msgspec.field(default_factory=lambda: ["dbt build"])
    generate_docs: bool = False
    run_generate_sources: bool = False
    timeout_seconds: int = 0
    threads: int = 4
    target_name: str = "default"
    job_type: str = "other"
    deferring_environment_id: int | None = None
    deactivated: bool = False
    run_failure_count: int = 0
    created_at: float = 0.0


class Trigger(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Why and how a run was asked for: the body of the request, and who asked."""

    cause: str
    cause_category: str = "api"
    steps_override: list[str] | None = None
    git_sha: str | None = None
    git_branch: str | None = None
    schema_override: str | None = None
    target_name_override: str | None = None
    dbt_version_override: str | None = None
    threads_override: int | None = None
    timeout_seconds_override: int | None = None
    generate_docs_override: bool | None = None
    azure_pull_request_id: int | None = None
    github_pull_request_id: int | None = None
    gitlab_merge_request_id: int | None = None
    non_native_pull_request_id: int | None = None

    @property
    def is_pull_request(self) -> bool:
        """Does it build a pull request (then into a schema of its own)?"""
        return any(
            (
                self.azure_pull_request_id,
                self.github_pull_request_id,
                self.gitlab_merge_request_id,
                self.non_native_pull_request_id,
            )
        )


class Step(msgspec.Struct, kw_only=True):
    """One step of a run. The first three prepare (clone, profile, deps) and leave no artifacts."""

    id: int
    index: int
    name: str
    command: str | None = None
    status: Status = Status.QUEUED
    started_at: float | None = None
    finished_at: float | None = None
    created_at: float = 0.0


class Run(msgspec.Struct, kw_only=True):
    """One run, from the trigger to its end."""

    id: int
    trigger_id: int
    job_id: int
    environment_id: int
    trigger: Trigger
    created_at: float
    updated_at: float
    status: Status = Status.QUEUED
    status_message: str | None = None
    git_branch: str | None = None
    git_sha: str | None = None
    schema: str = ""
    dequeued_at: float | None = None
    started_at: float | None = None
    finished_at: float | None = None
    retrying_run_id: int | None = None
    has_docs_generated: bool = False
    has_sources_generated: bool = False
    steps: list[Step] = msgspec.field(default_factory=list)
    override: dict[str, Any] = msgspec.field(default_factory=dict)
    """What the scripted executor shall do in this run alone."""

    @property
    def done(self) -> bool:
        """Has it ended?"""
        return self.status in DONE
