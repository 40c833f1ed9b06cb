"""Who may be in a Pipeline's next run: the models that are worth asking, those below them, and what each may do.

Being due is asked of the core anew each time; nothing is remembered but who is worth asking.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace

import msgspec

from freshet.api.asset import Asset
from freshet.api.names import ANNOTATION_REQUESTED_AT
from freshet.api.pipeline import DbtCloudSpec, Pipeline
from freshet.api.pipeline_status import DbtRun
from freshet.api.view import Key
from freshet.controllers.observe import Observer
from freshet.controllers.world import World, pipeline_key
from freshet.core import nodes
from freshet.core.decide import decide, situation
from freshet.core.joining import Joining, joining
from freshet.core.lineage import key_of
from freshet.core.observed import Decision, Observed
from freshet.core.situation import Due
from freshet.dbtcloud import batch

__all__ = ["Member", "Members", "candidate", "unique_id_of"]


@dataclass(frozen=True, kw_only=True)
class Member:
    """A model that may be in the run."""

    asset: Asset
    decision: Decision
    part: Joining
    passes: bool

    @property
    def due(self) -> Due | None:
        return None if self.decision.recorded else self.decision.due


class Members:
    """Asks the core of each model what it would do, without doing it."""

    def __init__(self, *, world: World) -> None:
        self._world = world
        self._observer = Observer(world=world)

    def models(self, pipeline: Pipeline) -> list[Asset]:
        """Those of the Pipeline that are there to stay."""
        assets = self._world.cache.assets_of(pipeline.namespace, pipeline.name)
        return [a for a in assets if a.kind == "DbtCloud" and a.metadata.deletion_timestamp is None]

    async def of(self, pipeline: Pipeline, spec: DbtCloudSpec, *, instead: DbtRun | None) -> dict[str, Member]:
        """What may be due, and all models below it; ``instead`` of a run that was certainly never sent."""
        models = {asset.name: asset for asset in self.models(pipeline)}
        hints = {*self._world.due.get(pipeline_key(pipeline, pipeline.name), ()), *(instead.assets if instead else ())}
        todo = [name for name, asset in models.items() if name in hints or self._stirs(asset)]
        members: dict[str, Member] = {}
        while todo:
            name = todo.pop()
            if name in members:
                continue
            members[name] = await self._member(spec, models[name], mates=models, instead=instead)
            below = self._world.graph.downstreams(key_of(models[name]))
            todo += [key.name for key in below if key.name in models]
        return members

    def _stirs(self, asset: Asset) -> bool:
        """Is it worth a decision? Cheap: asked of each model."""
        status, asked = asset.status, asset.metadata.annotations.get(ANNOTATION_REQUESTED_AT)
        if asked is not None and asked != status.last_handled_trigger:
            return True
        found = (
            (name, self._world.cache.assets.get(Key("Asset", asset.namespace, name))) for name in asset.spec.upstreams
        )
        return any(up and up.status.version and up.status.version != status.considered.get(name) for name, up in found)

    async def _member(
        self, spec: DbtCloudSpec, asset: Asset, *, mates: Collection[str], instead: DbtRun | None
    ) -> Member:
        observed = _told(await self._observer.observe(asset, trouble=None))
        if instead is not None and observed.active is not None and observed.active.name == instead.token:
            observed = replace(observed, active=None)
        decision = decide(observed)
        asked = situation(observed, observed.asset, decision.policy)
        part = joining(asked, trouble=decision.trouble, mates=mates, rechecks=spec.runs_tests)
        passes = _passes(spec, observed.asset, part.due)
        return Member(asset=observed.asset, decision=decision, part=part, passes=passes)


def candidate(member: Member, *, due: bool, joins_anyway: bool) -> batch.Candidate:
    """What the plan of a run needs to know of it."""
    part = member.part
    return batch.Candidate(
        upstreams=member.asset.spec.upstreams,
        joins="Any" if joins_anyway else part.joins,
        blocked=None if due else part.blocked or ("TakingIn" if member.decision.recorded else None),
        cured_by=frozenset() if due else part.cured_by,
        settled=part.settled,
        passes=member.passes and not due,
        free=not unique_id_of(member.asset).startswith("model."),
    )


def unique_id_of(asset: Asset) -> str:
    """The dbt node that an asset is."""
    node = asset.spec.materialize.dbt_cloud
    return node.unique_id if node else ""


def _told(observed: Observed) -> Observed:
    """As if what discovery has said of it were written already: one that is not visited yet may join its upstreams."""
    status = nodes.describe(observed.asset.status, observed.described)
    return replace(observed, asset=msgspec.structs.replace(observed.asset, status=status))


def _passes(spec: DbtCloudSpec, asset: Asset, due: Due) -> bool:
    """A view that was built with the code and from the upstreams that it has now shows new data without a run."""
    status = asset.status
    if spec.views != "PassThrough" or status.version is None or status.failures or nodes.is_recoded(status):
        return False
    asked = due.trigger != status.last_handled_trigger
    return nodes.is_view(status) and not asked and status.definition == due.definition
