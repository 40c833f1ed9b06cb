"""What the operator records of a Pipeline (``status`` of crds/freshet.dev_pipelines.yaml)."""

from datetime import datetime

from freshet.api.conditions import Condition
from freshet.api.view import View

__all__ = [
    "DbtCloudStatus",
    "DbtRun",
    "DiscoveredFrom",
    "PipelineStatus",
    "Refused",
    "Spent",
]


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
