"""Runs that are made up: no dbt, no warehouse, real artifact shapes, hundreds of runs in seconds.

A graph declares the models; :mod:`.selection` applies dbt's rules to the command; then each node has its declared
outcome, what is below a failure is skipped, and the artifacts are written as dbt writes them.
"""

import asyncio
import hashlib
import json
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from freshet.local.dbtcloud.executor import Checkout, Work
from freshet.local.dbtcloud.graph import Graph, Model
from freshet.local.dbtcloud.manifest import DBT_VERSION, SCHEMAS, build_manifest, unique_id
from freshet.local.dbtcloud.model import Run
from freshet.local.dbtcloud.selection import Command, SelectionError, parse_command, select
from freshet.local.dbtcloud.times import Clock

__all__ = ["ScriptedExecutor"]

BAD = frozenset({"error", "fail", "runtime error"})
BLOCKING = BAD | {"skipped", "partial success"}
"""What a node must not be for those below it to run."""
NO_RESULTS = frozenset({"parse", "list", "deps", "run-operation", "freshness"})
PRETENDING = frozenset({"compile", "generate"})
"""Commands that write ``success`` for every node and build nothing."""


class ScriptedExecutor:
    """Carries runs out on paper."""

    def __init__(self, *, graph: Graph, clock: Clock) -> None:
        self.graph, self.clock = graph, clock

    async def start(self) -> None:
        """Nothing to get ready."""

    async def close(self) -> None:
        """Nothing to end."""

    async def checkout(self, run: Run) -> Checkout:
        """A commit that changes when anything does that a project would have in a file."""
        await asyncio.sleep(float(run.override.get("starting", self.graph.starting)))
        project = [self.graph.models, self.graph.sources, self.graph.exposures]
        sha = hashlib.sha1(msgspec.json.encode(project), usedforsecurity=False).hexdigest()
        return Checkout(
            git_branch=run.trigger.git_branch or "main", git_sha=run.trigger.git_sha or sha, connection="DuckDB"
        )

    async def execute(self, work: Work) -> bool:
        """One command: wait as long as it shall take, then write what it would have written."""
        target = work.folder / "target"
        target.mkdir(parents=True)
        await asyncio.sleep(float(work.run.override.get("seconds", self.graph.seconds)))
        graph = _for_run(self.graph, work.run)
        try:
            statuses = self._write(work, graph, target)
        except SelectionError as error:
            (work.folder / "logs.txt").write_text(f"Usage error: {error}\n")
            return False
        lines = [f"{status.upper():16} {key}" for key, status in statuses.items()]
        (work.folder / "logs.txt").write_text("\n".join([*lines, "Done.", ""]))
        return not BAD.intersection(statuses.values())

    def _write(self, work: Work, graph: Graph, target: Path) -> dict[str, str]:
        """Write the artifacts; the statuses by unique id come back."""
        command = parse_command(work.command)
        if graph.outcome("*", "") == "crash":
            return {"*": "runtime error"}
        metadata = self._metadata(work)
        manifest = build_manifest(graph, schema=work.run.schema, metadata=metadata)
        self._dump(target / "manifest.json", manifest, graph)
        if command.which == "freshness":
            return self._sources(graph, manifest, metadata, target)
        if command.which in NO_RESULTS:
            return {}
        command, chosen = _chosen(command, manifest, work.retried)
        statuses = _statuses(graph, manifest, command, chosen)
        if command.which == "generate":
            self._dump(target / "catalog.json", _catalog(manifest, metadata), graph)
        models = {unique_id(graph, model): model for model in graph.models}
        results = [self._result(manifest["nodes"][key], status, models.get(key)) for key, status in statuses.items()]
        kept = [result for result in results if _name(result["unique_id"]) not in graph.left_out]
        self._dump(target / "run_results.json", _run_results(kept, metadata, command), graph)
        return statuses

    def _metadata(self, work: Work) -> dict[str, Any]:
        now = _iso(self.clock())
        env = {"DBT_CLOUD_RUN_ID": str(work.run.id), "DBT_CLOUD_JOB_ID": str(work.job.id)}
        return {
            "dbt_version": DBT_VERSION,
            "generated_at": now,
            "invocation_id": str(uuid.uuid4()),
            "invocation_started_at": now,
            "env": env,
        }

    def _result(self, node: dict[str, Any], status: str, model: Model | None) -> dict[str, Any]:
        now = _iso(self.clock())
        ran = status not in {"skipped", "no-op", "reused"}
        timing = (
            [{"name": name, "started_at": now, "completed_at": now} for name in ("compile", "execute")] if ran else []
        )
        failures = {"pass": 0, "fail": 1, "warn": 1}.get(status)
        return {
            "status": status,
            "timing": timing,
            "thread_id": "Thread-1",
            "execution_time": (model.execution_time if model else 0.01) if ran else 0.0,
            "adapter_response": _response(model) if ran and model else {},
            "message": {
                "success": "OK",
                "error": "Runtime Error: made up",
                "fail": "Got 1 result, configured to fail if != 0",
            }.get(status),
            "failures": failures,
            "unique_id": node["unique_id"],
            "compiled": ran,
            "compiled_code": node["raw_code"] if ran else None,
            "relation_name": node["relation_name"],
            "batch_results": {"successful": [], "failed": []} if status == "partial success" else None,
        }

    def _sources(
        self, graph: Graph, manifest: dict[str, Any], metadata: dict[str, Any], target: Path
    ) -> dict[str, str]:
        checked = [source for source in graph.sources if source.max_loaded_at]
        now = _iso(self.clock())
        results: list[dict[str, Any]] = [
            {
                "unique_id": f"source.{graph.project}.{source.name}",
                "max_loaded_at": source.max_loaded_at,
                "snapshotted_at": now,
                "max_loaded_at_time_ago_in_s": 0.0,
                "status": source.status,
                "criteria": {
                    "warn_after": {"count": 1, "period": "day"},
                    "error_after": {"count": None, "period": None},
                    "filter": None,
                },
                "adapter_response": {},
                "timing": [],
                "thread_id": "Thread-1",
                "execution_time": 0.01,
            }
            for source in checked
        ]
        body = {
            "metadata": {**metadata, "dbt_schema_version": f"{SCHEMAS}/sources/v3.json"},
            "results": results,
            "elapsed_time": 0.01,
        }
        self._dump(target / "sources.json", body, graph)
        return {str(result["unique_id"]): str(result["status"]) for result in results}

    def _dump(self, path: Path, content: dict[str, Any], graph: Graph) -> None:
        path.write_text(json.dumps(_without_nulls(content) if graph.sparse else content))


