"""The account: triggers, retries and cancellations, checked and recorded. Carrying out is the scheduler's."""

from collections.abc import Iterator
from typing import Any

from freshet.local.dbtcloud.envelope import ApiError, bad_request, not_found
from freshet.local.dbtcloud.model import Environment, Job, Run, Status, Trigger
from freshet.local.dbtcloud.store import FIRST_ID, Settings, Store
from freshet.local.dbtcloud.times import Clock

__all__ = ["Service"]

ID_STEP = 3
"""A run and its trigger share one row of ids with everything else of the account: they grow, with gaps."""


class Service:
    """Jobs, environments and runs of one account."""

    def __init__(self, *, account_id: int, store: Store, clock: Clock, queue_limit: int, defaults: Settings) -> None:
        self.account_id, self.store, self.clock, self.queue_limit = account_id, store, clock, queue_limit
        self.settings = store.load_settings() or defaults
        self.settings.jobs = {**defaults.jobs, **self.settings.jobs}
        self.settings.environments = {**defaults.environments, **self.settings.environments}
        self.runs: dict[int, Run] = store.load_runs(now=clock())
        self._next_id = max(self.runs, default=FIRST_ID - ID_STEP) + ID_STEP
        store.save_settings(self.settings)

    def job(self, job_id: int) -> Job:
        """A job. Raises ApiError with status 404."""
        if (job := self.settings.jobs.get(job_id)) is None:
            raise not_found()
        return job

    def environment(self, environment_id: int) -> Environment:
        """An environment. Raises ApiError with status 404."""
        if (environment := self.settings.environments.get(environment_id)) is None:
            raise not_found()
        return environment

    def run(self, run_id: int) -> Run:
        """A run. Raises ApiError with status 404."""
        if (run := self.runs.get(run_id)) is None:
            raise not_found()
        return run

    def of_job(self, job_id: int) -> Iterator[Run]:
        """A job's runs, newest first."""
        return (run for run in reversed(self.runs.values()) if run.job_id == job_id)

    def queued(self) -> int:
        """How many runs wait."""
        return sum(run.status == Status.QUEUED for run in self.runs.values())

    def enqueue(
        self, *, job_id: int, trigger: Trigger, retrying: int | None = None, override: dict[str, Any] | None = None
    ) -> Run:
        """Record a new run, which then waits. Raises ApiError when the job or the queue takes none."""
        job = self.job(job_id)
        if job.deactivated:
            raise bad_request(f"Job {job_id} is deactivated after {job.run_failure_count} failed runs in a row.")
        if self.queued() >= self.queue_limit:
            raise queue_is_full(self.queue_limit)
        now, run_id = self.clock(), self._next_id
        self._next_id += ID_STEP
        run = Run(
            id=run_id,
            trigger_id=run_id + 1,
            job_id=job_id,
            environment_id=job.environment_id,
            trigger=trigger,
            created_at=now,
            updated_at=now,
            schema=self._schema(job, trigger),
            retrying_run_id=retrying,
            override=override or {},
        )
        self.runs[run_id] = run
        self.store.save(run)
        return run

    def _schema(self, job: Job, trigger: Trigger) -> str:
        """Where the run builds: a pull request's schema is its own."""
        usual = self.environment(job.environment_id).schema
        if trigger.schema_override or not trigger.is_pull_request:
            return trigger.schema_override or usual
        number = (
            trigger.github_pull_request_id
            or trigger.gitlab_merge_request_id
            or trigger.azure_pull_request_id
            or trigger.non_native_pull_request_id
        )
        return f"dbt_cloud_pr_{job.id}_{number}"

    def retry_reason(self, run: Run) -> str | None:
        """Why a run cannot be retried, in the API's words; None: it can."""
        if run.status != Status.ERROR:
            return "RETRY_NOT_FAILED_RUN"
        if next(self.of_job(run.job_id)).id != run.id:
            return "RETRY_NOT_LATEST_RUN"
        failed = next((step for step in run.steps if step.status == Status.ERROR), None)
        if failed is None or failed.command is None:
            return "RETRY_UNSUPPORTED_CMD"
        return None

    def retry(self, run: Run) -> Run:
        """A new run that goes on where `run` failed. Raises ApiError with status 400."""
        if reason := self.retry_reason(run):
            raise ApiError(400, f"This run cannot be retried: {reason}.", {"retry_not_supported_reason": reason})
        cause = f"Retry of run {run.id}"
        return self.enqueue(
            job_id=run.job_id,
            trigger=Trigger(cause=cause, cause_category="rerun"),
            retrying=run.id,
            override=run.override,
        )

    def rerun(self, job_id: int) -> Run:
        """A retry of the job's newest run where that failed, else a fresh run."""
        newest = next(self.of_job(self.job(job_id).id), None)
        if newest is not None and self.retry_reason(newest) is None:
            return self.retry(newest)
        return self.enqueue(job_id=job_id, trigger=Trigger(cause="Rerun from the API", cause_category="rerun"))

    def ended(self, run: Run) -> None:
        """Keep the job's count of failures; a job that failed 100 times in a row is deactivated."""
        job = self.settings.jobs.get(run.job_id)
        if job is None or run.status not in {Status.SUCCESS, Status.ERROR}:
            return
        job.run_failure_count = 0 if run.status == Status.SUCCESS else job.run_failure_count + 1
        job.deactivated = job.deactivated or job.run_failure_count >= FAILURE_LIMIT
        self.store.save_settings(self.settings)


FAILURE_LIMIT = 100


def queue_is_full(limit: int) -> ApiError:
    """429 of a queue that takes no more."""
    return ApiError(429, f"The run queue is full: at most {limit} runs may wait.", {})
