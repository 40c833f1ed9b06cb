"""What is remembered of one Pipeline's project between visits, and one visit to it."""

from dataclasses import dataclass, field
from datetime import datetime

from freshet.api.pipeline import DbtCloudSpec, Pipeline
from freshet.api.view import Key
from freshet.controllers.discovery_plan import Plan
from freshet.controllers.discovery_read import Read, Reader
from freshet.dbtcloud.model import Run
from freshet.dbtcloud.pacing import Pace

__all__ = ["Memory", "Visit"]


@dataclass(kw_only=True)
class Memory:
    """What this process knows of one Pipeline's project; ``look_at`` None: look now."""

    generation: int
    read: Read | None = None
    plan: Plan | None = None
    fed: set[str] = field(default_factory=set)
    runs: tuple[Run, ...] = ()
    """Newest first: those that ended and whose results were not looked at yet."""
    ran: list[Run] = field(default_factory=list)
    """Those that ended, in any order, and that no look has taken yet."""
    environment: int | None = None
    look_at: datetime | None = None
    pace: Pace = field(default_factory=Pace)


@dataclass(frozen=True, kw_only=True)
class Visit:
    """One visit to one Pipeline."""

    key: Key
    pipeline: Pipeline
    spec: DbtCloudSpec
    memory: Memory
    reader: Reader
    now: datetime
