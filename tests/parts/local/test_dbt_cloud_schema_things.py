"""The stand-in's jobs, environments, account, single steps and lists of artifacts against the public OpenAPI document
(dbt-labs/dbt-cloud-openapi-spec, openapi-v2). A job beside a run has another schedule than a job by itself.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.parts.local.openapi import STATUS, holds, names_of
from tests.parts.local.test_dbt_cloud_schema import STEP
from tests.support.dbtcloud import DbtCloudStandIn

GRAPH: dict[str, Any] = {"models": [{"name": "a"}]}
JOB = {
    "integer": "account_id project_id environment_id deferring_environment_id deferring_job_definition_id "
    "integration_id run_failure_count state id",
    "string": "name dbt_version description lifecycle_webhooks_url raw_dbt_version job_type",
    "boolean": "generate_docs is_deferrable lifecycle_webhooks run_compare_changes run_generate_sources run_lint "
    "errors_on_lint_failure triggers_on_draft_pr generate_sources",
    "array": "execute_steps",
    "object": "execution settings triggers job_completion_trigger_condition account project environment schedule",
    "time": "created_at updated_at",
}
BESIDE_THE_DOCUMENT = {"deactivated", "next_run", "next_run_humanized"}
"""Of a job: the service sends them, the document does not have them."""
TRIGGERS = {"boolean": "github_webhook schedule git_provider_webhook on_merge custom_branch_only"}
ENVIRONMENT = {
    "integer": "account_id project_id connection_id credentials_id repository_id extended_attributes_id created_by_id "
    "state id",
    "string": "name custom_branch dbt_project_subdirectory dbt_version raw_dbt_version deployment_type type",
    "boolean": "use_custom_branch supports_docs",
    "time": "created_at updated_at",
    "object": "repository connection",
    "array": "jobs custom_environment_variables",
}
ACCOUNT = {
    "integer": "run_slots developer_seats it_seats explorer_seats read_only_seats pod_memory_request_mebibytes "
    "develop_pod_memory_request_mebibytes run_duration_limit_seconds queue_limit state docs_job_id freshness_job_id id",
    "string": "name plan lock_reason lock_cause billing_email_address metronome_customer_id salesforce_customer_id "
    "third_party_billing enterprise_authentication_method enterprise_login_slug enterprise_unique_identifier "
    "starter_repo_url git_auth_level identifier static_subdomain",
    "boolean": "locked unlock_if_subscription_renewed pending_cancel develop_file_system business_critical",
    "time": "unlocked_at trial_end_date run_locked_until migration_scheduled_at created_at updated_at",
    "array": "account_migration_events groups",
}
JOB_TYPES = {"ci", "scheduled", "other", "merge", "exposure_sync"}
DATES = {"every_day", "days_of_week", "custom_cron", "interval_cron"}
HOURS = {"every_hour", "at_exact_hours"}
PLANS = {"cancelled", "developer", "enterprise", "free", "team", "team_annual", "trial"}


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DbtCloudStandIn]:
    with DbtCloudStandIn(folder=tmp_path_factory.mktemp("things"), executor="scripted", graph=GRAPH) as stand_in:
        yield stand_in


def both(cloud: DbtCloudStandIn, plural: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The first of the list and the same by itself, each out of its envelope."""
    listed = cloud.request("GET", f"/api/v2/accounts/1/{plural}/").json()
    single = cloud.request("GET", f"/api/v2/accounts/1/{plural}/1/").json()
    holds(listed["status"], STATUS)
    holds(single["status"], STATUS)
    return listed["data"][0], single["data"]


def is_job(job: dict[str, Any]) -> None:
    """All but the schedule, which has two shapes."""
    holds(job, JOB)
    holds(job["execution"], {"integer": "timeout_seconds"})
    holds(job["settings"], {"integer": "threads", "string": "target_name"})
    holds(job["triggers"], TRIGGERS)
    assert all(isinstance(step, str) for step in job["execute_steps"])
    assert job["job_type"] in JOB_TYPES
    assert set(job) - names_of(JOB) == BESIDE_THE_DOCUMENT


def test_jobs(cloud: DbtCloudStandIn) -> None:
    for job in both(cloud, "jobs"):
        is_job(job)
        holds(job["schedule"], {"object": "date time", "string": "cron"})
        assert job["schedule"]["date"]["type"] in DATES
        assert job["schedule"]["time"]["type"] in HOURS


def test_environments(cloud: DbtCloudStandIn) -> None:
    for environment in both(cloud, "environments"):
        holds(environment, ENVIRONMENT)
        assert environment["type"] in {"development", "deployment"}
        assert environment["deployment_type"] in {"production", "staging"}
        assert set(environment) == names_of(ENVIRONMENT)


def test_the_account(cloud: DbtCloudStandIn) -> None:
    answer = cloud.request("GET", "/api/v2/accounts/1/").json()
    holds(answer["status"], STATUS)
    holds(answer["data"], ACCOUNT)
    assert answer["data"]["plan"] in PLANS
    assert set(answer["data"]) == names_of(ACCOUNT)


def test_what_belongs_to_a_run(cloud: DbtCloudStandIn) -> None:
    made = cloud.trigger()
    cloud.wait(made["id"])
    run = cloud.api("GET", f"/runs/{made['id']}/", params={"include_related": "job,environment,run_steps"})
    is_job(run["job"])
    assert run["job"]["schedule"]["date"] in DATES
    assert run["job"]["schedule"]["time"] in HOURS
    holds(run["environment"], ENVIRONMENT)
    step = cloud.api("GET", f"/steps/{run['run_steps'][-1]['id']}/")
    holds(step, STEP)
    holds(step["run_step_command"], {"integer": "run_step_id", "string": "dbt_command"})
    assert set(step) == names_of(STEP)
    listed = cloud.request("GET", f"/api/v2/accounts/1/runs/{made['id']}/artifacts/").json()
    holds(listed["status"], STATUS)
    assert {"manifest.json", "run_results.json"} <= set(listed["data"])
    assert all(isinstance(name, str) for name in listed["data"])
