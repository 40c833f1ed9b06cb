"""Which models are due together: they form one run."""

from dataclasses import dataclass
from datetime import datetime

from freshet.api.asset import Asset
from freshet.api.pipeline import DbtRun, Pipeline
from freshet.api.view import Key
from freshet.controllers.observe import Observer
from freshet.controllers.world import World
from freshet.core.automation import Due
from freshet.core.decide import decide
from freshet.dbtcloud.selection import Node

__all__ = ["Batch", "Batcher"]

SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class Batch:
    """The models that are due, and why."""

    due: dict[str, Due]

    def __bool__(self) -> bool:
        return bool(self.due)

    def run(self, *, token: str, at: datetime) -> DbtRun:
        """The intent to record."""
        names = sorted(self.due)
        options = next((due.options for due in self.due.values() if due.options), None)
        return DbtRun(
            token=token,
            at=at,
            assets=tuple(names),
            versions={name: self.due[name].versions for name in names},
            cause=self._cause(names),
            attempts={name: self.due[name].attempt for name in names},
            triggers={name: trigger for name in names if (trigger := self.due[name].trigger)},
            options=options,
        )

    def _cause(self, names: list[str]) -> str:
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        return f"{', '.join(names[:SHOWN])}{more}: {self.due[names[0]].cause}"


class Batcher:
    """Asks the core about each model of a Pipeline: being due is never remembered."""

    def __init__(self, *, world: World) -> None:
        self._world = world
        self._observer = Observer(world=world)

    async def due(self, pipeline: Pipeline) -> Batch:
        """The models of this Pipeline that are due now."""
        found = {}
        for asset in self._models(pipeline):
            decision = decide(await self._observer.observe(asset, trouble=None))
            if decision.due is not None and not decision.recorded:
                found[asset.name] = decision.due
        return Batch(due=found)

    def still_wanted(self, pipeline: Pipeline, run: DbtRun) -> bool:
        """Is there still an asset that this run is for?"""
        existing = {asset.name for asset in self._models(pipeline) if not asset.spec.suspend}
        return not pipeline.spec.suspend and bool(existing.intersection(run.assets))

    def nodes(self, pipeline: Pipeline, run: DbtRun) -> list[Node]:
        """What to select."""
        assets = [self._world.cache.assets.get(Key("Asset", pipeline.namespace, name)) for name in run.assets]
        ids = [a.spec.materialize.dbt_cloud.unique_id for a in assets if a and a.spec.materialize.dbt_cloud]
        return [Node(unique_id=unique_id) for unique_id in ids]

    def _models(self, pipeline: Pipeline) -> list[Asset]:
        assets = self._world.cache.assets_of(pipeline.namespace, pipeline.name)
        return [a for a in assets if a.kind == "DbtCloud" and a.metadata.deletion_timestamp is None]
