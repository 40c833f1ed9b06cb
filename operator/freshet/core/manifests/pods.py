"""The pod that runs a workload: fits the level ``restricted`` of Pod Security and has no access to the API."""

import json
from collections.abc import Sequence
from typing import Any

from freshet.api import names
from freshet.api.pipeline import Pipeline, Warehouse
from freshet.api.view import Object

__all__ = ["env", "labels", "owner", "pod_template", "warehouse_env", "warehouse_spec"]

SECRET_KEYS = {
    "DATABRICKS_SERVER_HOSTNAME": "host",
    "DATABRICKS_HTTP_PATH": "httpPath",
    "DATABRICKS_TOKEN": "token",
    "DATABRICKS_CLIENT_ID": "clientId",
    "DATABRICKS_CLIENT_SECRET": "clientSecret",
}
RUN = {
    "name": names.ENV_RUN,
    "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['batch.kubernetes.io/controller-uid']"}},
}
"""The Job's uid, by which the operator's log lines and the status name the run."""
WAITS = {
    "exec": {"command": ["freshet", "waiting"]},
    "initialDelaySeconds": 5,
    "periodSeconds": 10,
    "timeoutSeconds": 10,
    "failureThreshold": 1,
}
"""Not ready is a pod that waits for its warehouse (freshet.workloads.waiting). A short run ends before it is asked."""
RESOURCES = {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "2Gi"}}


def labels(*, asset: str, pipeline: str | None, component: str) -> dict[str, str]:
    """The labels of all that runs for an asset; ours win over a user's."""
    about = {names.LABEL_PIPELINE: pipeline, names.LABEL_INSTANCE: pipeline, names.LABEL_PART_OF: pipeline}
    return {
        names.LABEL_NAME: "freshet",
        names.LABEL_COMPONENT: component,
        names.LABEL_MANAGED_BY: names.MANAGED_BY,
        names.LABEL_ASSET: asset,
        **{key: value for key, value in about.items() if value},
    }


def owner(obj: Object, *, kind: str) -> dict[str, Any]:
    """A controller reference, so that deleting the owner deletes what it made."""
    return {
        "apiVersion": names.API_VERSION,
        "kind": kind,
        "name": obj.name,
        "uid": obj.metadata.uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }


def env(values: dict[str, Any]) -> list[dict[str, Any]]:
    """Environment variables; what is not text is written as JSON, what is None is left out."""
    texts = {
        k: v if isinstance(v, str) else json.dumps(v, separators=(",", ":")) for k, v in values.items() if v is not None
    }
    return [{"name": name, "value": text} for name, text in texts.items()]


def warehouse_spec(pipeline: Pipeline) -> dict[str, Any]:
    """The ``warehouse`` of FRESHET_SPEC: where, without the Secret (docs/contract.md)."""
    warehouse = pipeline.spec.warehouse or Warehouse()
    default = pipeline.name.replace("-", "_")
    if warehouse.databricks is not None:
        databricks = warehouse.databricks
        return {"databricks": {"schema": databricks.schema, "catalog": databricks.catalog}}
    if warehouse.duckdb is not None:
        return {"duckdb": {"path": warehouse.duckdb.path, "schema": warehouse.duckdb.schema or default}}
    if warehouse.dlt is not None:
        return {"dlt": {"destination": warehouse.dlt.destination, "schema": warehouse.dlt.schema or default}}
    return {}


def warehouse_env(pipeline: Pipeline) -> list[dict[str, Any]]:
    """Credentials as variables from the warehouse's Secret."""
    warehouse = pipeline.spec.warehouse or Warehouse()
    if warehouse.databricks is None:
        return []
    secret = warehouse.databricks.secret_ref.name
    return [
        {"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": key, "optional": True}}}
        for name, key in SECRET_KEYS.items()
    ]


def _warehouse_env_from(pipeline: Pipeline) -> list[dict[str, Any]]:
    """All keys of the Secret of a dlt destination: they are named as dlt names its settings."""
    dlt = (pipeline.spec.warehouse or Warehouse()).dlt
    return [{"secretRef": {"name": dlt.secret_ref.name}}] if dlt is not None and dlt.secret_ref is not None else []


def pod_template(
    *,
    pipeline: Pipeline,
    image: str,
    command: list[str],
    env: list[dict[str, Any]],
    labels: dict[str, str],
    env_from: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """A PodTemplateSpec with one container that is read, and the Pipeline's ``jobs`` settings."""
    jobs = pipeline.spec.jobs
    container = {
        "name": names.CONTAINER,
        "image": jobs.image or image,
        "command": command,
        "env": [*env, RUN, *warehouse_env(pipeline), *jobs.env],
        "envFrom": [*_warehouse_env_from(pipeline), *jobs.env_from, *env_from],
        "readinessProbe": WAITS,
        "resources": jobs.resources or RESOURCES,
        "volumeMounts": [{"name": "freshet-tmp", "mountPath": "/tmp"}, *jobs.volume_mounts],
        "terminationMessagePath": names.TERMINATION_LOG,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    if jobs.image_pull_policy:
        container["imagePullPolicy"] = jobs.image_pull_policy
    return {"metadata": {"labels": labels}, "spec": _pod_spec(pipeline=pipeline, container=container)}


def _pod_spec(*, pipeline: Pipeline, container: dict[str, Any]) -> dict[str, Any]:
    jobs = pipeline.spec.jobs
    optional = {
        "serviceAccountName": jobs.service_account_name,
        "imagePullSecrets": jobs.image_pull_secrets,
        "nodeSelector": jobs.node_selector,
        "tolerations": jobs.tolerations,
        "affinity": jobs.affinity,
    }
    return {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "runAsGroup": 65532,
            "fsGroup": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [{"name": "freshet-tmp", "emptyDir": {}}, *jobs.volumes],
        **{key: value for key, value in optional.items() if value},
    }
