"""Assets that a Pipeline makes and owns: of its sources, applied with force (edit the Pipeline, not the Asset), and of
the models that discovery finds, applied without: a person's edit stays.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from freshet.api import names
from freshet.api.pipeline import Pipeline, SourceSpec
from freshet.api.view import to_json
from freshet.core.manifests.pods import labels, owner
from freshet.core.naming import digest

__all__ = ["POLICY", "discovered_asset", "source_asset", "without"]

POLICY = ("automation", "freshness", "retries", "checks", "timeout", "dataTime")
"""What of a discovered Asset's spec comes from the project's own words."""


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


def discovered_asset(
    *, pipeline: Pipeline, name: str, unique_id: str, component: str, spec: Mapping[str, Any]
) -> dict[str, Any]:
    """The manifest to apply. Its mark tells whether it was applied already."""
    body: dict[str, Any] = {
        "apiVersion": names.API_VERSION,
        "kind": "Asset",
        "metadata": {
            "name": name,
            "namespace": pipeline.namespace,
            "labels": labels(asset=name, pipeline=pipeline.name, component=component),
            "annotations": {names.ANNOTATION_UNIQUE_ID: unique_id},
            "ownerReferences": [owner(pipeline, kind="Pipeline")],
        },
        "spec": {"pipeline": pipeline.name, **spec},
    }
    body["metadata"]["annotations"][names.ANNOTATION_APPLIED] = digest(body)
    return body


def without(body: dict[str, Any], *, fields: Iterable[str], only: Iterable[str] | None = None) -> dict[str, Any] | None:
    """The manifest without these fields of its spec and labels (``.spec.freshness``, as the API names them), or without
    those of them that are among ``only``; None where that leaves out nothing.
    """
    spec, kept = dict(body["spec"]), dict(body["metadata"]["labels"])
    for path in (field.lstrip(".") for field in fields):
        top = path.removeprefix("spec.").partition(".")[0].partition("[")[0]
        if path.startswith("spec.") and (only is None or top in only):
            spec.pop(top, None)
        elif only is None:
            kept.pop(path.removeprefix("metadata.labels."), None)
    if spec == body["spec"] and kept == body["metadata"]["labels"]:
        return None
    return {**body, "metadata": {**body["metadata"], "labels": kept}, "spec": spec}
