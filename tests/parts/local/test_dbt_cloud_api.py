"""The stand-in's API: strict about what it is asked, and shaped like the real one. Runs here are made up."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.dbtcloud import DbtCloudStandIn

GRAPH: dict[str, Any] = {
    "sources": [{"name": "raw.events"}],
    "models": [{"name": "a", "upstreams": ["source:raw.events"]}],
}
ROOT = "/api/v2/accounts/1"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DbtCloudStandIn]:
    with DbtCloudStandIn(folder=tmp_path_factory.mktemp("api"), executor="scripted", graph=GRAPH) as stand_in:
        yield stand_in


@pytest.fixture
def cloud(shared: DbtCloudStandIn) -> DbtCloudStandIn:
    shared.clear_faults()
    shared.graph(GRAPH)
    shared.forget_requests()
    return shared


@pytest.mark.parametrize("header", ["Token stand-in-token", "Bearer stand-in-token"])
def test_token_and_bearer_are_the_same(cloud: DbtCloudStandIn, header: str) -> None:
    assert cloud.request("GET", f"{ROOT}/", headers={"Authorization": header}).status_code == 200


@pytest.mark.parametrize("header", ["", "Token", "Token wrong", "Basic stand-in-token", "stand-in-token"])
@pytest.mark.parametrize("path", [f"{ROOT}/runs/", "/_runs", "/nowhere"])
def test_without_the_token_everything_is_401(cloud: DbtCloudStandIn, header: str, path: str) -> None:
    response = cloud.request("GET", path, headers={"Authorization": header})
    assert response.status_code == 401
    assert response.json()["status"]["code"] == 401
    assert response.json()["status"]["is_success"] is False


@pytest.mark.parametrize(
    "path",
    [
        "/api/v2/accounts/2/runs/",
        f"{ROOT}/runs",
        f"{ROOT}//runs/",
        f"{ROOT}/runs/1/",
        f"{ROOT}/runs/x/",
        f"{ROOT}/jobs/99/",
        f"{ROOT}/projects/",
        f"{ROOT}/environments/99/",
        f"{ROOT}/steps/1/",
        "/api/v3/accounts/1/runs/",
    ],
)
def test_what_does_not_exist_is_404_in_the_envelope(cloud: DbtCloudStandIn, path: str) -> None:
    response = cloud.request("GET", path)
    assert response.status_code == 404
    assert response.json()["status"]["user_message"].startswith("The requested resource was not found")


def test_a_wrong_method_is_405(cloud: DbtCloudStandIn) -> None:
    assert cloud.request("GET", f"{ROOT}/jobs/1/run/").status_code == 405


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("nonsense", "not a JSON object"),
        ("[]", "not a JSON object"),
        ("{}", "cause"),
        ('{"cause": ""}', "may not be blank"),
        ('{"cause": 3}', "cause"),
        ('{"cause": "%s"}' % ("x" * 256), "255"),
        ('{"cause": "c", "colour": "red"}', "'colour' was unexpected"),
        ('{"cause": "c", "cause_category": "ui"}', "'cause_category' was unexpected"),
        ('{"cause": "c", "steps_override": []}', "too short"),
        ('{"cause": "c", "steps_override": "dbt build"}', "steps_override"),
        ('{"cause": "c", "steps_override": ["rm -rf /"]}', "not a valid dbt command"),
        ('{"cause": "c", "steps_override": ["dbt"]}', "not a valid dbt command"),
        ('{"cause": "c", "steps_override": ["dbt build \\"x"]}', "not a valid command"),
        ('{"cause": "c", "threads_override": 0}', "minimum"),
        ('{"cause": "c", "timeout_seconds_override": -1}', "minimum"),
        ('{"cause": "c", "git_branch": ""}', "may not be blank"),
        ('{"cause": "c", "generate_docs_override": "yes"}', "generate_docs_override"),
    ],
)
def test_a_bad_trigger_is_400_and_starts_nothing(cloud: DbtCloudStandIn, body: str, says: str) -> None:
    before = len(cloud.runs())
    headers = {"Content-Type": "application/json"}
    response = cloud.request("POST", f"{ROOT}/jobs/1/run/", content=body, headers=headers)
    assert response.status_code == 400
    assert says in response.json()["data"]
    assert len(cloud.runs()) == before


def test_a_trigger_of_another_media_type_is_415(cloud: DbtCloudStandIn) -> None:
    assert cloud.request("POST", f"{ROOT}/jobs/1/run/", data={"cause": "c"}).status_code == 415


def test_a_run_from_trigger_to_end(cloud: DbtCloudStandIn) -> None:
    steps = ["dbt build --select fqn:kaizen_wars.a"]
    run = cloud.trigger(cause="marker-1", steps_override=steps, schema_override="elsewhere")
    assert (run["status"], run["status_humanized"], run["in_progress"]) == (1, "Queued", True)
    assert run["trigger"]["cause"] == "marker-1"
    assert run["trigger"]["cause_category"] == "api"
    assert run["trigger"]["schema_override"] == "elsewhere"
    assert run["job"]["execute_steps"] == ["dbt build"]
    done = cloud.wait(run["id"])
    assert (done["status"], done["is_success"], done["is_complete"]) == (10, True, True)
    assert done["created_at"] <= done["dequeued_at"] <= done["started_at"] <= done["finished_at"]
    assert done["created_at"].endswith("+00:00")
    assert " " in done["created_at"]
    assert done["href"].endswith(f"/runs/{run['id']}/")
    assert [step["name"] for step in done["run_steps"]] == [
        "Clone git repository",
        "Create profile from connection DuckDB",
        "Invoke dbt with `dbt deps`",
        "Invoke dbt with `dbt build --select fqn:kaizen_wars.a`",
    ]
    manifest = cloud.request("GET", f"{ROOT}/runs/{run['id']}/artifacts/manifest.json").json()
    assert manifest["nodes"]["model.kaizen_wars.a"]["relation_name"] == '"kaizen"."elsewhere"."a"'


def test_related_objects_come_only_when_asked_for(cloud: DbtCloudStandIn) -> None:
    run = cloud.wait(cloud.trigger(cause="marker-2")["id"])
    plain = cloud.api("GET", f"/runs/{run['id']}/")
    assert (plain["trigger"], plain["job"], plain["environment"], plain["run_steps"]) == (None, None, None, [])
    asked = cloud.api("GET", f"/runs/{run['id']}/", params={"include_related": '["trigger","job","run_steps"]'})
    assert asked["trigger"]["cause"] == "marker-2"
    assert asked["job"]["id"] == 1
    assert len(asked["run_steps"]) == 4
    step = cloud.api("GET", f"/steps/{asked['run_steps'][3]['id']}/")
    assert "model.kaizen_wars.a" in step["logs"]


def test_artifacts_are_those_of_the_last_step_unless_a_step_is_named(cloud: DbtCloudStandIn) -> None:
    run = cloud.wait(cloud.trigger(generate_docs_override=True)["id"])
    assert run["has_docs_generated"]
    path = f"/runs/{run['id']}/artifacts"

    def which(**params: int) -> str:
        return str(cloud.request("GET", f"{ROOT}{path}/run_results.json", params=params).json()["args"]["which"])

    assert (which(), which(step=4), which(step=5)) == ("generate", "build", "generate")
    assert "catalog.json" in cloud.api("GET", f"{path}/")
    assert "catalog.json" not in cloud.api("GET", f"{path}/", params={"step": 4})
    for missing in (
        f"{path}/run_results.json?step=1",
        f"{path}/sources.json",
        f"{path}/../logs.txt",
        f"{path}/%2e%2e/logs.txt",
    ):
        assert cloud.request("GET", ROOT + missing).status_code == 404
    assert cloud.request("GET", f"{ROOT}{path}/manifest.json?step=x").status_code == 400
    newest = cloud.request("GET", f"{ROOT}/jobs/1/artifacts/run_results.json").json()
    assert newest["metadata"]["env"]["DBT_CLOUD_RUN_ID"] == str(run["id"])


def test_lists_filter_sort_and_page(cloud: DbtCloudStandIn) -> None:
    made = [cloud.wait(cloud.trigger(cause=f"list-{n}")["id"]) for n in range(5)]
    ids = [run["id"] for run in made]

    def listed(**params: Any) -> list[int]:
        return [run["id"] for run in cloud.api("GET", "/runs/", params=params)]

    since = {"id__gt": ids[0] - 1}
    assert listed(**since) == ids
    assert listed(**since, order_by="-id", limit=2) == [ids[4], ids[3]]
    assert listed(**since, order_by="-finished_at", limit=2, offset=2) == [ids[2], ids[1]]
    assert listed(**since, job_definition_id=2) == []
    assert listed(**since, status=20) == []
    assert listed(**since, status__in="[10,20]") == ids
    assert listed(**since, environment_id=1, project_id=1, state="all") == ids
    between = f'["{made[1]["finished_at"]}","{made[3]["finished_at"]}"]'
    assert listed(finished_at__range=between) == ids[1:4]
    assert listed(created_at__range=f'["{made[4]["created_at"]}","2999-01-01"]') == ids[4:]


def test_a_page_says_how_many_there_are(cloud: DbtCloudStandIn) -> None:
    run = cloud.wait(cloud.trigger()["id"])
    body = cloud.request("GET", f"{ROOT}/runs/", params={"id__gt": run["id"] - 1, "limit": 7}).json()
    assert body["extra"]["pagination"] == {"count": 1, "total_count": 1}
    assert body["extra"]["order_by"] == "id"
    assert body["extra"]["filters"] == {
        "limit": 7,
        "offset": 0,
        "state": "all",
        "account_id": 1,
        "id__gt": run["id"] - 1,
    }


@pytest.mark.parametrize(
    "query",
    [
        "cause=x",
        "created_at__gte=2026-01-01",
        "limit=101",
        "limit=0",
        "limit=x",
        "order_by=status",
        "status=good",
        "status__in=[",
        "finished_at__range=yesterday",
        'include_related=["friends"]',
        "job_definition_id=",
        "has_docs_generated=1",
    ],
)
def test_an_unknown_filter_or_value_is_400(cloud: DbtCloudStandIn, query: str) -> None:
    assert cloud.request("GET", f"{ROOT}/runs/?{query}").status_code == 400


def test_runs_of_one_job_queue_and_those_of_two_do_not(cloud: DbtCloudStandIn) -> None:
    cloud.put_job(id=2, name="other")
    slow = cloud.start_foreign(override={"seconds": 60})
    cloud.until(lambda: cloud.runs()[-1]["is_running"])
    waiting, beside = cloud.trigger(), cloud.trigger(job=2)
    assert cloud.wait(beside["id"])["is_success"]
    assert cloud.api("GET", f"/runs/{waiting['id']}/")["status_humanized"] == "Queued"
    unfinished = cloud.api("GET", "/runs/", params={"id__gt": slow["id"] - 1, "order_by": "-finished_at"})
    assert {run["id"] for run in unfinished[:2]} == {slow["id"], waiting["id"]}
    cancelled = cloud.api("POST", f"/runs/{slow['id']}/cancel/")
    assert (cancelled["status"], cancelled["is_cancelled"]) == (30, True)
    assert cloud.wait(waiting["id"])["is_success"]
    assert cloud.request("POST", f"{ROOT}/runs/{slow['id']}/cancel/").status_code == 400


def test_a_queued_run_can_be_cancelled(cloud: DbtCloudStandIn) -> None:
    slow, waiting = cloud.start_foreign(override={"seconds": 60}), cloud.trigger()
    assert cloud.api("POST", f"/runs/{waiting['id']}/cancel/")["status"] == 30
    cloud.api("POST", f"/runs/{slow['id']}/cancel/")
    assert cloud.wait(waiting["id"])["started_at"] is None


def test_a_run_that_takes_too_long_is_cancelled(cloud: DbtCloudStandIn) -> None:
    cloud.graph({**GRAPH, "seconds": 60})
    run = cloud.wait(cloud.trigger(timeout_seconds_override=1)["id"])
    assert run["is_cancelled"]
    assert "timed out" in run["status_message"]


def test_a_failed_run_is_retried_from_where_it_failed(cloud: DbtCloudStandIn) -> None:
    models = [{"name": "a"}, {"name": "b"}, {"name": "c", "upstreams": ["b"]}]
    cloud.graph({"models": models, "outcomes": {"b": ["error", "success"]}})
    failed = cloud.wait(cloud.trigger()["id"])
    assert (failed["is_error"], failed["can_retry"], failed["status_message"]) == (True, True, "dbt command failed")
    retried = cloud.wait(cloud.api("POST", f"/runs/{failed['id']}/retry/")["id"])
    assert (retried["is_success"], retried["retrying_run_id"]) == (True, failed["id"])
    results = cloud.request("GET", f"{ROOT}/runs/{retried['id']}/artifacts/run_results.json").json()["results"]
    assert {result["unique_id"] for result in results} == {"model.kaizen_wars.b", "model.kaizen_wars.c"}
    again = cloud.request("POST", f"{ROOT}/runs/{failed['id']}/retry/")
    assert again.json()["data"]["retry_not_supported_reason"] == "RETRY_NOT_LATEST_RUN"
    assert cloud.wait(cloud.api("POST", "/jobs/1/rerun/")["id"])["retrying_run_id"] is None


def test_foreign_runs_have_their_own_category_schema_and_branch(cloud: DbtCloudStandIn) -> None:
    pull = cloud.wait(cloud.start_foreign(cause_category="ci", github_pull_request_id=7, git_branch="topic")["id"])
    assert (pull["trigger"]["cause_category"], pull["git_branch"]) == ("ci", "topic")
    manifest = cloud.request("GET", f"{ROOT}/runs/{pull['id']}/artifacts/manifest.json").json()
    assert manifest["nodes"]["model.kaizen_wars.a"]["schema"] == "dbt_cloud_pr_1_7"


def test_accounts_jobs_and_environments_can_be_read(cloud: DbtCloudStandIn) -> None:
    assert cloud.api("GET", "/")["queue_limit"] == 50
    assert cloud.api("GET", "/jobs/")[0]["execute_steps"] == ["dbt build"]
    assert cloud.api("GET", "/jobs/1/")["settings"] == {"threads": 4, "target_name": "default"}
    assert cloud.api("GET", "/environments/")[0]["deployment_type"] == "production"
    assert cloud.api("GET", "/environments/1/")["id"] == 1
