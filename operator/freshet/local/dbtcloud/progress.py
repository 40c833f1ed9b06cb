"""What becomes of each node of a command that is made up: dbt's order, what fails, what is skipped for that."""

import json
from pathlib import Path
from typing import Any

from freshet.local.dbtcloud.graph import Graph
from freshet.local.dbtcloud.selection import Command, select

__all__ = ["BAD", "chosen", "name_of", "statuses_of"]

BAD = frozenset({"error", "fail", "runtime error"})
BLOCKING = BAD | {"skipped", "partial success"}
"""What a node must not be for those below it to run."""
PRETENDING = frozenset({"compile", "generate"})
"""Commands that write ``success`` for every node and build nothing."""


def chosen(command: Command, manifest: dict[str, Any], retried: Path | None) -> tuple[Command, set[str]]:
    """What a command works on; a retry does what the earlier command left undone."""
    nodes = {**manifest["nodes"], **manifest["sources"]}
    if retried is None:
        return command, select(command, nodes, manifest["parent_map"])
    earlier = json.loads((retried / "run_results.json").read_text())
    again = Command(**{**vars(command), "which": earlier["args"]["which"]})
    return again, {result["unique_id"] for result in earlier["results"] if result["status"] in BLOCKING}


def statuses_of(graph: Graph, manifest: dict[str, Any], command: Command, wanted: set[str]) -> dict[str, str]:
    """Unique id → status, in an order in which dbt could have run them."""
    statuses: dict[str, str] = {}
    for key in _in_order(manifest, wanted):
        node = manifest["nodes"][key]
        if node["config"]["materialized"] == "ephemeral":
            continue
        blocked = command.which in {"build", "run"} and _blocked(key, manifest, statuses)
        if command.which in PRETENDING:
            statuses[key] = "success"
        elif blocked:
            statuses[key] = "skipped"
        else:
            statuses[key] = graph.outcome(name_of(key), "pass" if node["resource_type"] == "test" else "success")
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


def name_of(key: str) -> str:
    """What the graph calls a node: ``orders``, ``orders.v2``, or the test's name."""
    parts = key.split(".")
    return parts[2] if parts[0] == "test" else ".".join(parts[2:])
