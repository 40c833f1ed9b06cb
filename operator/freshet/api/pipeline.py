"""The Pipeline: sources with a schedule, a warehouse, a dbt Cloud job, defaults (crds/freshet.dev_pipelines.yaml)."""

from datetime import datetime
from typing import Any

from freshet.api.asset import Automation, Checks, Freshness, Retries
from freshet.api.conditions import Condition
from freshet.api.view import Object, View

__all__ = [
    "DbtCloudSpec",
    "DbtCloudStatus",
    "DbtRun",
    "DiscoveredFrom",
    "Discovery",
    "JobDefaults",
    "Pipeline",
    "PipelineSpec",
    "PipelineStatus",
    "Refused",
    "SecretKeyRef",
    "SourceSpec",
    "Spent",
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


class DbtRun(View, frozen=True, kw_only=True):
    """The one dbt Cloud run that is meant or under way: written before it is sent (freshet.dbtcloud.protocol)."""

    token: str
    at: datetime
    assets: tuple[str, ...] = ()
    versions: dict[str, dict[str, str]] = {}
    id: str | None = None
    url: str | None = None
    cause: str = ""
    attempts: dict[str, int] = {}
    triggers: dict[str, str] = {}
    ticks: dict[str, datetime] = {}
    definitions: dict[str, str] = {}
    passed: tuple[str, ...] = ()
    options: str | None = None
    cancelled: str | None = None
    job: int | None = None
    """The id of the job that it was meant for: there it is looked for, also when the spec names another by now."""
    host: str | None = None
    account: int | None = None
    """Where it was sent."""
    left_at: datetime | None = None
    """Since when its Pipeline has named another host or account."""
    parse: bool = False
    """It builds nothing: the project is parsed, for discovery."""

    def cause_for(self, asset: str) -> str:
        """As it is told where the asset's own name would only repeat the object."""
        return self.cause.removeprefix(f"{asset}: ")


class Refused(View, frozen=True, kw_only=True):
    """dbt Cloud would not start a run: what it said, and of what (freshet.controllers.dbt_refused)."""

    reason: str
    message: str
    at: datetime
    generation: int
    """Of the Pipeline's spec."""
    token: str = ""
    """A mark of the token that it was said to; says nothing of the token itself."""
    job: str | None = None
    """A mark of the job's definition, once that has been read since."""
    until: datetime | None = None
    """When it is asked again; None: time changes nothing."""
    asked: dict[str, str] = {}
    """Assets of the run that a person had asked for, with the value of that."""


class Spent(View, frozen=True, kw_only=True):
    """How many models the runs of one day (UTC) have built, or are about to."""

    day: str
    models: int = 0


class DiscoveredFrom(View, frozen=True, kw_only=True):
    """The manifest that Assets were last discovered from: one that says the same changes nothing."""

    checksum: str
    generated_at: datetime | None = None
    run_id: str | None = None


class DbtCloudStatus(View, frozen=True, kw_only=True):
    """``status.dbtCloud``."""

    host: str | None = None
    account: int | None = None
    job: int | None = None
    """What the cursor and the failures are about."""
    cursor: str | None = None
    run: DbtRun | None = None
    manifest: DiscoveredFrom | None = None
    refused: Refused | None = None
    """A run that builds."""
    parse_refused: Refused | None = None
    """A run that only parses the project."""
    spent: Spent | None = None
    failures: int = 0
    last_end: datetime | None = None


class PipelineStatus(View, frozen=True, kw_only=True):
    """``status``."""

    observed_generation: int = -1
    conditions: tuple[Condition, ...] = ()
    schedule: str | None = None
    sources: int | None = None
    models: int | None = None
    fresh: int | None = None
    stale: int | None = None
    last_load_at: datetime | None = None
    dbt_cloud: DbtCloudStatus = DbtCloudStatus()


class Pipeline(Object, frozen=True, kw_only=True):
    """A Pipeline as the operator sees it."""

    spec: PipelineSpec
    status: PipelineStatus = PipelineStatus()

    @property
    def discovers(self) -> bool:
        """Do the models of its dbt project become Assets by themselves?"""
        dbt = self.spec.dbt_cloud
        return dbt is not None and dbt.discovery.enabled is not False
