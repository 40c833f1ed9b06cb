"""Jobs, environments and the account as the API shows them; what is not made up here, such as a repository, is null."""

from typing import Any

from freshet.local.dbtcloud.filters import DBT_VERSION, PROJECT
from freshet.local.dbtcloud.model import Environment, Job
from freshet.local.dbtcloud.times import iso_text

__all__ = ["account_view", "environment_view", "job_view", "related_job_view"]

HOURLY = {"cron": "0 * * * *", "date": "every_day", "time": "every_hour"}
"""A job has a schedule also while ``triggers.schedule`` is off; it reads otherwise beside a run than by itself."""
UNKNOWN_OF_ACCOUNT = (
    "docs_job_id freshness_job_id lock_reason lock_cause unlocked_at billing_email_address metronome_customer_id "
    "salesforce_customer_id third_party_billing enterprise_authentication_method enterprise_login_slug "
    "enterprise_unique_identifier starter_repo_url trial_end_date static_subdomain run_locked_until "
    "migration_scheduled_at account_migration_events git_auth_level"
)


def job_view(job: Job, *, account_id: int) -> dict[str, Any]:
    """A job's definition."""
    triggers = {"github_webhook": False, "git_provider_webhook": False, "schedule": False, "on_merge": False}
    schedule = {
        "cron": HOURLY["cron"],
        "date": {"type": HOURLY["date"]},
        "time": {"type": HOURLY["time"], "interval": 1},
    }
    return {
        "execution": {"timeout_seconds": job.timeout_seconds},
        "generate_docs": job.generate_docs,
        "run_generate_sources": job.run_generate_sources,
        "run_compare_changes": False,
        "run_lint": False,
        "errors_on_lint_failure": True,
        "id": job.id,
        "account_id": account_id,
        "project_id": PROJECT,
        "environment_id": job.environment_id,
        "name": job.name,
        "description": "",
        "dbt_version": None,
        "raw_dbt_version": None,
        "created_at": iso_text(job.created_at),
        "updated_at": iso_text(job.created_at),
        "execute_steps": job.execute_steps,
        "state": 1,
        "deactivated": job.deactivated,
        "run_failure_count": job.run_failure_count,
        "deferring_job_definition_id": None,
        "deferring_environment_id": job.deferring_environment_id,
        "lifecycle_webhooks": False,
        "lifecycle_webhooks_url": None,
        "triggers": {**triggers, "custom_branch_only": None},
        "settings": {"threads": job.threads, "target_name": job.target_name},
        "schedule": schedule,
        "integration_id": None,
        **dict.fromkeys(("account", "project", "environment")),
        "is_deferrable": False,
        "job_type": job.job_type,
        "triggers_on_draft_pr": False,
        "job_completion_trigger_condition": None,
        "generate_sources": job.run_generate_sources,
        "next_run": None,
        "next_run_humanized": None,
    }


def related_job_view(job: Job, *, account_id: int) -> dict[str, Any]:
    """A job as it is shown beside a run."""
    return {**job_view(job, account_id=account_id), "schedule": HOURLY}


def environment_view(environment: Environment, *, account_id: int) -> dict[str, Any]:
    """An environment."""
    return {
        "id": environment.id,
        "account_id": account_id,
        "project_id": PROJECT,
        "name": environment.name,
        "type": "deployment",
        "deployment_type": environment.deployment_type,
        "dbt_version": DBT_VERSION,
        "raw_dbt_version": DBT_VERSION,
        "connection_id": 1,
        "credentials_id": 1,
        **dict.fromkeys(("repository_id", "extended_attributes_id", "created_by_id", "dbt_project_subdirectory")),
        **dict.fromkeys(("repository", "connection", "jobs", "custom_environment_variables")),
        "use_custom_branch": False,
        "custom_branch": None,
        "supports_docs": True,
        "state": 1,
        "created_at": iso_text(environment.created_at),
        "updated_at": iso_text(environment.created_at),
    }


def account_view(*, account_id: int, queue_limit: int, created_at: float) -> dict[str, Any]:
    """The account."""
    return {
        "id": account_id,
        "name": "Kaizen Wars",
        "state": 1,
        "plan": "enterprise",
        "run_slots": 5,
        **dict.fromkeys(("developer_seats", "it_seats", "explorer_seats", "read_only_seats"), 0),
        "pod_memory_request_mebibytes": 600,
        "develop_pod_memory_request_mebibytes": 0,
        "develop_file_system": True,
        **dict.fromkeys(("unlock_if_subscription_renewed", "pending_cancel", "business_critical"), False),
        "identifier": f"act_{account_id}",
        "groups": [],
        **dict.fromkeys(UNKNOWN_OF_ACCOUNT.split()),
        "queue_limit": queue_limit,
        "run_duration_limit_seconds": 86400,
        "locked": False,
        "created_at": iso_text(created_at),
        "updated_at": iso_text(created_at),
    }
