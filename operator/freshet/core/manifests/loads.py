"""A source's CronJob, and the Job of one load that the operator starts itself."""

from datetime import timedelta
from typing import Any

from freshet.api import names
from freshet.api.asset import Asset
from freshet.api.durations import parse_duration
from freshet.api.pipeline import Pipeline, SourceSpec
from freshet.api.view import to_json
from freshet.core.manifests.pods import env, labels, owner, pod_template, warehouse_spec
from freshet.core.policy import DEFAULT_SCHEDULE, DEFAULT_TIME_ZONE, DEFAULT_TIMEOUT

__all__ = ["cron_job", "load_job", "load_spec", "schedule_of", "time_zone_of"]

HISTORY = 3
STARTING_DEADLINE = timedelta(minutes=4)


def schedule_of(pipeline: Pipeline, source: SourceSpec) -> str:
    """The source's own schedule, or the Pipeline's, or every five minutes."""
    return source.schedule or pipeline.spec.schedule or DEFAULT_SCHEDULE


def time_zone_of(pipeline: Pipeline, source: SourceSpec) -> str:
    """The source's own time zone, or the Pipeline's, or UTC."""
    return source.time_zone or pipeline.spec.time_zone or DEFAULT_TIME_ZONE


def load_spec(*, pipeline: Pipeline, source: SourceSpec) -> dict[str, Any]:
    """FRESHET_SPEC of a load (docs/contract.md)."""
    key = source.key or source.asset.replace("-", "_")
    optional = {
        "dataTimeColumn": source.data_time_column,
        "onBadRows": source.on_bad_rows,
        "maximumBadRows": source.maximum_bad_rows,
        "onSchemaChange": source.on_schema_change,
        "checks": to_json(source.checks) if source.checks else None,
    }
    return {
        "namespace": pipeline.namespace,
        "pipeline": pipeline.name,
        "asset": source.asset,
        "key": key,
        "warehouse": warehouse_spec(pipeline),
        "table": source.table or key,
        "csv": source.csv,
        "write": source.write,
        **{name: value for name, value in optional.items() if value is not None},
    }


def cron_job(
    *, pipeline: Pipeline, source: SourceSpec, image: str, definition: str, level: dict[str, Any] | None
) -> dict[str, Any]:
    """The CronJob of a source. ``level`` is the newest recorded result: an unchanged input then wakes no warehouse."""
    suspended = pipeline.spec.suspend or source.suspend
    tags = labels(asset=source.asset, pipeline=pipeline.name, component="ingest")
    job = {
        "metadata": {"labels": tags, "annotations": {names.ANNOTATION_DEFINITION: definition}},
        "spec": _job_spec(pipeline=pipeline, source=source, image=image, tags=tags, level=level),
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {
            "name": source.asset,
            "namespace": pipeline.namespace,
            "labels": tags,
            "ownerReferences": [owner(pipeline, kind="Pipeline")],
        },
        "spec": {
            "schedule": schedule_of(pipeline, source),
            "timeZone": time_zone_of(pipeline, source),
            "concurrencyPolicy": "Forbid",
            "suspend": suspended,
            "startingDeadlineSeconds": int(STARTING_DEADLINE.total_seconds()),
            "successfulJobsHistoryLimit": HISTORY,
            "failedJobsHistoryLimit": HISTORY,
            "jobTemplate": job,
        },
    }


def load_job(
    *, pipeline: Pipeline, source: SourceSpec, asset: Asset, image: str, name: str, annotations: dict[str, str]
) -> dict[str, Any]:
    """The Job of one load that does not wait for the schedule: the first one, or one that a person asked for."""
    tags = labels(asset=source.asset, pipeline=pipeline.name, component="ingest")
    level = asset.status.level
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "namespace": pipeline.namespace,
            "labels": tags,
            "annotations": annotations,
            "ownerReferences": [owner(asset, kind="Asset")],
        },
        "spec": _job_spec(pipeline=pipeline, source=source, image=image, tags=tags, level=level),
    }


def _job_spec(
    *, pipeline: Pipeline, source: SourceSpec, image: str, tags: dict[str, str], level: dict[str, Any] | None
) -> dict[str, Any]:
    timeout = source.timeout or pipeline.spec.timeout
    deadline = parse_duration(timeout) if timeout else DEFAULT_TIMEOUT
    limit = pipeline.spec.jobs.backoff_limit
    variables = env(
        {
            names.ENV_SPEC: load_spec(pipeline=pipeline, source=source),
            names.ENV_LAST_RESULT: level,
            names.ENV_TERMINATION_LOG: names.TERMINATION_LOG,
        }
    )
    return {
        "backoffLimit": 0 if limit is None else limit,
        "activeDeadlineSeconds": max(1, int(deadline.total_seconds())),
        "template": pod_template(
            pipeline=pipeline, image=image, command=["freshet", "ingest"], env=variables, labels=tags
        ),
    }