def _for_run(graph: Graph, run: Run) -> Graph:
    """The graph with what this run alone is to have; outcomes that are lists stay shared, to be used up."""
    outcomes = {**graph.outcomes, **run.override.get("outcomes", {})}
    fields = {name: getattr(graph, name) for name in graph.__struct_fields__}
    return Graph(**{**fields, "outcomes": outcomes})


def _chosen(command: Command, manifest: dict[str, Any], retried: Path | None) -> tuple[Command, set[str]]:
    """What a command works on; a retry does what the earlier command left undone."""
    nodes = {**manifest["nodes"], **manifest["sources"]}
    if retried is None:
        return command, select(command, nodes, manifest["parent_map"])
    earlier = json.loads((retried / "run_results.json").read_text())
    again = Command(**{**vars(command), "which": earlier["args"]["which"]})
    return again, {result["unique_id"] for result in earlier["results"] if result["status"] in BLOCKING}


def _statuses(graph: Graph, manifest: dict[str, Any], command: Command, chosen: set[str]) -> dict[str, str]:
    """Unique id → status, in an order in which dbt could have run them."""
    statuses: dict[str, str] = {}
    for key in _in_order(manifest, chosen):
        node = manifest["nodes"][key]
        if node["config"]["materialized"] == "ephemeral":
            continue
        blocked = command.which in {"build", "run"} and _blocked(key, manifest, statuses)
        if command.which in PRETENDING:
            statuses[key] = "success"
        elif blocked:
            statuses[key] = "skipped"
        else:
            statuses[key] = graph.outcome(_name(key), "pass" if node["resource_type"] == "test" else "success")
    return statuses


