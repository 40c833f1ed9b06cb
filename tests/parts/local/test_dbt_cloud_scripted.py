"""Made-up runs select by dbt's rules, skip what dbt would skip, and write artifacts that dbt itself can read."""

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from dbt.artifacts.schemas.catalog import CatalogArtifact
from dbt.artifacts.schemas.freshness import FreshnessExecutionResultArtifact
from dbt.artifacts.schemas.manifest import WritableManifest
from dbt.artifacts.schemas.run import RunResultsArtifact

from freshet.local.dbtcloud.executor import Work
from freshet.local.dbtcloud.graph import Graph, parse_graph
from freshet.local.dbtcloud.manifest import build_manifest
from freshet.local.dbtcloud.model import Environment, Job, Run, Step, Trigger
from freshet.local.dbtcloud.scripted import ScriptedExecutor
from freshet.local.dbtcloud.selection import SelectionError, parse_command, select

METADATA: dict[str, Any] = {
    "dbt_version": "1.11.16",
    "generated_at": "2026-11-01T00:00:00Z",
    "invocation_id": None,
    "env": {},
}
SHOP: dict[str, Any] = {
    "sources": [{"name": "raw.orders", "max_loaded_at": "2026-11-01T00:00:00Z"}],
    "models": [
        {
            "name": "stg",
            "path": "models/staging",
            "upstreams": ["source:raw.orders"],
            "tests": [{"name": "stg_unique"}],
        },
        {"name": "mid", "materialized": "ephemeral", "upstreams": ["stg"]},
        {
            "name": "mart",
            "upstreams": ["mid", "dim"],
            "tags": ["nightly"],
            "tests": [{"name": "mart_refers", "also": ["dim"]}, {"name": "mart_soft", "severity": "warn"}],
        },
        {"name": "dim", "resource_type": "seed"},
        {"name": "report", "version": 1, "upstreams": ["mart"]},
        {"name": "report", "version": 2, "upstreams": ["mart"]},
    ],
}


def graph_of(**changes: Any) -> Graph:
    return parse_graph(json.dumps({**SHOP, **changes}).encode())


def names(ids: set[str] | list[str]) -> set[str]:
    return {key.split(".")[2] if key.startswith("test.") else ".".join(key.split(".")[2:]) for key in ids}


def chosen(line: str) -> set[str]:
    manifest = build_manifest(graph_of(), schema="s", metadata=METADATA)
    return names(select(parse_command(line), {**manifest["nodes"], **manifest["sources"]}, manifest["parent_map"]))


def execute(folder: Path, command: str = "dbt build", graph: Graph | None = None, retried: Path | None = None) -> bool:
    run = Run(
        id=1,
        trigger_id=2,
        job_id=1,
        environment_id=1,
        trigger=Trigger(cause="c"),
        created_at=0.0,
        updated_at=0.0,
        schema="s",
    )
    work = Work(
        run=run,
        job=Job(id=1),
        environment=Environment(id=1),
        step=Step(id=1, index=4, name="x"),
        command=command,
        folder=folder,
        retried=retried,
    )
    return asyncio.run(ScriptedExecutor(graph=graph or graph_of(), clock=lambda: 1_800_000_000.0).execute(work))


def results(folder: Path) -> dict[str, str]:
    found = json.loads((folder / "target" / "run_results.json").read_text())["results"]
    return {names([result["unique_id"]]).pop(): result["status"] for result in found}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("dbt build --select fqn:kaizen_wars.staging.stg", "stg stg_unique"),
        ("dbt build -s fqn:kaizen_wars.staging --indirect-selection empty", "stg stg_unique"),
        ("dbt build --select stg", "stg stg_unique"),
        ("dbt run --select stg+", "stg mid mart report.v1 report.v2"),
        ("dbt build --select +mart --exclude dim --indirect-selection empty", "stg mid mart"),
        ("dbt build --select dim", "dim mart_refers"),
        ("dbt build --select dim --indirect-selection cautious", "dim"),
        ("dbt build --select dim --indirect-selection buildable", "dim"),
        ("dbt build --select mart --indirect-selection cautious", "mart mart_soft"),
        ("dbt build --select mart --indirect-selection buildable", "mart mart_refers mart_soft"),
        ("dbt build --select fqn:kaizen_wars.report.v2", "report.v2"),
        ("dbt build --select report", "report.v1 report.v2"),
        ("dbt build --select report.v1", "report.v1"),
        ("dbt build --select tag:nightly,resource_type:model --indirect-selection empty", "mart"),
        ("dbt build --select path:models/staging --indirect-selection empty", "stg stg_unique"),
        ("dbt run --select source:raw.orders+", "stg mid mart report.v1 report.v2"),
        ("dbt seed", "dim"),
        ("dbt test", "stg_unique mart_refers mart_soft"),
        ("dbt build --select nothing", ""),
    ],
)
def test_selection(line: str, expected: str) -> None:
    assert chosen(line) == set(expected.split())


@pytest.mark.parametrize(
    "line", ["dbt build --select state:modified", "dbt build --wrong", "dbt build --indirect-selection x"]
)
def test_what_is_not_understood_is_an_error(line: str) -> None:
    with pytest.raises(SelectionError):
        chosen(line)


