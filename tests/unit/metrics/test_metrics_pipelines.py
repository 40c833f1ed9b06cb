"""Metrics of Pipelines: their dbt Cloud job, and their warehouse."""

import re

import pytest
from tests.support.runtime import raw_asset
from tests.unit.metrics.samples import (
    SOURCE,
    condition,
    pipeline,
    value,
)

from freshet.metrics import PipelineMetrics
from freshet.runtime.cache import Cache


@pytest.mark.parametrize(
    ("outcome", "message", "expected"),
    [
        ("Succeeded", "3 rows", 1.0),
        ("Interrupted", "WarehouseLocked: held by another process", 0.0),
        ("Interrupted", "TerminationByKubelet: the node goes", None),
        ("Interrupted", "Terminated: The pod was told to stop before the work was done: nothing was published", None),
        ("Interrupted", "SourceUnavailable: s3://orders/new.csv did not answer (Timeout): it is tried again", None),
        ("Unchanged", "", 1.0),
        ("Failed", "BadRows: 1 of 3", None),
    ],
)
def test_the_warehouse_is_reachable_by_what_runs_found(outcome: str, message: str, expected: float | None) -> None:
    last = {"id": "u", "outcome": outcome, "message": message, "finishedAt": "2026-11-23T23:55:00Z"}
    found = value("pipeline_warehouse_reachable", spec=SOURCE, status={"lastRun": last}, pipelines=[pipeline()])
    assert found == expected


LOCKED = "WarehouseLocked: held by another process"


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (("Stale", "Fresh"), 0.0),
        (("Suspended", "Fresh"), 1.0),
    ],
)
def test_a_load_that_did_not_open_the_warehouse_does_not_end_the_alert(
    cache: Cache, states: tuple[str, str], expected: float
) -> None:
    """Of two sources one is interrupted, and the other finds its input unchanged later; what is suspended is not tried
    again.
    """
    ended = (("Interrupted", LOCKED, "23:50"), ("Unchanged", "", "23:55"))
    for number, ((outcome, message, at), state) in enumerate(zip(ended, states, strict=True)):
        last = {"id": "u", "outcome": outcome, "message": message, "finishedAt": f"2026-11-23T{at}:00Z"}
        cache.ingest(raw_asset(f"a{number}", spec=SOURCE, status={"state": state, "lastRun": last}), kind="Asset")
    cache.ingest(pipeline(), kind="Pipeline")
    text = "".join(PipelineMetrics(cache=cache).chunks())
    (line,) = [line for line in text.splitlines() if line.startswith("freshet_pipeline_warehouse_reachable{")]
    assert float(line.rpartition(" ")[2]) == expected


def test_a_pipeline_tells_of_its_job_and_whether_dbt_cloud_answers() -> None:
    dbt = {"host": "https://cloud.example/", "accountId": 1, "jobId": 2, "tokenSecretRef": {"name": "dbt"}}
    made = [pipeline(dbtCloud=dbt, status={"conditions": [condition("DbtCloudReady", "False", "Unreachable")]})]
    assert value("pipeline_dbt_cloud_ready", pipelines=made) == 0.0
    assert value("pipeline_dbt_cloud_info", pipelines=made) == 1.0
    assert value("pipeline_suspended", pipelines=made) == 0.0
    assert value("pipeline_ready", pipelines=made) is None


@pytest.mark.parametrize(
    ("url", "runs"),
    [
        ("https://cloud.example/deploy/1/projects/7/runs/99/", "https://cloud.example/deploy/1/projects/7/runs/"),
        ("https://cloud.example/deploy/3/projects/7/runs/99/", "https://cloud.example/deploy/1/runs/"),
        ("javascript:alert(1)/1/runs/99", "https://cloud.example/deploy/1/runs/"),
        (None, "https://cloud.example/deploy/1/runs/"),
    ],
)
def test_runs_have_their_pages_where_dbt_cloud_says(cache: Cache, url: str | None, runs: str) -> None:
    """Of another account it says nothing."""
    dbt = {"host": "https://cloud.example/", "accountId": 1, "jobId": 2, "tokenSecretRef": {"name": "dbt"}}
    last = {"id": "99", "outcome": "Succeeded", "message": "", "url": url}
    spec = {"materialize": {"dbtCloud": {"uniqueId": "model.a.b"}}, "pipeline": "shop"}
    cache.ingest(raw_asset(spec=spec, status={"lastRun": last}), kind="Asset")
    cache.ingest(pipeline(dbtCloud=dbt), kind="Pipeline")
    text = "".join(PipelineMetrics(cache=cache).chunks())
    assert re.findall(r'freshet_pipeline_dbt_cloud_info\{.*runs="([^"]*)"', text) == [runs]
