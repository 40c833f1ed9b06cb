"""What a decision about a run looks at, and what it comes to: values only."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from freshet.api.asset import Asset, AssetStatus
from freshet.api.pipeline import Pipeline
from freshet.api.view import to_json
from freshet.core.layers import source_of
from freshet.core.naming import digest
from freshet.core.policy import Policy

__all__ = ["Due", "Need", "Situation", "Waiting", "definition_of", "some"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Due:
    """Start a run now. ``versions`` are those at launch: an upstream that moves meanwhile makes the asset due again."""

    cause: str
    versions: dict[str, str]
    attempt: int
    definition: str
    trigger: str | None = None
    tick: datetime | None = None
    options: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """Due, but not yet: why, and when that will be looked at again (None: when something else changes).

    ``on`` is the upstream that is waited for.
    """

    reason: str
    message: str
    until: datetime | None = None
    on: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Situation:
    """What a decision looks at. ``upstreams`` holds those that exist; ``busy`` says whether one is being built;
    ``find`` gives those above them.
    """

    asset: Asset
    pipeline: Pipeline | None
    policy: Policy
    upstreams: Mapping[str, Asset]
    now: datetime
    busy: Callable[[str], bool] = lambda name: False
    find: Callable[[str], Asset | None] = lambda name: None

    @property
    def status(self) -> AssetStatus:
        return self.asset.status

    @property
    def versions(self) -> dict[str, str]:
        """What each upstream has now."""
        return {name: up.status.version for name, up in self.upstreams.items() if up.status.version is not None}

    @property
    def moved(self) -> dict[str, str]:
        """Upstreams whose version differs from the one that the newest run considered."""
        considered = self.status.considered
        return {name: version for name, version in self.versions.items() if considered.get(name) != version}


@dataclass(frozen=True, kw_only=True, slots=True)
class Need:
    """Why a run is needed at all, and whether a person asked (who is not made to wait)."""

    cause: str
    asked: bool = False
    trigger: str | None = None
    tick: datetime | None = None
    options: str | None = None


def definition_of(asset: Asset, pipeline: Pipeline | None) -> str:
    """Hash of what is materialized and from which upstreams: a change of it makes the asset due."""
    if asset.kind != "Source":
        return digest(to_json(asset.spec.materialize), sorted(asset.spec.upstreams))
    source = source_of(asset, pipeline)
    warehouse = to_json(pipeline.spec.warehouse) if pipeline else None
    return digest(source and [source.csv, source.table, source.write], warehouse)


def some(names: Mapping[str, str] | list[str]) -> str:
    shown = sorted(names)
    return ", ".join(shown[:3]) + (f" and {len(shown) - 3} more" if len(shown) > 3 else "")