def _blocked(key: str, manifest: dict[str, Any], statuses: dict[str, str]) -> bool:
    """Did anything fail that this node reads, or an error test of what it reads?"""
    tests_it = manifest["nodes"][key]["resource_type"] == "test"
    for parent in _built_parents(key, manifest):
        if statuses.get(parent) in BLOCKING:
            return True
        tests = (child for child in manifest["child_map"].get(parent, ()) if child.startswith("test."))
        if not tests_it and any(statuses.get(test) in BAD for test in tests):
            return True
    return False


def _built_parents(key: str, manifest: dict[str, Any]) -> list[str]:
    """Parents, ephemeral ones seen through."""
    found = []
    for parent in manifest["parent_map"][key]:
        node = manifest["nodes"].get(parent)
        if node is not None and node["config"]["materialized"] == "ephemeral":
            found += _built_parents(parent, manifest)
        else:
            found.append(parent)
    return found


def _in_order(manifest: dict[str, Any], chosen: set[str]) -> list[str]:
    """Parents first, and the tests of a node before what reads it."""
    order: list[str] = []
    seen: set[str] = set()

    def visit(key: str) -> None:
        if key in seen or key not in manifest["nodes"]:
            return
        seen.add(key)
        for parent in manifest["parent_map"][key]:
            visit(parent)
            if not key.startswith("test."):
                for test in sorted(
                    child for child in manifest["child_map"].get(parent, ()) if child.startswith("test.")
                ):
                    if key not in _ancestors(test, manifest):
                        visit(test)
        order.append(key)

    for key in sorted(manifest["nodes"]):
        visit(key)
    return [key for key in order if key in chosen]


def _ancestors(key: str, manifest: dict[str, Any]) -> set[str]:
    found: set[str] = set()
    todo = [key]
    while todo:
        for parent in manifest["parent_map"].get(todo.pop(), ()):
            if parent not in found:
                found.add(parent)
                todo.append(parent)
    return found


def _name(key: str) -> str:
    """What the graph calls a node: ``orders``, ``orders.v2``, or the test's name."""
    parts = key.split(".")
    return parts[2] if parts[0] == "test" else ".".join(parts[2:])


def _response(model: Model) -> dict[str, Any]:
    """Rows are there where the warehouse tells of them."""
    return {"_message": "OK"} | ({} if model.rows_affected is None else {"rows_affected": model.rows_affected})


def _run_results(results: list[dict[str, Any]], metadata: dict[str, Any], command: Command) -> dict[str, Any]:
    args = {
        "which": command.which,
        "select": list(command.select),
        "exclude": list(command.exclude),
        "indirect_selection": command.indirect,
        **command.options,
    }
    return {
        "metadata": {**metadata, "dbt_schema_version": f"{SCHEMAS}/run-results/v6.json"},
        "results": results,
        "elapsed_time": 0.01,
        "args": args,
    }


def _catalog(manifest: dict[str, Any], metadata: dict[str, Any]) -> dict[str, Any]:
    nodes = {
        key: {
            "metadata": {
                "type": "BASE TABLE",
                "schema": node["schema"],
                "name": node["alias"],
                "database": node["database"],
                "comment": None,
                "owner": None,
            },
            "columns": {},
            "stats": {},
            "unique_id": key,
        }
        for key, node in manifest["nodes"].items()
        if node["relation_name"]
    }
    return {
        "metadata": {**metadata, "dbt_schema_version": f"{SCHEMAS}/catalog/v1.json"},
        "nodes": nodes,
        "sources": {},
        "errors": None,
    }


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
