"""Which models form the next run: what is due, and what only this run makes due (:mod:`freshet.dbtcloud.batch`).

Being due is asked of the core anew each time; nothing is remembered but who is worth asking.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from freshet.api.asset import Asset
from freshet.api.pipeline import DbtCloudSpec, Pipeline
from freshet.api.pipeline_status import DbtRun, Spent
from freshet.api.view import Key
from freshet.controllers.dbt_members import Member, Members, candidate, unique_id_of
from freshet.controllers.dbt_views import passed_on
from freshet.controllers.world import World, pipeline_key
from freshet.core.checks import retested_first
from freshet.core.situation import Due
from freshet.dbtcloud import batch
from freshet.dbtcloud.project import Model
from freshet.dbtcloud.selection import Node, RunOptions, parse_options

__all__ = ["PARSE", "Batch", "Batcher", "day_of", "spent_on"]

SHOWN = 3
MOST = 1000
"""Models of one run: the intent must fit into the Pipeline's status."""
PARSE = "parse the project, to find its models"
"""The cause of a run that builds nothing."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """The next run: ``build`` in an order that respects the graph, ``passed`` views that get its version unbuilt.

    ``left``: what is due and not in it, and why. ``passing``: views that hand on what upstreams have already, without
    any run. ``options``: what a person asked for; all models of the run share it. ``parse``: nothing is to be built,
    but the project parsed; any build leaves a manifest, too.
    """

    build: Mapping[str, Due] = field(default_factory=dict)
    passed: Mapping[str, Due] = field(default_factory=dict)
    passing: Mapping[str, Due] = field(default_factory=dict)
    left: Mapping[str, str] = field(default_factory=dict)
    options: str | None = None
    billed: int = 0
    parse: bool = False

    def __bool__(self) -> bool:
        return bool(self.build) or self.parse

    def run(self, *, token: str, at: datetime) -> DbtRun:
        """The intent to record."""
        parts = {**self.build, **self.passed}
        return DbtRun(
            token=token,
            at=at,
            assets=tuple(self.build),
            versions={name: due.versions for name, due in parts.items()},
            cause=self._cause(),
            attempts={name: due.attempt for name, due in self.build.items() if due.attempt != 1},
            triggers={name: due.trigger for name, due in self.build.items() if due.trigger},
            ticks={name: due.tick for name, due in self.build.items() if due.tick},
            definitions={name: due.definition for name, due in parts.items()},
            passed=tuple(self.passed),
            options=self.options,
            parse=self.parse,
        )

    def _cause(self) -> str:
        if self.parse:
            return PARSE
        names = list(self.build)
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        return f"{', '.join(names[:SHOWN])}{more}: {self.build[names[0]].cause}"


class Batcher:
    """Plans runs of one Pipeline's models."""

    def __init__(self, *, world: World) -> None:
        self._world = world
        self._members = Members(world=world)

    async def plan(self, pipeline: Pipeline, spec: DbtCloudSpec, *, instead: DbtRun | None = None) -> Batch:
        """The next run, as things are now; ``instead`` of one that was meant and certainly never sent."""
        found = await self._builds(pipeline, spec, instead=instead)
        parse = pipeline_key(pipeline, pipeline.name) in self._world.parses.wanted
        return replace(found, parse=True) if parse and not found.build and not found.passing else found

    async def _builds(self, pipeline: Pipeline, spec: DbtCloudSpec, *, instead: DbtRun | None) -> Batch:
        members = await self._members.of(pipeline, spec, instead=instead)
        due = {name: member.due for name, member in members.items() if member.due is not None}
        limit = self._limit(pipeline, spec, instead)
        options = _first_options(due)
        if options is not None:
            return self._asked(pipeline, members, due, options, limit=limit)
        passing = {name: it for name, it in due.items() if members[name].passes}
        if passing:
            return Batch(passing=passing)
        return self._batch(members, due, options=None, limit=limit)

    def reserved(self, pipeline: Pipeline, run: DbtRun) -> int:
        """How many models the run was counted with when it was meant."""
        return sum(node.unique_id.startswith("model.") for node in self.nodes(pipeline, run))

    def _limit(self, pipeline: Pipeline, spec: DbtCloudSpec, instead: DbtRun | None) -> int:
        """How many models may still be built."""
        if spec.max_models_per_day is None:
            return MOST
        back = self.reserved(pipeline, instead) if instead else 0
        return min(MOST, max(0, spec.max_models_per_day + back - spent_on(pipeline, self._world.clock.now())))

    def pass_on(self, pipeline: Pipeline, batch: Batch) -> None:
        """Have its views take in what their upstreams have."""
        now, live = self._world.clock.now(), self._world.graph.live
        for name, due in batch.passing.items():
            asset = Key("Asset", pipeline.namespace, name)
            self._world.hand_over(asset, passed_on(due, live=live, of=asset, now=now))

    def still_wanted(self, pipeline: Pipeline, run: DbtRun) -> bool:
        """Is there still an asset that this run is for?"""
        if run.parse:
            return pipeline.discovers and not pipeline.spec.suspend
        existing = {asset.name for asset in self._members.models(pipeline) if not asset.spec.suspend}
        return not pipeline.spec.suspend and bool(existing.intersection(run.assets))

    def nodes(self, pipeline: Pipeline, run: DbtRun) -> list[Node]:
        """What to select, exactly where a manifest says how; sources, too, whose tests go first."""
        assets = [asset for name in run.assets if (asset := self._find(pipeline, name)) and unique_id_of(asset)]
        reads = ((asset, self._find(pipeline, name)) for asset in assets for name in asset.spec.upstreams)
        pairs = [(asset, upstream) for asset, upstream in reads if upstream is not None]
        tests = (test for asset, up in pairs for test in retested_first(asset, up, pipeline=pipeline))
        sources = {test.source for test in tests if test.source is not None}
        return [*(self._node(pipeline, asset) for asset in assets), *(Node(unique_id=key) for key in sorted(sources))]

    def _find(self, pipeline: Pipeline, name: str) -> Asset | None:
        return self._world.cache.assets.get(Key("Asset", pipeline.namespace, name))

    def _node(self, pipeline: Pipeline, asset: Asset) -> Node:
        unique_id = unique_id_of(asset)
        model = self._model(pipeline, unique_id)
        if model is None:
            return Node(unique_id=unique_id)
        return Node(unique_id=unique_id, fqn=model.fqn, crowded=model.crowded)

    def _model(self, pipeline: Pipeline, unique_id: str) -> Model | None:
        manifest = self._world.manifests.get(pipeline_key(pipeline, pipeline.name))
        return manifest.models.get(unique_id) if manifest else None

    def _asked(
        self, pipeline: Pipeline, members: Mapping[str, Member], due: Mapping[str, Due], options: str, *, limit: int
    ) -> Batch:
        """A run with options is for those who asked for them, and for what is below where they say so."""
        chosen = {name: it for name, it in due.items() if it.options == options}
        if not _read(options).downstream:
            return self._batch({name: members[name] for name in chosen}, chosen, options=options, limit=limit)
        below = set(chosen)
        todo = list(chosen)
        while todo:
            found = self._world.graph.downstreams(Key("Asset", pipeline.namespace, todo.pop()))
            new = {key.name for key in found if key.name in members} - below
            below |= new
            todo += new
        chosen_members = {name: member for name, member in members.items() if name in below}
        return self._batch(chosen_members, chosen, options=options, limit=limit, all=True)

    def _batch(
        self,
        members: Mapping[str, Member],
        due: Mapping[str, Due],
        *,
        options: str | None,
        limit: int,
        all: bool = False,
    ) -> Batch:
        candidates = {name: candidate(member, due=name in due, joins_anyway=all) for name, member in members.items()}
        planned = batch.plan(due=set(due), models=candidates, limit=limit)
        parts = {name: due.get(name) or members[name].part.due for name in (*planned.build, *planned.passed)}
        build = {name: parts[name] for name in planned.build}
        return Batch(
            build=build,
            passed={name: parts[name] for name in planned.passed},
            left=dict(planned.left or {}),
            options=options,
            billed=sum(not candidates[name].free for name in build),
        )


def day_of(now: datetime) -> str:
    """The day of a budget (UTC)."""
    return f"{now:%Y-%m-%d}"


def spent_on(pipeline: Pipeline, now: datetime) -> int:
    """How many models were built today."""
    spent: Spent | None = pipeline.status.dbt_cloud.spent
    return spent.models if spent is not None and spent.day == day_of(now) else 0


def _first_options(due: Mapping[str, Due]) -> str | None:
    """Whose turn it is among those who asked for something special: by name, one after the other."""
    asked: Iterable[str] = (due[name].options or "" for name in sorted(due))
    return next((options for options in asked if options), None)


def _read(options: str) -> RunOptions:
    """What cannot be read asks for nothing; the run protocol says so when it records the run."""
    try:
        return parse_options(options)
    except ValueError:
        return RunOptions()
