"""What is known of a dbt Cloud run that ended, for those who judge what it means for an asset. Pure."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from freshet.api.asset import Asset, Check
from freshet.api.pipeline import Pipeline
from freshet.controllers.dbt_members import unique_id_of
from freshet.controllers.dbt_tests import names_by_node, results_by_node, shown
from freshet.dbtcloud import model
from freshet.dbtcloud.outcomes import CheckResult, NodeResult
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

    def checks(self, nodes: Collection[str], *, pipeline: str | None = None) -> tuple[Check, ...]:
        """What the tests of these nodes found; ``pipeline``: they are sources of its project."""
        found = (result for node in nodes for result in self._results.get(node, ()))
        return shown(found, of=nodes, pipeline=pipeline)

    def declared(self, nodes: Collection[str]) -> frozenset[str] | None:
        """The names of the tests that the project has of these nodes; None where there is no manifest."""
        if self._names is None:
            return None
        return frozenset(name for node in nodes for name in self._names.get(node, ()))

    @cached_property
    def _results(self) -> Mapping[str, list[CheckResult]]:
        return results_by_node(self.steps.checks if self.steps else ())

    @cached_property
    def _names(self) -> Mapping[str, set[str]] | None:
        return names_by_node(self.tests) if self.tests is not None else None


def checks_of(known: Known, asset: Asset) -> tuple[Check, ...]:
    """The tests of this model, as its checks."""
    return known.checks((unique_id_of(asset),))
