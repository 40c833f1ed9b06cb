"""The stand-in refuses what the public API document does not have, everywhere, in dbt Cloud's envelope: a client's
mistake shows in tests and not in production.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.dbtcloud import DbtCloudStandIn

ROOT = "/api/v2/accounts/1"
GRAPH: dict[str, Any] = {"models": [{"name": "a"}]}
RUN = "{run}"
"""The id of a run that has ended."""
PATHS = [
    "/",
    "/environments/",
    "/environments/1/",
    "/jobs/",
    "/jobs/1/",
    "/jobs/1/artifacts/manifest.json",
    "/runs/",
    f"/runs/{RUN}/",
    f"/runs/{RUN}/artifacts/",
    f"/runs/{RUN}/artifacts/manifest.json",
    f"/steps/{RUN}01/",
]
POSTS = ["/jobs/1/run/", "/jobs/1/rerun/", f"/runs/{RUN}/cancel/", f"/runs/{RUN}/retry/"]


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DbtCloudStandIn]:
    with DbtCloudStandIn(folder=tmp_path_factory.mktemp("strict"), executor="scripted", graph=GRAPH) as stand_in:
        yield stand_in


@pytest.fixture(scope="module")
def run(cloud: DbtCloudStandIn) -> str:
    return str(cloud.wait(cloud.trigger()["id"])["id"])


def is_refused(answer: Any, says: str, *, code: int = 400) -> None:
    """With that code, in the envelope, and it says what is wrong."""
    body = answer.json()
    assert (answer.status_code, body["status"]["code"], body["status"]["is_success"]) == (code, code, False)
    assert set(body["status"]) == {"code", "is_success", "user_message", "developer_message"}
    assert says in f"{body['status']['user_message']} {body['data']}"


@pytest.mark.parametrize("path", PATHS)
def test_what_is_asked_right_is_answered(cloud: DbtCloudStandIn, run: str, path: str) -> None:
    assert cloud.request("GET", ROOT + path.replace(RUN, run)).status_code == 200


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("query", ["colour=red", "limt=5&ofset=1"])
def test_a_name_that_nobody_knows_is_refused(cloud: DbtCloudStandIn, run: str, path: str, query: str) -> None:
    is_refused(cloud.request("GET", f"{ROOT}{path.replace(RUN, run)}?{query}"), f"'{query.partition('=')[0]}'")


@pytest.mark.parametrize("path", POSTS)
def test_what_is_done_takes_no_query(cloud: DbtCloudStandIn, run: str, path: str) -> None:
    before = len(cloud.runs())
    answer = cloud.request("POST", f"{ROOT}{path.replace(RUN, run)}?cause=x", json={"cause": "c"})
    is_refused(answer, "'cause' was unexpected")
    assert len(cloud.runs()) == before


@pytest.mark.parametrize("path", POSTS[1:])
def test_what_has_nothing_to_say_takes_no_body(cloud: DbtCloudStandIn, run: str, path: str) -> None:
    before = len(cloud.runs())
    is_refused(cloud.request("POST", ROOT + path.replace(RUN, run), json={"cause": "c"}), "must be empty")
    assert len(cloud.runs()) == before


@pytest.mark.parametrize("path", [*PATHS, *POSTS])
def test_another_account_is_not_there(cloud: DbtCloudStandIn, run: str, path: str) -> None:
    method = "POST" if path in POSTS else "GET"
    answer = cloud.request(method, f"/api/v2/accounts/2{path.replace(RUN, run)}", json={} if path in POSTS else None)
    is_refused(answer, "was not found", code=404)


@pytest.mark.parametrize("path", [*PATHS, *POSTS])
def test_another_method_is_refused(cloud: DbtCloudStandIn, run: str, path: str) -> None:
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - {"POST" if path in POSTS else "GET"}:
        is_refused(cloud.request(method, ROOT + path.replace(RUN, run)), f'"{method}" not allowed', code=405)


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/jobs/", "limit=101"),
        ("/jobs/", "offset=-1"),
        ("/jobs/", "order_by=created_at"),
        ("/jobs/", "environment_id=one"),
        ("/jobs/", "triggers_schedule=1"),
        ("/jobs/", 'include_related=["run_steps"]'),
        ("/jobs/", "project_id__in=["),
        ("/jobs/", "job_definition_id=1"),
        ("/environments/", "environment_id=1"),
        ("/environments/", "pk=x"),
        ("/environments/", "state=deleted"),
        ("/runs/", "account_id=one"),
        ("/runs/", "offset=-1"),
        (f"/runs/{RUN}/", 'include_related=["friends"]'),
        (f"/runs/{RUN}/artifacts/manifest.json", "step=last"),
        ("/jobs/1/artifacts/manifest.json", "limit=1"),
        ("/jobs/1/artifacts/manifest.json", "status=good"),
    ],
)
def test_a_value_of_another_kind_is_refused(cloud: DbtCloudStandIn, run: str, path: str, query: str) -> None:
    is_refused(cloud.request("GET", f"{ROOT}{path.replace(RUN, run)}?{query}"), query.partition("=")[0])


def test_what_a_list_may_be_narrowed_by(cloud: DbtCloudStandIn, run: str) -> None:
    cloud.put_environment(id=2, name="Staging")
    cloud.put_job(id=2, name="Nightly refresh", environment_id=2)

    def ids(path: str, **query: Any) -> list[int]:
        return [it["id"] for it in cloud.api("GET", path, params=query)]

    assert ids("/jobs/") == ids("/environments/") == [1, 2]
    assert ids("/jobs/", name__icontains="NIGHT") == ids("/jobs/", environment_id=2) == ids("/jobs/", pk=2) == [2]
    assert ids("/jobs/", order_by="-name", limit=1) == ids("/jobs/", offset=1) == [2]
    assert ids("/jobs/", project_id=1, state=1, account_id=1, is_system="false") == [1, 2]
    for nothing in ({"project_id": 2}, {"state": 2}, {"account_id": 2}, {"project_id__in": "[2,3]"}):
        assert ids("/jobs/", **nothing) == ids("/environments/", **nothing) == ids("/runs/", **nothing) == []


def test_the_newest_artifact_of_a_job_among_the_runs_that_are_asked_for(cloud: DbtCloudStandIn, run: str) -> None:
    def left_by(**query: Any) -> str:
        answer = cloud.request("GET", f"{ROOT}/jobs/1/artifacts/manifest.json", params=query).json()
        return str(answer["metadata"]["env"]["DBT_CLOUD_RUN_ID"])

    newest = str(cloud.wait(cloud.trigger()["id"])["id"])
    assert (left_by(), left_by(pk=run)) == (newest, run)
    missing = cloud.request("GET", f"{ROOT}/jobs/1/artifacts/manifest.json", params={"status": 20})
    is_refused(missing, "was not found", code=404)
