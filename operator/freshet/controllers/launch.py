"""Start a run: build the Job and create it. Its name follows from the need, so that a second try is answered 409."""

from typing import Any

from freshet.api import conditions
from freshet.api.asset import Asset, Consumed
from freshet.api.view import Key, to_json
from freshet.controllers.world import World
from freshet.core.case import Trouble
from freshet.core.jobs import run_annotations
from freshet.core.layers import source_of
from freshet.core.manifests import builds, loads
from freshet.core.naming import digest, job_name
from freshet.core.policy import Policy
from freshet.core.situation import Due
from freshet.runtime import errors

__all__ = ["CannotBuild", "Launcher"]

REMEMBERED_TEMPLATES = 4096


class CannotBuild(ValueError):
    """Something that the Job needs is not known; the trouble says what, for the condition."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.message)
        self.trouble = trouble


class Launcher:
    """Creates Jobs for sources, counts and users' templates."""

    def __init__(self, *, world: World) -> None:
        self._world = world
        self._checked: dict[str, None] = {}

    async def launch(self, *, asset: Asset, due: Due, policy: Policy) -> None:
        """Create the Job; one that is there already is this very run.

        Raises CannotBuild, and what Kube.create raises but AlreadyExists.
        """
        body = self.manifest(asset=asset, due=due, policy=policy)
        name = body["metadata"]["name"]
        try:
            await self._world.kube.create("Job", namespace=asset.namespace, body=body)
        except errors.AlreadyExists:
            live = await self._world.kube.get("Job", namespace=asset.namespace, name=name)
            if live is not None:
                self._world.cache.ingest(live, kind="Job")

    async def check(self, *, asset: Asset, policy: Policy) -> None:
        """A dry run of a user's template. Raises errors.Refused with the API server's sentence.

        A thousand Assets may have one template: what was taken once in a namespace is not asked about again.
        """
        mark = digest(asset.namespace, to_json(asset.spec.materialize), length=32)
        if mark in self._checked:
            return
        due = Due(cause="check", versions={}, attempt=1, definition="check")
        body = self.manifest(asset=asset, due=due, policy=policy)
        await self._world.kube.create("Job", namespace=asset.namespace, body=body, dry_run=True)
        self._checked[mark] = None
        if len(self._checked) > REMEMBERED_TEMPLATES:
            del self._checked[next(iter(self._checked))]

    def manifest(self, *, asset: Asset, due: Due, policy: Policy) -> dict[str, Any]:
        """The Job to create. Raises CannotBuild."""
        name = job_name(asset=asset.name, identity=_identity(asset, due), attempt=due.attempt)
        notes = run_annotations(
            looked_at=self._looked_at(asset, due),
            cause=due.cause,
            attempt=due.attempt,
            definition=due.definition,
            trigger=due.trigger,
            tick=due.tick,
        )
        if asset.kind == "Job":
            return builds.user_job(asset=asset, policy=policy, name=name, annotations=notes)
        return self._workload(asset=asset, due=due, policy=policy, name=name, notes=notes)

    def _workload(self, *, asset: Asset, due: Due, policy: Policy, name: str, notes: dict[str, str]) -> dict[str, Any]:
        pipeline = self._world.pipeline_of(asset)
        if pipeline is None or pipeline.spec.warehouse is None:
            message = "spec.pipeline must name a Pipeline with a warehouse: a count needs to know where to look"
            raise CannotBuild(Trouble(reason=conditions.PIPELINE_NOT_FOUND, message=message))
        image = self._world.settings.image
        source = source_of(asset, pipeline)
        if source is not None:
            now, asked = self._world.clock.now(), due.trigger != asset.status.last_handled_trigger
            level = loads.hint(asset=asset, pipeline=pipeline, source=source, now=now, asked=asked)
            return loads.load_job(
                pipeline=pipeline, source=source, asset=asset, image=image, name=name, annotations=notes, level=level
            )
        return builds.count_job(
            asset=asset,
            pipeline=pipeline,
            relation=self._relation(asset),
            policy=policy,
            image=image,
            name=name,
            annotations=notes,
        )

    def _relation(self, asset: Asset) -> str:
        count = asset.spec.materialize.count
        if count is not None and count.relation:
            return count.relation
        upstreams = [self._world.cache.assets.get(Key("Asset", asset.namespace, up)) for up in asset.spec.upstreams]
        relation = upstreams[0].status.relation if len(upstreams) == 1 and upstreams[0] else None
        if relation is None:
            message = "spec.materialize.count.relation must be written: the upstream's relation is not known"
            raise CannotBuild(Trouble(reason=conditions.RELATION_UNKNOWN, message=message))
        return relation

    def _looked_at(self, asset: Asset, due: Due) -> dict[str, Consumed]:
        """Each upstream's version at launch, with its data time as it is now."""
        live = self._world.graph.live
        return {
            name: Consumed(version=version, data_time=live(Key("Asset", asset.namespace, name)))
            for name, version in due.versions.items()
        }


def _identity(asset: Asset, due: Due) -> str:
    last = asset.status.last_run
    return digest(
        asset.metadata.uid,
        due.versions,
        due.definition,
        due.trigger,
        to_json(due.tick),
        last.id if last else None,
    )
