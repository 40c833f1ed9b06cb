"""What a panel of the dashboard names that the answers to its queries do not have: the usual cause of empty panels.

Fields have the names that Grafana gives them: a table's query has Time, its labels, and Value, or ``Value #A`` where
the panel has several queries.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

__all__ = ["Answers", "unknown"]

Answers = dict[str, list[dict[str, str]]]
"""By refId, the labels of each sample."""


def unknown(panel: dict[str, Any], answers: Answers) -> Iterator[str]:
    """Each name that a legend, a transformation, an override or a link has, and no answer."""
    for target in panel["targets"]:
        labels = _labels(answers[target["refId"]])
        yield from (f"legend {name}" for name in re.findall(r"{{(\w+)}}", target["legendFormat"]) if name not in labels)
    tables = [target for target in panel["targets"] if target.get("format") == "table"]
    if tables and panel["type"] != "stat":
        yield from _of_table(panel, tables, answers)


def _of_table(panel: dict[str, Any], tables: list[dict[str, Any]], answers: Answers) -> Iterator[str]:
    fields = {"Time"}
    for target in tables:
        value = f"Value #{target['refId']}" if len(panel["targets"]) > 1 else "Value"
        fields |= {value, *_labels(answers[target["refId"]])}
    for step in panel.get("transformations", ()):
        if step["id"] == "organize":
            options = step["options"]
            for kind in ("excludeByName", "indexByName", "renameByName"):
                yield from (f"{kind} {name}" for name in options.get(kind, ()) if name not in fields)
            kept = {name for name in fields if not options.get("excludeByName", {}).get(name)}
            fields = {options.get("renameByName", {}).get(name, name) for name in kept}
    for override in panel["fieldConfig"].get("overrides", ()):
        if override["matcher"]["options"] not in fields:
            yield f"override {override['matcher']['options']}"
    for sort in panel.get("options", {}).get("sortBy", ()):
        if sort["displayName"] not in fields:
            yield f"sort by {sort['displayName']}"
    linked = re.findall(r"__data\.fields\.(\w+)", json.dumps(panel["fieldConfig"]))
    yield from (f"link's {name}" for name in sorted(set(linked) - fields))


def _labels(samples: list[dict[str, str]]) -> set[str]:
    return {name for labels in samples for name in labels}
