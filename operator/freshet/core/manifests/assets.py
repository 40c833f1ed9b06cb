"""The Asset of a source: made and owned by its Pipeline, applied with force (edit the Pipeline, not the Asset)."""

from typing import Any

from freshet.api import names
from freshet.api.pipeline import Pipeline, SourceSpec
from freshet.api.view import to_json
from freshet.core.manifests.pods import labels, owner

__all__ = ["source_asset"]


def source_asset(*, pipeline: Pipeline, source: SourceSpec) -> dict[str, Any]:
    """The manifest to apply. The Pipeline's defaults are not copied: what is in force stands in ``status.policy``."""
    optional = {
        "freshness": to_json(source.freshness) if source.freshness else None,
        "checks": to_json(source.checks) if source.checks else None,
        "timeout": source.timeout,
        "suspend": source.suspend or None,
    }
    return {
        "apiVersion": names.API_VERSION,
        "kind": "Asset",
        "metadata": {
            "name": source.asset,
            "namespace": pipeline.namespace,
            "labels": labels(asset=source.asset, pipeline=pipeline.name, component="source"),
            "ownerReferences": [owner(pipeline, kind="Pipeline")],
        },
        "spec": {
            "key": source.key or source.asset.replace("-", "_"),
            "pipeline": pipeline.name,
            "materialize": {"source": {}},
            **{name: value for name, value in optional.items() if value is not None},
        },
    }
