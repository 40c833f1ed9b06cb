"""The tables of bad manifests as pytest parameters, and how a good manifest is spoilt."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

__all__ = ["TABLES", "judged", "refused", "spoil"]

TABLES = Path(__file__).parent


def refused() -> list[Any]:
    """Every case of asset.yaml and pipeline.yaml, the good manifest beside it."""
    tables = [yaml.safe_load((TABLES / name).read_text()) for name in ("asset.yaml", "pipeline.yaml")]
    return [pytest.param(t["good"], c, id=f"{t['good']['kind']}: {c['case']}") for t in tables for c in t["cases"]]


def judged() -> list[Any]:
    """Every case of operator.yaml."""
    cases = yaml.safe_load((TABLES / "operator.yaml").read_text())["cases"]
    return [pytest.param(case, id=case["case"]) for case in cases]


def spoil(good: dict[str, Any], case: dict[str, Any]) -> dict[str, Any]:
    """The good manifest with the case's one thing wrong."""
    manifest = deepcopy(good)
    for path, value in case.get("set", {}).items():
        parent, last = _descend(manifest, path)
        if isinstance(parent, list) and last == len(parent):
            parent.append(value)
        else:
            parent[last] = value
    for path in case.get("remove", []):
        parent, last = _descend(manifest, path)
        del parent[last]
    return manifest


def _descend(manifest: dict[str, Any], path: str) -> tuple[Any, Any]:
    """The container that holds the last step of ``spec.sources.0.csv``, and that step; mappings on the way are made."""
    here: Any = manifest
    steps: list[Any] = [int(step) if step.isdigit() else step for step in path.split(".")]
    for step in steps[:-1]:
        here = here[step] if isinstance(here, list) else here.setdefault(step, {})
    return here, steps[-1]
