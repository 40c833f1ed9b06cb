"""Objects as the doctor sees them."""

from datetime import UTC, datetime
from typing import Any

from tests.support.runtime import raw_asset

from freshet import __version__
from freshet.api.asset import Asset
from freshet.api.pipeline import Pipeline
from freshet.api.view import parse

__all__ = ["BEFORE", "NOW", "asset", "condition", "definition", "pipeline", "stuck"]

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
BEFORE = "2026-11-24T11:00:00Z"


def pipeline(**spec: Any) -> Pipeline:
    return parse({"metadata": {"name": "shop", "namespace": "demo"}, "spec": spec}, type=Pipeline)


def asset(**more: Any) -> Asset:
    raw = raw_asset(**more)
    return parse({**raw, "metadata": {**raw["metadata"], "creationTimestamp": BEFORE}}, type=Asset)


def condition(type: str, status: str, reason: str, message: str) -> dict[str, Any]:
    times = {"lastTransitionTime": BEFORE}
    return {"type": type, "status": status, "reason": reason, "message": message, **times}


def stuck(message: str) -> list[dict[str, Any]]:
    """What only a change of the spec repairs."""
    return [
        condition(type, status, "CycleDetected", message) for type, status in (("Stalled", "True"), ("Ready", "False"))
    ]


def definition(*, release: str | None = __version__, served: bool = True) -> dict[str, Any]:
    labels = {"app.kubernetes.io/version": release} if release else {}
    return {"metadata": {"labels": labels}, "spec": {"versions": [{"name": "v1alpha1", "served": served}]}}
