"""The Asset: a table or view that someone relies on (crds/freshet.dev_assets.yaml describes each field)."""

from datetime import datetime
from typing import Any, Literal

from freshet.api.conditions import Condition
from freshet.api.names import ANNOTATION_UNIQUE_ID
from freshet.api.view import Object, View

__all__ = [
    "Asset",
    "AssetSpec",
    "AssetStatus",
    "Automation",
    "Check",
    "Checks",
    "Consumed",
    "DbtFacts",
    "Exposure",
    "Freshness",
    "HistoryItem",
    "Kind",
    "LastRun",
    "Materialize",
    "Outcome",
    "PolicyInForce",
    "Retries",
    "RowsCheck",
    "RunInFlight",
    "State",
]

Kind = Literal["Source", "Count", "DbtCloud", "Job", "External"]
State = Literal["Suspended", "Updating", "Failed", "Missing", "Stale", "Aging", "Fresh"]
Outcome = Literal["Succeeded", "Failed", "Cancelled", "Skipped", "Unchanged", "Interrupted"]


class Freshness(View, frozen=True, kw_only=True):
    """How old the data may be. Durations are strings in Go's syntax."""

    maximum_lag: str | None = None
    warn_lag: str | None = None
    schedule: str | None = None
    time_zone: str | None = None
    within: str | None = None
    maximum_unchanged: str | None = None
    objective: str | None = None
    basis: str | None = None


class Automation(View, frozen=True, kw_only=True):
    """When an asset is built."""

    when: str | None = None
    schedule: str | None = None
    time_zone: str | None = None
    min_interval: str | None = None
    max_wait: str | None = None
    require_checks: bool | None = None
    on_code_change: str | None = None


class Retries(View, frozen=True, kw_only=True):
    """Attempts after a failed one."""

    limit: int | None = None
    backoff: str | None = None
    max_backoff: str | None = None


class RowsCheck(View, frozen=True, kw_only=True):
    """Bounds on the number of rows."""

    minimum: int | None = None
    maximum: int | None = None
    maximum_drop_percent: float | None = None


class Checks(View, frozen=True, kw_only=True):
    """Declared checks of an asset."""

    rows: RowsCheck | None = None


class Count(View, frozen=True, kw_only=True):
    """Count the rows of a relation."""

    relation: str | None = None
    data_time_column: str | None = None


class DbtNode(View, frozen=True, kw_only=True):
    """A node of the Pipeline's dbt project."""

    unique_id: str


class UserJob(View, frozen=True, kw_only=True):
    """Any Job of the user's: a JobTemplateSpec."""

    template: dict[str, Any]


class Materialize(View, frozen=True, kw_only=True):
    """How an asset is built: exactly one member is set."""

    count: Count | None = None
    source: dict[str, Any] | None = None
    dbt_cloud: DbtNode | None = None
    job: UserJob | None = None
    external: dict[str, Any] | None = None

    @property
    def kind(self) -> Kind:
        """Which member is set."""
        if self.source is not None:
            return "Source"
        if self.count is not None:
            return "Count"
        if self.dbt_cloud is not None:
            return "DbtCloud"
        return "Job" if self.job is not None else "External"


class AssetSpec(View, frozen=True, kw_only=True):
    """``spec``: what a person, or discovery, wants."""

    materialize: Materialize
    key: str | None = None
    pipeline: str | None = None
    upstreams: tuple[str, ...] = ()
    automation: Automation = Automation()
    freshness: Freshness | None = None
    data_time: str | None = None
    checks: Checks | None = None
    retries: Retries = Retries()
    timeout: str | None = None
    suspend: bool = False


class Consumed(View, frozen=True, kw_only=True):
    """The version of an upstream that the table is built from, and how recent that version's data was."""

    version: str
    data_time: datetime | None = None


class RunInFlight(View, frozen=True, kw_only=True):
    """The run that is under way."""

    id: str = ""
    name: str = ""
    executor: str = "Job"
    url: str | None = None
    cause: str = ""
    attempt: int = 1
    started_at: datetime | None = None
    versions: dict[str, str] = {}
    trigger: str | None = None
    tick: datetime | None = None
    definition: str | None = None
    message: str | None = None


