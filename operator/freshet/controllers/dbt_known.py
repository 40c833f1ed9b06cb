"""What is known of a dbt Cloud run that ended, for those who judge what it means for an asset. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from freshet.api.asset import Asset, Check
from freshet.api.pipeline import Pipeline
from freshet.controllers.dbt_members import unique_id_of
from freshet.controllers.dbt_tests import shown
from freshet.dbtcloud import model
from freshet.dbtcloud.outcomes import NodeResult
from freshet.dbtcloud.project import TestNode
from freshet.dbtcloud.results import StepResults

__all__ = ["Known", "checks_of"]


@dataclass(frozen=True, kw_only=True)
class Known:
    """A run that ended, what its steps say, and a look at the assets around."""

    pipeline: Pipeline
    run: model.Run
    steps: StepResults | None
    now: datetime
    tests: Mapping[str, TestNode] | None
    """The manifest's tests; None where there is no manifest."""
    find: Callable[[str], Asset | None]
    live: Callable[[str], datetime | None]
    skew: timedelta = timedelta(0)
    """How far the run's times are ahead of ours."""
    meant: frozenset[str] = frozenset()
    """The assets that it was for, where it is a run of ours."""

    @property
    def version(self) -> str:
        """A run's id names the versions that it made."""
        return str(self.run.id)

    def built(self, name: str) -> bool:
        """Did this run build that asset? Without any results, what it was for follows its own status."""
        if self.steps is None:
            return name in self.meant and self.run.succeeded
        asset = self.find(name)
        node = self.node(asset) if asset is not None else None
        return node is not None and node.built

    def node(self, asset: Asset) -> NodeResult | None:
        """What the results say of it."""
        return self.steps.nodes.get(unique_id_of(asset)) if self.steps else None


def checks_of(known: Known, asset: Asset) -> tuple[Check, ...]:
    """The tests of this model, as its checks."""
    return shown(known.steps.checks if known.steps else (), of={unique_id_of(asset)})
