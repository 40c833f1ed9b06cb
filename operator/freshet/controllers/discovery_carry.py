"""Makes a Pipeline's Assets what its manifest asks for, and tells each what the project says of it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from freshet.api.asset import Asset
from freshet.api.pipeline import DbtCloudSpec, Pipeline
from freshet.api.view import Key, parse
from freshet.controllers.dbt_tests import sources_of, undeclared
from freshet.controllers.discovery_apply import Applier
from freshet.controllers.discovery_gather import OLDEST
from freshet.controllers.discovery_learn import Learned, adopted, external, source_checks
from freshet.controllers.discovery_plan import Plan, plan
from freshet.controllers.discovery_say import Teller
from freshet.controllers.discovery_seen import Read
from freshet.controllers.discovery_visit import Visit
from freshet.controllers.world import World, dbt_key
from freshet.core import nodes
from freshet.core.lineage import key_of
from freshet.core.outcome import Ended
from freshet.core.situation import some
from freshet.dbtcloud.marker import token_in
from freshet.dbtcloud.model import Run

__all__ = ["Carrier", "NotYet"]

Told = tuple[nodes.Described, Ended | None]


class NotYet(Exception):
    """A run ended a moment ago, and its results, which may tell that a table is there, are not: look again soon."""


class Carrier:
    """Pipelines are planned one after another, so that two never take one name or model at the same moment."""

    def __init__(self, *, world: World, teller: Teller) -> None:
        self._world, self._teller = world, teller
        self._applier = Applier(world=world)
        self._turn = asyncio.Lock()

    async def carry_out(self, visit: Visit, read: Read, runs: tuple[Run, ...]) -> None:
        """Plan, learn from the ``runs`` what is not known, announce, apply, delete. Raises DbtCloudError, NotYet."""
        memory = visit.memory
        async with self._turn:
            made = await self._plan(visit.pipeline, read, fed=memory.fed)
            learned = await self._learn(visit, read, made, runs)
            fed = {made.found.names[key] for key in learned.fed if key in made.found.names}
            if fed - memory.fed:
                memory.fed |= fed
                made = replace(await self._plan(visit.pipeline, read, fed=memory.fed), fresh=made.fresh)
            told = self._told(visit.pipeline, read, made, learned)
            with self._making(visit.key, made):
                for key in told:
                    self._announce(key, *told[key])
                await self._tests(visit, read, made, learned)
                problems = [*made.found.problems, *await self._applier.apply(visit.pipeline, made.apply)]
                self._world.manifests[Key("Pipeline", visit.key.namespace, visit.key.name)] = read.manifest
            await self._applier.delete(visit.pipeline, made.delete)
        memory.plan = made
        await self._teller.read(visit.pipeline, read, made, problems)

    @contextmanager
    def _making(self, key: Key, made: Plan) -> Iterator[None]:
        """No run is planned for some of the new models while others are still being made."""
        if not made.fresh:
            yield
            return
        world, job = self._world, dbt_key(key.namespace, key.name)
        world.making.add(job)
        try:
            yield
        finally:
            world.making.discard(job)
            known = {name: world.inbox.get(Key("Asset", key.namespace, name), ()) for name in made.fresh}
            unbuilt = {name for name, ended in known.items() if all(each.checks_only for each in ended)}
            world.due.setdefault(Key("Pipeline", key.namespace, key.name), set()).update(unbuilt)
            world.queue.add(job)

    async def _plan(self, pipeline: Pipeline, read: Read, *, fed: set[str]) -> Plan:
        here = self._here(pipeline)
        told = {asset.name for asset in here if Key("Asset", asset.namespace, asset.name) in self._world.described}
        rivals = [asset for asset in self._world.cache.assets if _is_rival(asset, pipeline, self._world)]
        return await asyncio.to_thread(
            plan, manifest=read.manifest, pipeline=pipeline, here=here, rivals=rivals, fed=fed, told=told
        )

    def _here(self, pipeline: Pipeline) -> list[Asset]:
        return [asset for asset in self._world.cache.assets if asset.namespace == pipeline.namespace]

    async def _learn(self, visit: Visit, read: Read, made: Plan, runs: tuple[Run, ...]) -> Learned:
        """Look up what is not known: models at first sight, external Assets whenever a run may say more."""
        assets = made.found.assets.values()
        adopts = visit.spec.discovery.adopt is not False
        wanted = {a.unique_id for a in assets if adopts and a.kind == "DbtCloud" and a.name in made.fresh}
        outside = {a.unique_id for a in assets if a.kind == "External"}
        sources = {key for key in outside if key.startswith("source.")}
        if wanted and not runs:
            runs = (await visit.reader.glance(deep=True)).runs
        foreign = [run for run in runs if not _is_selective(run, visit.spec)]
        models = outside - sources
        asked = runs if wanted else foreign if models else ()
        results = await visit.gatherer.results(asked, wanted=wanted | models, of=read.manifest)
        unknown = wanted - {key for _, steps in results for key in steps.nodes}
        if unknown and visit.gatherer.just_ended:
            raise NotYet
        if visit.pipeline.status.dbt_cloud.manifest is None:  # at first sight, a table may be older than many runs
            results += await visit.gatherer.older_results(wanted=unknown, of=read.manifest)
            self._tell_unasked(visit)
        return Learned(results=tuple(results), states=await visit.gatherer.states(foreign, wanted=sources))

    def _tell_unasked(self, visit: Visit) -> None:
        """Where adoption has ended before it knew all: a table may be there that counts as missing, and is built."""
        if not (names := visit.gatherer.unasked):
            return
        message = (
            f"none of the newest {OLDEST:,} runs has built {some(list(names))}: older ones are not asked, so that "
        )
        message += "these count as never built, and are built"
        self._world.tell(visit.pipeline, type="Normal", reason="AdoptionEnded", message=message)

    def _told(self, pipeline: Pipeline, read: Read, made: Plan, learned: Learned) -> dict[Key, Told]:
        """What each Asset is told, also one that is about to be made: so it needs but one write of its status."""
        drafts = {body["metadata"]["name"]: parse(body, type=Asset) for body in made.apply}
        assets = drafts | {asset.name: asset for asset in self._here(pipeline)}
        at = read.manifest.generated_at or self._world.clock.now()
        ended: dict[str, Ended] = dict(external(found=made.found, learned=learned, fresh=made.fresh, at=at))
        ended |= adopted(found=made.found, learned=learned, assets=assets, pipeline=pipeline, fresh=made.fresh)
        run = str(read.run.id)
        return {
            Key("Asset", pipeline.namespace, name): (nodes.Described(facts=facts, run=run), ended.get(name))
            for name, facts in made.facts.items()
            if name in assets
        }

    def _announce(self, key: Key, described: nodes.Described, ended: Ended | None) -> None:
        """To the Asset's own reconciler: all writes to an object happen under its key. One that does not exist yet is
        visited when it does.
        """
        asset = self._world.cache.assets.get(key)
        self._world.described[key] = described
        if asset is None:
            self._world.inbox[key] = [ended] if ended is not None else []
            return
        if ended is not None:
            same = ended.version == asset.status.version
            self._world.hand_over(key, replace(ended, outcome="Unchanged") if same else ended)
        elif nodes.describe(asset.status, described) != asset.status:
            self._world.queue.add(key)

    async def _tests(self, visit: Visit, read: Read, made: Plan, learned: Learned) -> None:
        """Whose are the tests of sources? At first sight their newest results count as they are, as those of models do;
        what is not tested any more holds nothing back.
        """
        pipeline, at = visit.pipeline, read.manifest.generated_at or visit.now
        sources = self._world.tested[Key("Pipeline", visit.key.namespace, visit.key.name)] = sources_of(made.found)
        first = pipeline.status.dbt_cloud.manifest is None
        for name, ids in sources.items():
            ended = source_checks(learned, ids, pipeline=pipeline.name) if first or name in made.fresh else None
            if ended is not None:
                self._world.hand_over(Key("Asset", pipeline.namespace, name), ended)
        here = self._here(pipeline)
        gone = await asyncio.to_thread(
            undeclared, here, manifest=read.manifest, sources=sources, pipeline=pipeline.name, at=at
        )
        for asset, ended in gone:
            self._world.hand_over(key_of(asset), ended)


def _is_rival(asset: Asset, pipeline: Pipeline, world: World) -> bool:
    """Is it a model of another Pipeline of the same dbt Cloud account?"""
    if asset.kind != "DbtCloud" or (asset.namespace, asset.spec.pipeline) == (pipeline.namespace, pipeline.name):
        return False
    other = world.pipeline_of(asset)
    theirs, ours = other.spec.dbt_cloud if other else None, pipeline.spec.dbt_cloud
    return theirs is not None and ours is not None and (theirs.host, theirs.account_id) == (ours.host, ours.account_id)


def _is_selective(run: Run, spec: DbtCloudSpec) -> bool:
    """A run of freshet's own that built what was selected and looked at nothing else."""
    return spec.mode == "Select" and run.job == spec.job_id and token_in(run.cause) is not None
