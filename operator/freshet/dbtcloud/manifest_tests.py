"""Whose a test is, as the manifest says it. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Literal

from freshet.dbtcloud.manifest_raw import RawNode, RawUnitTest
from freshet.dbtcloud.project import KINDS, Model, TestNode

__all__ = ["seen_through", "test_of", "unit_test_of"]

SOURCE = re.compile(r"""source\(\s*['"](.+?)['"]\s*,\s*['"](.+?)['"]\s*\)""")
"""How a test's arguments name the source that it is about."""


def test_of(unique_id: str, raw: RawNode) -> TestNode:
    """A generic or a singular test."""
    severity: Literal["error", "warn"] = "warn" if (raw.config.severity or "").lower() == "warn" else "error"
    return TestNode(nodes=tuple(_tested(raw)), severity=severity)


def _tested(raw: RawNode) -> Iterable[str]:
    """A generic test belongs to one node (where that is a source, only its arguments say which), a singular one to all
    that it reads; but to sources only where it reads nothing that could be built from them.
    """
    if raw.attached_node:
        return [raw.attached_node] if raw.attached_node.partition(".")[0] in (*KINDS, "source") else []
    named = SOURCE.search(raw.tested_model or "")
    sources = [node for node in raw.upstreams if node.startswith("source.")]
    own = [node for node in sources if named and node.endswith(f".{named[1]}.{named[2]}")]
    return own or [node for node in raw.upstreams if node.partition(".")[0] in KINDS] or sources


def unit_test_of(unique_id: str, raw: RawUnitTest) -> TestNode:
    """A unit test of a model."""
    return TestNode(nodes=tuple(raw.depends_on.get("nodes") or ()) if raw.depends_on else ())


def seen_through(tests: dict[str, TestNode], models: Mapping[str, Model]) -> dict[str, TestNode]:
    """A test of an ephemeral model, which has no table, belongs to the tables that are built from it."""
    readers: dict[str, list[str]] = {}
    for model in models.values():
        for upstream in model.upstreams:
            if upstream in models and models[upstream].ephemeral:
                readers.setdefault(upstream, []).append(model.unique_id)
    if not readers:
        return tests
    return {key: replace(test, nodes=tuple(_tables(test.nodes, readers))) for key, test in tests.items()}


def _tables(nodes: Iterable[str], readers: Mapping[str, list[str]]) -> Iterable[str]:
    """Each once, in the order in which they are come upon."""
    queue, seen = list(nodes), set[str]()
    while queue:
        node = queue.pop(0)
        if node in seen:
            continue
        seen.add(node)
        if node in readers:
            queue += readers[node]
        else:
            yield node
