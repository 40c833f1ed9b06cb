"""Kubernetes Events: what ``kubectl describe`` shows at its end."""

import uuid
from datetime import UTC, datetime
from typing import Any

from freshet.api.asset import Asset
from freshet.api.names import API_VERSION
from freshet.api.view import Object

__all__ = ["event_body"]


def event_body(obj: Object, *, type: str, reason: str, message: str) -> dict[str, Any]:
    """A core/v1 Event about an Asset or a Pipeline."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    about = {
        "apiVersion": API_VERSION,
        "kind": "Asset" if isinstance(obj, Asset) else "Pipeline",
        "namespace": obj.namespace,
        "name": obj.name,
        "uid": obj.metadata.uid,
        "resourceVersion": obj.metadata.resource_version,
    }
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{obj.name[:200]}.{uuid.uuid4().hex[:16]}", "namespace": obj.namespace},
        "involvedObject": about,
        "type": type,
        "reason": reason,
        "message": message[:1000],
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
        "source": {"component": "freshet"},
    }