def test_a_build_runs_everything_in_order(tmp_path: Path) -> None:
    assert execute(tmp_path)
    statuses = results(tmp_path)
    assert statuses["mart"] == "success"
    assert statuses["mart_soft"] == "pass"
    assert "mid" not in statuses
    order = list(statuses)
    assert order.index("stg_unique") < order.index("mart") < order.index("report.v1")


@pytest.mark.parametrize(
    ("outcomes", "ok", "skipped"),
    [
        ({"stg": "error"}, False, "stg_unique mart mart_refers mart_soft report.v1 report.v2"),
        ({"stg_unique": "fail"}, False, "mart mart_refers mart_soft report.v1 report.v2"),
        ({"stg_unique": "warn"}, True, ""),
        ({"mart": "partial success"}, True, "mart_refers mart_soft report.v1 report.v2"),
        ({"mart": "reused", "stg": "no-op"}, True, ""),
        ({"mart": "from the future"}, True, ""),
        ({"report.v2": "error"}, False, ""),
    ],
)
def test_what_is_below_a_failure_is_skipped(tmp_path: Path, outcomes: dict[str, str], ok: bool, skipped: str) -> None:
    assert execute(tmp_path, graph=graph_of(outcomes=outcomes)) is ok
    statuses = results(tmp_path)
    assert {name for name, status in statuses.items() if status == "skipped"} == set(skipped.split())
    assert {name: statuses[name] for name in outcomes} == outcomes


def test_outcomes_in_a_row_are_used_up(tmp_path: Path) -> None:
    graph = graph_of(outcomes={"stg": ["error", "success"]})
    assert [execute(tmp_path / str(n), graph=graph) for n in range(3)] == [False, True, True]


def test_a_retry_does_what_was_left_undone(tmp_path: Path) -> None:
    graph = graph_of(outcomes={"mart": ["error", "success"]})
    execute(tmp_path / "first", graph=graph)
    assert execute(tmp_path / "second", "dbt retry", graph, tmp_path / "first" / "target")
    assert set(results(tmp_path / "second")) == {"mart", "mart_refers", "mart_soft", "report.v1", "report.v2"}


def test_compile_and_docs_pretend_success_for_what_fails(tmp_path: Path) -> None:
    graph = graph_of(outcomes={"stg": "error"})
    for command in ("dbt compile", "dbt docs generate"):
        folder = tmp_path / command.replace(" ", "-")
        assert execute(folder, command, graph)
        assert set(results(folder).values()) == {"success"}


def test_a_crash_leaves_no_artifacts_and_a_usage_error_says_so(tmp_path: Path) -> None:
    assert not execute(tmp_path / "a", graph=graph_of(outcomes={"*": "crash"}))
    assert list((tmp_path / "a" / "target").iterdir()) == []
    assert not execute(tmp_path / "b", "dbt build --select state:modified")
    assert "not a valid method" in (tmp_path / "b" / "logs.txt").read_text()


def test_sparse_artifacts_have_no_nulls_and_may_lack_results(tmp_path: Path) -> None:
    execute(tmp_path, graph=graph_of(sparse=True, left_out=["stg"]))
    text = (tmp_path / "target" / "run_results.json").read_text() + (tmp_path / "target" / "manifest.json").read_text()
    assert "null" not in text
    assert "stg" not in results(tmp_path)


@pytest.mark.parametrize(
    "outcomes", [{}, {"stg": "error", "dim": "partial success"}, {"stg": "no-op", "stg_unique": "warn"}]
)
def test_dbt_reads_every_artifact(tmp_path: Path, outcomes: dict[str, str]) -> None:
    graph = graph_of(outcomes=outcomes)
    for command in ("dbt build", "dbt docs generate", "dbt source freshness"):
        execute(tmp_path / command, command, graph)
    manifest = WritableManifest.read_and_check_versions(str(tmp_path / "dbt build" / "target" / "manifest.json"))
    assert set(manifest.nodes) == set(manifest.parent_map) - set(manifest.sources)
    run_results = RunResultsArtifact.read_and_check_versions(
        str(tmp_path / "dbt build" / "target" / "run_results.json")
    )
    assert len(run_results.results) == 8
    docs = tmp_path / "dbt docs generate" / "target"
    assert CatalogArtifact.read_and_check_versions(str(docs / "catalog.json")).nodes
    freshness = tmp_path / "dbt source freshness" / "target" / "sources.json"
    assert len(FreshnessExecutionResultArtifact.read_and_check_versions(str(freshness)).results) == 1


@pytest.mark.parametrize(
    "graph",
    [
        {"models": [{"name": "a", "upstreams": ["b"]}]},
        {"models": [{"name": "a", "tests": [{"name": "t", "also": ["b"]}]}]},
        {"models": [{"name": "a", "colour": "red"}]},
        {"models": [{}]},
    ],
)
def test_a_wrong_graph_is_refused(graph: dict[str, Any]) -> None:
    with pytest.raises((ValueError, msgspec.ValidationError)):
        parse_graph(json.dumps(graph).encode())
