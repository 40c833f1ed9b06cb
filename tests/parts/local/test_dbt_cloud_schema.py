"""The stand-in's answers against facts of the public OpenAPI document (dbt-labs/dbt-cloud-openapi-spec, openapi-v2):
which fields a run, a step, a trigger and the envelope have, and of which kind. The document marks hardly anything as
nullable, but the service sends null for what is not there yet, so null is allowed wherever a value may be missing.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.parts.local.openapi import STATUS, holds
from tests.support.dbtcloud import DbtCloudStandIn

ROOT = "/api/v2/accounts/1"
GRAPH: dict[str, Any] = {"models": [{"name": "a"}]}

RUN = {
    "integer": "id trigger_id account_id environment_id project_id job_definition_id status deferring_run_id "
    "retrying_run_id job_id",
    "string": "dbt_version git_branch git_sha status_message owner_thread_id executed_by_thread_id artifact_s3_path "
    "status_humanized duration queued_duration run_duration duration_humanized queued_duration_humanized "
    "run_duration_humanized created_at_humanized finished_at_humanized href retry_not_supported_reason",
    "boolean": "artifacts_saved has_docs_generated has_sources_generated notifications_sent in_progress is_complete "
    "is_success is_error is_cancelled can_retry is_running used_repo_cache",
    "time": "created_at updated_at dequeued_at started_at finished_at last_checked_at last_heartbeat_at "
    "should_start_at",
    "array": "blocked_by run_steps",
    "object": "trigger job environment",
}
STEP = {
    "integer": "run_id account_id index status id",
    "string": "name logs debug_logs log_path debug_log_path truncated_debug_logs status_color status_humanized "
    "duration duration_humanized",
    "time": "started_at finished_at created_at updated_at",
    "object": "run_step_command",
}
TRIGGER = {
    "integer": "job_definition_id azure_pull_request_id github_pull_request_id gitlab_merge_request_id "
    "non_native_pull_request_id threads_override timeout_seconds_override",
    "string": "cause git_branch git_sha schema_override dbt_version_override target_name_override cause_category",
    "boolean": "generate_docs_override",
    "array": "steps_override",
}
RETRY_REASONS = {"RETRY_UNSUPPORTED_CMD", "RETRY_UNSUPPORTED_VERSION", "RETRY_NOT_LATEST_RUN", "RETRY_NOT_FAILED_RUN"}
BODY: dict[str, Any] = {
    "cause": "a test", "git_sha": "0" * 40, "git_branch": "main", "azure_pull_request_id": 1,
    "github_pull_request_id": 2, "gitlab_merge_request_id": 3, "non_native_pull_request_id": 4, "schema_override": "s",
    "threads_override": 2, "target_name_override": "t", "generate_docs_override": False,
    "timeout_seconds_override": 60, "steps_override": ["dbt build"],
}  # fmt: skip
"""Every field of TriggerRunRequest but ``dbt_version_override``, whose allowed values the document leaves out."""


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DbtCloudStandIn]:
    with DbtCloudStandIn(folder=tmp_path_factory.mktemp("schema"), executor="scripted", graph=GRAPH) as stand_in:
        yield stand_in


def finished(cloud: DbtCloudStandIn, body: dict[str, Any]) -> dict[str, Any]:
    """A run made with that body, once it has ended, with all that is related to it."""
    made = cloud.request("POST", f"{ROOT}/jobs/1/run/", json=body)
    assert made.status_code == 200, made.text
    holds(made.json()["data"], RUN)
    cloud.wait(made.json()["data"]["id"])
    related = "trigger,job,environment,run_steps"
    answer = cloud.request("GET", f"{ROOT}/runs/{made.json()['data']['id']}/", params={"include_related": related})
    holds(answer.json()["status"], STATUS)
    data: dict[str, Any] = answer.json()["data"]
    return data


def test_a_run_with_its_steps_and_trigger(cloud: DbtCloudStandIn) -> None:
    run = finished(cloud, {"cause": "a test"})
    holds(run, RUN)
    holds(run["trigger"], TRIGGER)
    assert run["run_steps"]
    for step in run["run_steps"]:
        holds(step, STEP)
    assert run["retry_not_supported_reason"] in RETRY_REASONS
    unknown = set(run) - {name for names in RUN.values() for name in names.split()}
    assert not unknown, "fields that the document does not have"


def test_every_field_of_the_trigger_is_taken_and_told_again(cloud: DbtCloudStandIn) -> None:
    trigger = finished(cloud, BODY)["trigger"]
    holds(trigger, TRIGGER)
    assert {name: trigger[name] for name in BODY} == BODY


@pytest.mark.parametrize("name", ["cause", "git_sha", "git_branch", "schema_override", "target_name_override"])
def test_texts_are_not_empty(cloud: DbtCloudStandIn, name: str) -> None:
    answer = cloud.request("POST", f"{ROOT}/jobs/1/run/", json={**BODY, name: ""})
    assert answer.status_code == 400
    holds(answer.json()["status"], STATUS)


def test_lists_have_the_same_runs_in_the_envelope(cloud: DbtCloudStandIn) -> None:
    finished(cloud, {"cause": "a test"})
    answer = cloud.request("GET", f"{ROOT}/runs/").json()
    holds(answer["status"], STATUS)
    assert answer["data"]
    for run in answer["data"]:
        holds(run, RUN)
