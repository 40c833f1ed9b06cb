"""A source's CronJob, and the Job of one load that the operator starts itself."""

from datetime import datetime, timedelta
from typing import Any

from freshet.api import names
from freshet.api.asset import Asset
from freshet.api.durations import parse_duration
from freshet.api.pipeline import Pipeline, SourceSpec
from freshet.api.view import to_json
from freshet.core.cronjob import next_start
from freshet.core.layers import schedule_of, time_zone_of
from freshet.core.manifests.pods import env, labels, owner, pod_template, warehouse_spec
from freshet.core.policy import DEFAULT_TIMEOUT

__all__ = ["cron_job", "hint", "load_job", "load_spec"]

HISTORY = 3
STARTING_DEADLINE = timedelta(minutes=4)


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
        "timeout": _deadline(pipeline, source),
        "table": source.table or key,
        "csv": {name: value for name, value in source.csv.items() if name != "secretRef"},
        "write": source.write,
        **{name: value for name, value in optional.items() if value is not None},
    }


def hint(
    *, asset: Asset, pipeline: Pipeline, source: SourceSpec, now: datetime | None = None, asked: bool = False
) -> dict[str, Any] | None:
    """The newest result, for pods that are to leave the warehouse asleep where their input is still the same.

    It is true as long as no other load has run: for a Job that is started now until the schedule's next time, for the
    CronJob's pods until the one after. A run that failed may have left the table changed: then nothing is handed on,
    but that its input was refused. A person who asks (``asked``) wants that to be tried again, and the warehouse to be
    looked into: without its fingerprint the result is that of no input. So it is where a Job starts its pod again,
    which comes after one that failed and is handed the same.
    """
    if asset.status.refused is not None:
        return None if asked else {"refused": asset.status.refused}
    last = asset.status.last_run
    if asset.status.level is None or last is None or last.outcome not in ("Succeeded", "Unchanged"):
        return None
    if asked or pipeline.spec.jobs.backoff_limit:
        return {name: value for name, value in asset.status.level.items() if name != "fingerprint"}
    until = now or last.finished_at
    if until is None:
        return None
    schedule, time_zone = schedule_of(pipeline, source), time_zone_of(pipeline, source)
    for _ in range(1 if now else 2):
        until = next_start(schedule=schedule, time_zone=time_zone, after=until)
        if until is None:
            return None
    return {**asset.status.level, "trustedUntil": until.strftime("%Y-%m-%dT%H:%M:%SZ")}


def cron_job(
    *, pipeline: Pipeline, source: SourceSpec, image: str, definition: str, level: dict[str, Any] | None
) -> dict[str, Any]:
    """The CronJob of a source. ``level``: see :func:`hint`."""
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
    *,
    pipeline: Pipeline,
    source: SourceSpec,
    asset: Asset,
    image: str,
    name: str,
    annotations: dict[str, str],
    level: dict[str, Any] | None,
) -> dict[str, Any]:
    """The Job of one load that does not wait for the schedule: the first one, or one that a person asked for."""
    tags = labels(asset=source.asset, pipeline=pipeline.name, component="ingest")
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
        "activeDeadlineSeconds": _deadline(pipeline, source),
        "template": pod_template(
            pipeline=pipeline,
            image=image,
            command=["freshet", "ingest"],
            env=variables,
            labels=tags,
            env_from=_credentials(source),
        ),
    }


def _deadline(pipeline: Pipeline, source: SourceSpec) -> int:
    """Seconds."""
    timeout = source.timeout or pipeline.spec.timeout
    return max(1, int((parse_duration(timeout) if timeout else DEFAULT_TIMEOUT).total_seconds()))


def _credentials(source: SourceSpec) -> list[dict[str, Any]]:
    """The Secret for the address that the source reads: its keys are variables, as each cloud's tools name them."""
    secret = source.csv.get("secretRef")
    return [{"secretRef": {"name": secret["name"]}}] if secret else []
