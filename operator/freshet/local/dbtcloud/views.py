"""Runs, their triggers and steps as the API shows them: every key that the real service sends."""

from typing import Any

from freshet.local.dbtcloud.filters import DBT_VERSION, PROJECT
from freshet.local.dbtcloud.model import Run, Status, Step, Trigger
from freshet.local.dbtcloud.times import clock_text, span_text

__all__ = ["run_view", "step_view", "trigger_view"]


def run_view(run: Run, *, account_id: int, base_url: str, now: float, retry_reason: str | None) -> dict[str, Any]:
    """A run without what ``include_related`` adds. `retry_reason` is why it cannot be retried; None: it can."""
    return {
        "id": run.id,
        "trigger_id": run.trigger_id,
        "account_id": account_id,
        "environment_id": run.environment_id,
        "project_id": PROJECT,
        "job_definition_id": run.job_id,
        "status": int(run.status),
        "dbt_version": run.trigger.dbt_version_override or DBT_VERSION,
        "git_branch": run.git_branch,
        "git_sha": run.git_sha,
        "status_message": run.status_message,
        "owner_thread_id": None,
        "executed_by_thread_id": None if run.started_at is None else "stand-in",
        "deferring_run_id": None,
        "artifacts_saved": run.done and run.started_at is not None,
        "artifact_s3_path": None,
        "has_docs_generated": run.has_docs_generated,
        "has_sources_generated": run.has_sources_generated,
        "notifications_sent": run.done,
        "blocked_by": [],
        **_times(run, now),
        "trigger": None,
        "job": None,
        "environment": None,
        "run_steps": [],
        "status_humanized": run.status.humanized,
        "in_progress": not run.done,
        "is_complete": run.done,
        "is_success": run.status == Status.SUCCESS,
        "is_error": run.status == Status.ERROR,
        "is_cancelled": run.status == Status.CANCELLED,
        "is_running": run.status == Status.RUNNING,
        "retrying_run_id": run.retrying_run_id,
        "can_retry": retry_reason is None,
        "retry_not_supported_reason": retry_reason,
        "job_id": run.job_id,
        "href": f"{base_url}/deploy/{account_id}/projects/{PROJECT}/runs/{run.id}/",
        "used_repo_cache": None,
    }


def _times(run: Run, now: float) -> dict[str, Any]:
    end = now if run.finished_at is None else run.finished_at
    begun = end if run.started_at is None else run.started_at
    queued, ran, whole = begun - run.created_at, end - begun, end - run.created_at
    return {
        "created_at": clock_text(run.created_at),
        "updated_at": clock_text(run.updated_at),
        "dequeued_at": clock_text(run.dequeued_at),
        "started_at": clock_text(run.started_at),
        "finished_at": clock_text(run.finished_at),
        "last_checked_at": clock_text(run.finished_at),
        "last_heartbeat_at": clock_text(run.finished_at),
        "should_start_at": clock_text(run.created_at),
        "duration": span_text(whole),
        "queued_duration": span_text(queued),
        "run_duration": span_text(ran),
        "duration_humanized": _humanized(whole),
        "queued_duration_humanized": _humanized(queued),
        "run_duration_humanized": _humanized(ran),
        "created_at_humanized": f"{_humanized(now - run.created_at)} ago",
        "finished_at_humanized": f"{_humanized(now - end)} ago" if run.done else "0 minutes from now",
    }


def _humanized(seconds: float) -> str:
    minutes, rest = divmod(max(0, int(seconds)), 60)
    parts = [
        f"{count} {word}{'' if count == 1 else 's'}" for count, word in ((minutes, "minute"), (rest, "second")) if count
    ]
    return ", ".join(parts) or "0 minutes"


def trigger_view(run: Run) -> dict[str, Any]:
    """``trigger`` of a run."""
    fields = {name: getattr(run.trigger, name) for name in Trigger.__struct_fields__}
    return {
        "id": run.trigger_id,
        "job_definition_id": run.job_id,
        **fields,
        "cause_humanized": run.trigger.cause,
        "job": None,
        "created_at": clock_text(run.created_at),
    }


def step_view(step: Step, *, run: Run, account_id: int, now: float, logs: str | None) -> dict[str, Any]:
    """One of a run's ``run_steps``."""
    end = now if step.finished_at is None else step.finished_at
    seconds = 0.0 if step.started_at is None else end - step.started_at
    return {
        "id": step.id,
        "run_id": run.id,
        "account_id": account_id,
        "index": step.index,
        "status": int(step.status),
        "name": step.name,
        "logs": logs or "",
        "debug_logs": "",
        "log_path": None,
        "debug_log_path": None,
        "truncated_debug_logs": None,
        "created_at": clock_text(step.created_at),
        "updated_at": clock_text(end),
        "started_at": clock_text(step.started_at),
        "finished_at": clock_text(step.finished_at),
        "status_color": {Status.SUCCESS: "green", Status.ERROR: "red"}.get(step.status, "gray"),
        "status_humanized": step.status.humanized,
        "duration": span_text(seconds),
        "duration_humanized": _humanized(seconds),
        "run_step_command": step.command and {"run_step_id": step.id, "dbt_command": step.command},
    }
