"""Runs that are made up: no dbt, no warehouse, real artifact shapes, hundreds of runs in seconds.

A graph declares the models; :mod:`.selection` applies dbt's rules to the command; then each node has its declared
outcome, what is below a failure is skipped (:mod:`.progress`), and the artifacts are written as dbt writes them
(:mod:`.written`).
"""

import asyncio
import hashlib
import json
from pathlib import Path
from typing import Any

import msgspec

from freshet.local.dbtcloud import written
from freshet.local.dbtcloud.executor import Checkout, Work
from freshet.local.dbtcloud.graph import Graph
from freshet.local.dbtcloud.manifest import build_manifest, unique_id
from freshet.local.dbtcloud.model import Run
from freshet.local.dbtcloud.progress import BAD, chosen, name_of, statuses_of
from freshet.local.dbtcloud.selection import SelectionError, parse_command
from freshet.local.dbtcloud.times import Clock

__all__ = ["ScriptedExecutor"]

NO_RESULTS = frozenset({"parse", "list", "deps", "run-operation", "freshness"})


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
        now = self.clock()
        metadata = written.metadata_of(work, at=now)
        manifest = build_manifest(graph, schema=work.run.schema, metadata=metadata)
        _dump(target / "manifest.json", manifest, graph)
        if command.which == "freshness":
            body = written.sources(graph, metadata, at=now)
            _dump(target / "sources.json", body, graph)
            return {str(result["unique_id"]): str(result["status"]) for result in body["results"]}
        if command.which in NO_RESULTS:
            return {}
        command, wanted = chosen(command, manifest, work.retried)
        statuses = statuses_of(graph, manifest, command, wanted)
        if command.which == "generate":
            _dump(target / "catalog.json", written.catalog(manifest, metadata), graph)
        results = self._results(graph, manifest, statuses)
        _dump(target / "run_results.json", written.run_results(results, metadata, command), graph)
        return statuses

    def _results(self, graph: Graph, manifest: dict[str, Any], statuses: dict[str, str]) -> list[dict[str, Any]]:
        """All but those that are left out."""
        models, now = {unique_id(graph, model): model for model in graph.models}, self.clock()
        kept = {key: status for key, status in statuses.items() if name_of(key) not in graph.left_out}
        nodes = manifest["nodes"]
        return [written.node_result(nodes[key], status, models.get(key), at=now) for key, status in kept.items()]


def _dump(path: Path, content: dict[str, Any], graph: Graph) -> None:
    path.write_text(json.dumps(written.without_nulls(content) if graph.sparse else content))


def _for_run(graph: Graph, run: Run) -> Graph:
    """The graph with what this run alone is to have; outcomes that are lists stay shared, to be used up."""
    outcomes = {**graph.outcomes, **run.override.get("outcomes", {})}
    fields = {name: getattr(graph, name) for name in graph.__struct_fields__}
    return Graph(**{**fields, "outcomes": outcomes})
