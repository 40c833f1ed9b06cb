"""All that is to be said about an asset, before it is put into words."""

from dataclasses import dataclass
from datetime import datetime

from freshet.api import conditions as c
from freshet.api.asset import Asset, AssetStatus
from freshet.api.pipeline import Pipeline
from freshet.core.blame import Ancestor
from freshet.core.freshness import Verdict
from freshet.core.policy import Policy
from freshet.core.situation import Waiting

__all__ = ["WORDS", "Case", "Trouble"]

NAMED = (c.PIPELINE_NOT_FOUND, c.UPSTREAM_NOT_FOUND, c.RELATION_UNKNOWN)
UNREADABLE = (c.INVALID_SCHEDULE, c.INVALID_TIME_ZONE, c.INVALID_SPEC)
"""Of settings among which the limits may be."""
WORDS = {c.UNREACHABLE: c.DBT_CLOUD_UNREACHABLE}
"""Reasons of DbtCloudReady that need their context where an Asset shows them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trouble:
    """What keeps the spec from being acted upon; ``passing``: it may go without a change of that, as a quota may."""

    reason: str
    message: str
    passing: bool = False

    @property
    def stalled(self) -> bool:
        """Does only a change of this spec help? What it names may yet come."""
        return not self.passing and self.reason not in NAMED


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """All that is to be said about an asset. ``ancestor`` is at fault for its age, or for its not being there;
    ``outlook`` what will happen by itself, ``rest`` why nothing will; ``conflict`` why its limit cannot be held.
    """

    asset: Asset
    policy: Policy
    verdict: Verdict
    now: datetime
    pipeline: Pipeline | None = None
    waiting: Waiting | None = None
    trouble: Trouble | None = None
    ancestor: Ancestor | None = None
    outlook: str | None = None
    rest: str | None = None
    conflict: str | None = None

    @property
    def status(self) -> AssetStatus:
        return self.asset.status

    @property
    def failing(self) -> bool:
        return self.status.failures > self.policy.limit and self.status.last_run is not None

    @property
    def late(self) -> bool:
        return self.verdict.word != "Fresh"

    @property
    def unjudged(self) -> bool:
        """A limit may be set, and none could ever be read: it must not pass for fresh."""
        trouble = self.trouble
        return trouble is not None and trouble.reason in UNREADABLE and self.verdict.reason == c.NO_POLICY

    @property
    def others_fault(self) -> str:
        """What an ancestor has done to it; where builds or content are judged, that was to bring nothing new."""
        if self.verdict.word == "Missing":
            return c.NEVER_UPDATED
        if self.policy.by_update or self.verdict.reason == c.INPUT_UNCHANGED:
            return c.INPUT_UNCHANGED
        return c.UPSTREAM_AGING if self.verdict.word == "Aging" else c.UPSTREAM_STALE

    @property
    def suspended(self) -> str:
        """By whom, in words."""
        if self.asset.spec.suspend or self.pipeline is None:
            return "suspended (spec.suspend)"
        return f"Pipeline {self.pipeline.name} suspended"

    @property
    def told(self) -> str:
        """The newest run's words."""
        last = self.status.last_run
        return last.message if last is not None else ""
