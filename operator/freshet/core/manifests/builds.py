"""Jobs that build downstream assets: counts, and any Job of the user's."""

from copy import deepcopy
from typing import Any

from freshet.api import names
from freshet.api.asset import Asset
from freshet.api.pipeline import Pipeline
from freshet.api.view import to_json
from freshet.core.manifests.pods import env, labels, owner, pod_template, warehouse_spec
from freshet.core.policy import Policy

__all__ = ["count_job", "user_job"]


def count_job(
    *,
    asset: Asset,
    pipeline: Pipeline,
    relation: str,
    policy: Policy,
    image: str,
    name: str,
    annotations: dict[str, str],
) -> dict[str, Any]:
    """Count the rows of ``relation``."""
    count = asset.spec.materialize.count
    spec = {
        "namespace": asset.namespace,
        "pipeline": pipeline.name,
        "asset": asset.name,
        "key": asset.key,
        "warehouse": warehouse_spec(pipeline),
        "timeout": max(1, int(policy.timeout.total_seconds())),
        "relation": relation,
        "dataTimeColumn": count.data_time_column if count else None,
        "checks": to_json(asset.spec.checks) if asset.spec.checks else {},
        "previousRows": asset.status.rows,
    }
    tags = labels(asset=asset.name, pipeline=pipeline.name, component="count")
    variables = env({names.ENV_SPEC: spec, names.ENV_TERMINATION_LOG: names.TERMINATION_LOG})
    template = pod_template(pipeline=pipeline, image=image, command=["freshet", "count"], env=variables, labels=tags)
    return _job(asset=asset, name=name, annotations=annotations, tags=tags, policy=policy, spec={"template": template})


def user_job(*, asset: Asset, policy: Policy, name: str, annotations: dict[str, str]) -> dict[str, Any]:
    """The user's template with our name, labels, owner, deadline; the Asset's ``retries`` alone count."""
    job = asset.spec.materialize.job
    template = deepcopy(job.template) if job else {}
    tags = labels(asset=asset.name, pipeline=asset.spec.pipeline, component="job")
    meta, spec = template.get("metadata") or {}, template.get("spec") or {}
    spec.pop("ttlSecondsAfterFinished", None)  # a Job must stay until its run is recorded
    pod = spec["template"] = spec.get("template") or {}
    pod["metadata"] = {**(pod.get("metadata") or {})}
    pod["metadata"]["labels"] = {**(pod["metadata"].get("labels") or {}), **tags}
    pod.setdefault("spec", {}).setdefault("restartPolicy", "Never")
    return _job(
        asset=asset,
        name=name,
        annotations={**(meta.get("annotations") or {}), **annotations},
        tags={**(meta.get("labels") or {}), **tags},
        policy=policy,
        spec=spec,
    )


def _job(
    *,
    asset: Asset,
    name: str,
    annotations: dict[str, str],
    tags: dict[str, str],
    policy: Policy,
    spec: dict[str, Any],
) -> dict[str, Any]:
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "namespace": asset.namespace,
            "labels": tags,
            "annotations": annotations,
            "ownerReferences": [owner(asset, kind="Asset")],
        },
        "spec": {
            **spec,
            "backoffLimit": 0,
            "activeDeadlineSeconds": max(1, int(policy.timeout.total_seconds())),
        },
    }
