"""The stand-in with real dbt: artifacts per step, failure, retry, cancellation, a locked warehouse, no orphans."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from tests.support.dbtcloud import PROJECT, DbtCloudStandIn

from freshet.dbtcloud.manifest import parse
from freshet.dbtcloud.project import TestNode
from freshet.dbtcloud.selection import Node, selector

ROOT = "/api/v2/accounts/1"
MODEL = "model.kaizen_wars.stg_kaizen_wars__fact_virtual"
SELECT = "--select fqn:kaizen_wars.staging.stg_kaizen_wars__fact_virtual --indirect-selection buildable"
SOURCE = "source.kaizen_wars.kaizen_wars.raw_fact_virtual"
WITH_SOURCE = SELECT.replace("--select ", f"--select {selector(Node(unique_id=SOURCE))} ")
NOBODY = TestNode(nodes=())
CSV = PROJECT.parent / "raw_fact_virtual.csv"
LOCK = """
import duckdb, sys
connection = duckdb.connect(sys.argv[1])
print("locked", flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dbt")
    shutil.copytree(PROJECT, folder / "project", ignore=shutil.ignore_patterns("target", "logs"))
    return folder


@pytest.fixture(scope="module")
def shared(folder: Path) -> Iterator[DbtCloudStandIn]:
    with DbtCloudStandIn(folder=folder, project=folder / "project") as stand_in:
        yield stand_in


@pytest.fixture
def cloud(shared: DbtCloudStandIn) -> DbtCloudStandIn:
    with duckdb.connect(str(shared.warehouse)) as warehouse:
        warehouse.execute("create schema if not exists kaizen_wars")
        warehouse.execute(f"create or replace table kaizen_wars.raw_fact_virtual as from read_csv('{CSV}')")
    return shared


def query(cloud: DbtCloudStandIn, sql: str) -> Any:
    with duckdb.connect(str(cloud.warehouse), read_only=True) as warehouse:
        return warehouse.execute(sql).fetchall()


def artifact(cloud: DbtCloudStandIn, run: dict[str, Any], name: str, **params: int) -> Any:
    response = cloud.request("GET", f"{ROOT}/runs/{run['id']}/artifacts/{name}", params=params)
    response.raise_for_status()
    return response.json()


def log_of(run: dict[str, Any]) -> str:
    return "\n".join(f"{step['name']}\n{step['logs']}" for step in run["run_steps"])


def children(pid: int) -> set[int]:
    """Every descendant of a process."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    pairs = [tuple(map(int, line.split())) for line in listed.splitlines()]
    found: set[int] = set()
    todo = {pid}
    while todo:
        todo = {child for child, parent in pairs if parent in todo} - found
        found |= todo
    return found


def alive(pids: set[int]) -> set[int]:
    listed = subprocess.run(["ps", "-eo", "pid=,stat="], capture_output=True, text=True, check=True).stdout
    rows = (line.split() for line in listed.splitlines())
    return pids & {int(pid) for pid, stat in rows if not stat.startswith("Z")}


def test_a_build_of_one_model_with_docs(cloud: DbtCloudStandIn) -> None:
    run = cloud.wait(cloud.trigger(steps_override=[f"dbt build {SELECT}"], generate_docs_override=True)["id"])
    assert run["is_success"], log_of(run)
    results = artifact(cloud, run, "run_results.json", step=4)
    assert results["args"]["which"] == "build"
    assert {result["unique_id"]: result["status"] for result in results["results"]}[MODEL] == "success"
    assert artifact(cloud, run, "run_results.json")["args"]["which"] == "generate"
    manifest = artifact(cloud, run, "manifest.json")
    node = manifest["nodes"][MODEL]
    assert node["relation_name"] == '"warehouse"."kaizen_wars"."stg_kaizen_wars__fact_virtual"'
    assert node["config"]["materialized"] == "table"
    assert manifest["metadata"]["env"]["DBT_CLOUD_RUN_ID"] == str(run["id"])
    assert MODEL in artifact(cloud, run, "catalog.json")["nodes"]
    counts = "select (select count(*) from kaizen_wars.raw_fact_virtual), (select count(*) from {})"
    raw, staged = query(cloud, counts.format("kaizen_wars.stg_kaizen_wars__fact_virtual"))[0]
    assert raw == staged == 20_000


@pytest.mark.parametrize("command", ["dbt build", f"dbt build {WITH_SOURCE}"])
def test_tests_of_sources_run_where_they_are_selected_and_the_manifest_tells_whose_they_are(
    cloud: DbtCloudStandIn, command: str
) -> None:
    run = cloud.wait(cloud.trigger(steps_override=[command])["id"])
    assert run["is_success"], log_of(run)
    response = cloud.request("GET", f"{ROOT}/runs/{run['id']}/artifacts/manifest.json")
    tests = parse(response.content).tests
    results = artifact(cloud, run, "run_results.json")["results"]
    ran = [it["unique_id"] for it in results if tests.get(it["unique_id"], NOBODY).nodes == (SOURCE,)]
    assert [key.split(".")[2] for key in ran] == ["source_not_null_kaizen_wars_raw_fact_virtual_event_id"]


def test_sources_are_checked_and_stale_ones_fail_no_run(cloud: DbtCloudStandIn) -> None:
    run = cloud.wait(cloud.trigger(steps_override=["dbt source freshness"])["id"])
    assert run["is_success"], log_of(run)
    assert artifact(cloud, run, "sources.json")["results"][0]["status"] == "warn"
    assert run["has_sources_generated"]


def test_an_override_of_the_schema_builds_elsewhere(cloud: DbtCloudStandIn) -> None:
    run = cloud.wait(cloud.trigger(steps_override=[f"dbt run {SELECT}"], schema_override="pr_7")["id"])
    assert run["is_success"], log_of(run)
    assert query(cloud, "select count(*) from pr_7.stg_kaizen_wars__fact_virtual") == [(20_000,)]


def test_a_failed_test_fails_the_run_and_a_retry_goes_on(cloud: DbtCloudStandIn) -> None:
    with duckdb.connect(str(cloud.warehouse)) as warehouse:
        warehouse.execute("update kaizen_wars.raw_fact_virtual set region = 'MOON' where event_id = 1")
    run = cloud.wait(cloud.trigger(steps_override=[f"dbt build {SELECT}"])["id"])
    assert (run["is_error"], run["status_message"]) == (True, "dbt command failed"), log_of(run)
    assert "fail" in {result["status"] for result in artifact(cloud, run, "run_results.json")["results"]}
    with duckdb.connect(str(cloud.warehouse)) as warehouse:
        warehouse.execute("update kaizen_wars.stg_kaizen_wars__fact_virtual set region = 'EU' where region = 'MOON'")
    retried = cloud.wait(cloud.api("POST", f"/runs/{run['id']}/retry/")["id"])
    assert retried["is_success"], log_of(retried)
    assert len(artifact(cloud, retried, "run_results.json")["results"]) == 1


def test_a_change_of_the_project_is_in_the_next_run(cloud: DbtCloudStandIn, folder: Path) -> None:
    before = cloud.wait(cloud.trigger(steps_override=["dbt parse"])["id"])
    model = folder / "project" / "models" / "other.sql"
    model.write_text("select 1 as one")
    try:
        after = cloud.wait(cloud.trigger(steps_override=["dbt parse"])["id"])
    finally:
        model.unlink()
    assert "model.kaizen_wars.other" not in artifact(cloud, before, "manifest.json")["nodes"]
    assert "model.kaizen_wars.other" in artifact(cloud, after, "manifest.json")["nodes"]
    assert before["git_sha"] != after["git_sha"]
    invocations = {artifact(cloud, run, "manifest.json")["metadata"]["invocation_id"] for run in (before, after)}
    assert len(invocations) == 2


def test_a_usage_error_is_in_the_log(cloud: DbtCloudStandIn) -> None:
    run = cloud.wait(cloud.trigger(steps_override=["dbt build --no-such-option"])["id"])
    assert run["is_error"]
    assert "No such option" in log_of(run)


def test_a_locked_warehouse_is_waited_for_and_a_cancelled_wait_ends(cloud: DbtCloudStandIn) -> None:
    locker = subprocess.Popen(
        [sys.executable, "-c", LOCK, str(cloud.warehouse)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert locker.stdout is not None
        assert locker.stdout.readline() == "locked\n"
        idle = children(cloud.process.pid)
        first = cloud.trigger(steps_override=[f"dbt build {SELECT}"])
        working = cloud.until(lambda: children(cloud.process.pid) - idle)
        cloud.api("POST", f"/runs/{first['id']}/cancel/")
        assert cloud.wait(first["id"])["is_cancelled"]
        assert not alive(working)
        second = cloud.trigger(steps_override=[f"dbt build {SELECT}"])
        cloud.until(lambda: children(cloud.process.pid) - idle)
        assert not cloud.api("GET", f"/runs/{second['id']}/")["is_complete"]
    finally:
        locker.communicate("")
    done = cloud.wait(second["id"])
    assert done["is_success"], log_of(done)


def test_a_dead_worker_fails_its_run_and_the_next_one_has_another(cloud: DbtCloudStandIn) -> None:
    workers = children(cloud.process.pid)
    for pid in workers:
        os.kill(pid, 9)
    cloud.until(lambda: not alive(workers))
    run = cloud.wait(cloud.trigger(steps_override=["dbt parse"])["id"])
    run = run if run["is_success"] else cloud.wait(cloud.trigger(steps_override=["dbt parse"])["id"])
    assert run["is_success"], log_of(run)


def test_a_killed_stand_in_leaves_no_process_behind(tmp_path: Path) -> None:
    cloud = DbtCloudStandIn(folder=tmp_path)
    try:
        run = cloud.trigger(steps_override=["dbt parse"])
        assert cloud.wait(run["id"])["is_success"]
        left = children(cloud.process.pid)
        assert left
    finally:
        cloud.kill()
    cloud.until(lambda: not alive(left))