class LastRun(View, frozen=True, kw_only=True):
    """The newest run that ended."""

    id: str
    url: str | None = None
    cause: str = ""
    attempt: int = 1
    started_at: datetime | None = None
    finished_at: datetime | None = None
    outcome: Outcome
    message: str = ""
    options: str | None = None
    duration_seconds: float | None = None
    """The asset's own time: that of a dbt model is less than that of its run."""
    reused: bool = False
    """dbt left the table as it was although what it reads had changed, as its lag tolerance allows."""


class HistoryItem(LastRun, frozen=True, kw_only=True):
    """A run that made a version or failed."""

    version: str | None = None
    data_time: datetime | None = None
    rows: int | None = None


class Check(View, frozen=True, kw_only=True):
    """The newest result of one check or dbt test."""

    name: str
    passed: bool
    severity: str
    message: str = ""
    at: datetime | None = None
    pipeline: str | None = None
    """The Pipeline whose dbt project tests the asset as a source; None: a check of what builds it."""
    source: str | None = None
    """The unique id of what it is there: a source, or a model that the Pipeline does not build."""

    @property
    def broken(self) -> bool:
        """Does it hold back what is downstream?"""
        return not self.passed and self.severity == "error"


class Sample(View, frozen=True, kw_only=True):
    """One bad row: where and why, never what it held."""

    line: int = 0
    column: str | None = None
    reason: str = ""


class Rejected(View, frozen=True, kw_only=True):
    """The bad rows of the newest input that a load has read, with the first few of them."""

    rows: int
    samples: tuple[Sample, ...] = ()
    at: datetime | None = None


class PolicyInForce(View, frozen=True, kw_only=True):
    """What is in force after the Pipeline's and the operator's defaults."""

    when: str | None = None
    build_schedule: str | None = None
    build_time_zone: str | None = None
    build_since: datetime | None = None
    limit: str | None = None
    maximum_lag: str | None = None
    warn_lag: str | None = None
    schedule: str | None = None
    time_zone: str | None = None
    within: str | None = None
    maximum_unchanged: str | None = None
    objective: str | None = None
    basis: str | None = None
    min_interval: str | None = None
    timeout: str | None = None


class Exposure(View, frozen=True, kw_only=True):
    """A dashboard or report that depends on a dbt node."""

    name: str
    owner: str | None = None
    url: str | None = None


class DbtFacts(View, frozen=True, kw_only=True):
    """What the newest manifest says of a dbt node. ``built_checksum`` is of the code that its newest run used."""

    description: str | None = None
    tags: tuple[str, ...] = ()
    relation: str | None = None
    materialized: str | None = None
    checksum: str | None = None
    built_checksum: str | None = None
    lag_tolerance: str | None = None
    missing_since: str | None = None
    exposures: tuple[Exposure, ...] = ()
    more_exposures: int | None = None
    """So many further ones depend on it."""


class AssetStatus(View, frozen=True, kw_only=True):
    """``status``: what the operator knows."""

    observed_generation: int = -1
    conditions: tuple[Condition, ...] = ()
    state: State | None = None
    reason: str | None = None
    blame: str | None = None
    kind: Kind | None = None
    policy: PolicyInForce | None = None
    version: str | None = None
    relation: str | None = None
    last_updated_at: datetime | None = None
    last_checked_at: datetime | None = None
    data_time: datetime | None = None
    rows: int | None = None
    duration_seconds: float | None = None
    last_run: LastRun | None = None
    consumed: dict[str, Consumed] = {}
    considered: dict[str, str] = {}
    run: RunInFlight | None = None
    checks: tuple[Check, ...] = ()
    rejected: Rejected | None = None
    history: tuple[HistoryItem, ...] = ()
    last_handled_trigger: str | None = None
    definition: str | None = None
    failures: int = 0
    retry_at: datetime | None = None
    last_tick: datetime | None = None
    level: dict[str, Any] | None = None
    refused: dict[str, Any] | None = None
    dbt: DbtFacts | None = None


class Asset(Object, frozen=True, kw_only=True):
    """An Asset as the operator sees it."""

    spec: AssetSpec
    status: AssetStatus = AssetStatus()

    @property
    def kind(self) -> Kind:
        return self.spec.materialize.kind

    @property
    def key(self) -> str:
        """Its name in the data world."""
        return self.spec.key or self.name.replace("-", "_")

    @property
    def dbt_node(self) -> str | None:
        """The unique id of the dbt node that it is, be it built by the Pipeline's job or by something else."""
        node = self.spec.materialize.dbt_cloud
        return node.unique_id if node is not None else self.metadata.annotations.get(ANNOTATION_UNIQUE_ID)
