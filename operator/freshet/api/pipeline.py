"""The Pipeline: sources with a schedule, a warehouse, a dbt Cloud job, defaults (crds/freshet.dev_pipelines.yaml)."""

from typing import Any

from freshet.api.asset import Automation, Checks, Freshness, Retries
from freshet.api.pipeline_status import PipelineStatus
from freshet.api.view import Object, View

__all__ = [
    "DbtCloudSpec",
    "Discovery",
    "JobDefaults",
    "Pipeline",
    "PipelineSpec",
    "SecretKeyRef",
    "SourceSpec",
    "Warehouse",
    "WebhookKeyRef",
]


class SecretRef(View, frozen=True, kw_only=True):
    """A Secret of the same namespace."""

    name: str


class SecretKeyRef(View, frozen=True, kw_only=True):
    """One key of a Secret of the same namespace."""

    name: str
    key: str = "token"


class WebhookKeyRef(View, frozen=True, kw_only=True):
    """The same for the signing key of a webhook."""

    name: str
    key: str = "webhook"


class Databricks(View, frozen=True, kw_only=True):
    """A Databricks SQL warehouse."""

    schema: str
    secret_ref: SecretRef
    catalog: str | None = None


class DuckDb(View, frozen=True, kw_only=True):
    """A DuckDB file on a mounted volume."""

    path: str
    schema: str | None = None


class Dlt(View, frozen=True, kw_only=True):
    """Any other destination that dlt ships, by its name there."""

    destination: str
    schema: str | None = None
    secret_ref: SecretRef | None = None


class Warehouse(View, frozen=True, kw_only=True):
    """Exactly one member is set."""

    databricks: Databricks | None = None
    duckdb: DuckDb | None = None
    dlt: Dlt | None = None


class SourceSpec(View, frozen=True, kw_only=True):
    """One source. ``csv`` and ``write`` go to the workload as they are."""

    asset: str
    csv: dict[str, Any]
    key: str | None = None
    table: str | None = None
    write: dict[str, Any] = {}
    freshness: Freshness | None = None
    schedule: str | None = None
    time_zone: str | None = None
    suspend: bool = False
    timeout: str | None = None
    data_time_column: str | None = None
    on_bad_rows: str | None = None
    maximum_bad_rows: int | None = None
    on_schema_change: str | None = None
    checks: Checks | None = None


class Discovery(View, frozen=True, kw_only=True):
    """What becomes Assets by itself."""

    enabled: bool | None = None
    adopt: bool | None = None
    select: dict[str, Any] = {}
    sources: dict[str, str] = {}
    refresh_interval: str | None = None


class DbtCloudSpec(View, frozen=True, kw_only=True):
    """A dbt Cloud job, and the defaults of its models."""

    account_id: int
    job_id: int
    token_secret_ref: SecretKeyRef
    host: str = "https://cloud.getdbt.com"
    webhook_secret_ref: WebhookKeyRef | None = None
    command: str = "dbt build {select}"
    mode: str = "Select"
    observe: str = "Environment"
    max_concurrent_runs: int = 1
    discovery: Discovery = Discovery()
    automation: Automation | None = None
    freshness: Freshness | None = None
    retries: Retries | None = None
    timeout: str | None = None
    views: str | None = None
    max_models_per_day: int | None = None
    cancel_on_suspend: bool | None = None

    @property
    def runs_tests(self) -> bool:
        """Does a run of freshet's own run tests, too?"""
        return self.mode != "Select" or "build" in self.command.split()


class JobDefaults(View, frozen=True, kw_only=True):
    """What every pod of this Pipeline gets; values are those of the pod and container specs."""

    image: str | None = None
    image_pull_policy: str | None = None
    image_pull_secrets: list[dict[str, Any]] = []
    resources: dict[str, Any] | None = None
    volumes: list[dict[str, Any]] = []
    volume_mounts: list[dict[str, Any]] = []
    env: list[dict[str, Any]] = []
    env_from: list[dict[str, Any]] = []
    service_account_name: str | None = None
    node_selector: dict[str, str] = {}
    tolerations: list[dict[str, Any]] = []
    affinity: dict[str, Any] | None = None
    backoff_limit: int | None = None


class PipelineSpec(View, frozen=True, kw_only=True):
    """``spec``."""

    warehouse: Warehouse | None = None
    suspend: bool = False
    schedule: str | None = None
    time_zone: str | None = None
    sources: tuple[SourceSpec, ...] = ()
    dbt_cloud: DbtCloudSpec | None = None
    freshness: Freshness | None = None
    automation: Automation | None = None
    retries: Retries | None = None
    timeout: str | None = None
    jobs: JobDefaults = JobDefaults()


class Pipeline(Object, frozen=True, kw_only=True):
    """A Pipeline as the operator sees it."""

    spec: PipelineSpec
    status: PipelineStatus = PipelineStatus()

    @property
    def discovers(self) -> bool:
        """Do the models of its dbt project become Assets by themselves?"""
        dbt = self.spec.dbt_cloud
        return dbt is not None and dbt.discovery.enabled is not False
