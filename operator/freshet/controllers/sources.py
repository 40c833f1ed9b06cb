"""A Pipeline's sources: for each an Asset and a CronJob, applied when they differ from what was applied last."""

from typing import Any

from freshet.api import conditions
from freshet.api.asset import Asset
from freshet.api.pipeline import Pipeline, SourceSpec
from freshet.api.view import Key, Object
from freshet.controllers.world import World
from freshet.core import cron
from freshet.core.case import Trouble
from freshet.core.layers import schedule_of, time_zone_of
from freshet.core.manifests.assets import source_asset
from freshet.core.manifests.loads import cron_job, hint
from freshet.core.naming import digest
from freshet.core.situation import definition_of
from freshet.runtime import errors

__all__ = ["Sources"]


class Sources:
    """Keeps, per child, what was applied and which generation that made: a person's edit is put back."""

    def __init__(self, *, world: World) -> None:
        self._world = world
        self._applied: dict[Key, tuple[str, int]] = {}

    async def apply(self, pipeline: Pipeline) -> list[Trouble]:
        """Make it so; the troubles met, while the other sources are still served."""
        troubles = [await self._source(pipeline, source) for source in pipeline.spec.sources]
        await self._prune(pipeline)
        return [trouble for trouble in troubles if trouble is not None]

    async def _source(self, pipeline: Pipeline, source: SourceSpec) -> Trouble | None:
        try:
            cron.zone(time_zone_of(pipeline, source))
            cron.validate(schedule_of(pipeline, source))
            await self._child(pipeline, "Asset", source_asset(pipeline=pipeline, source=source))
            await self._child(pipeline, "CronJob", self._cron_job(pipeline, source))
        except cron.InvalidTimeZone as error:
            return _trouble(conditions.INVALID_TIME_ZONE, source, str(error))
        except cron.InvalidSchedule as error:
            return _trouble(conditions.INVALID_SCHEDULE, source, str(error))
        except NameConflict as error:
            return _trouble(conditions.NAME_CONFLICT, source, str(error))
        except errors.Refused as error:
            return _trouble(conditions.WRITE_REFUSED, source, error.message, passing=not error.invalid)
        return None

    def _cron_job(self, pipeline: Pipeline, source: SourceSpec) -> dict[str, Any]:
        asset = self._world.cache.assets.get(Key("Asset", pipeline.namespace, source.asset))
        return cron_job(
            pipeline=pipeline,
            source=source,
            image=self._world.settings.image,
            definition=definition_of(asset, pipeline) if asset else "",
            level=hint(asset=asset, pipeline=pipeline, source=source) if asset else None,
        )

    async def _child(self, pipeline: Pipeline, kind: str, body: dict[str, Any]) -> None:
        key = Key(kind, pipeline.namespace, body["metadata"]["name"])
        wanted, present = digest(body), self._cached(key)
        if present is not None and self._applied.get(key) == (wanted, present.metadata.generation):
            return
        await self._not_anothers(pipeline, key, present)
        answer = await self._world.kube.apply(kind, namespace=key.namespace, name=key.name, body=body, force=True)
        self._applied[key] = (wanted, int(answer["metadata"].get("generation", 0)))

    def _cached(self, key: Key) -> Object | None:
        cache = self._world.cache
        return cache.assets.get(key) if key.kind == "Asset" else cache.cronjobs.get(key)

    async def _not_anothers(self, pipeline: Pipeline, key: Key, present: Object | None) -> None:
        """An object of that name that this Pipeline does not control is never adopted."""
        if present is not None:
            owners = [owner.uid for owner in present.metadata.owner_references if owner.controller]
        else:
            live = await self._world.kube.get(key.kind, namespace=key.namespace, name=key.name)
            if live is None:
                return
            references = live["metadata"].get("ownerReferences") or []
            owners = [owner["uid"] for owner in references if owner.get("controller")]
        if pipeline.metadata.uid not in owners:
            raise NameConflict(
                f"{key.kind} {key.name!r} exists and is not this Pipeline's: rename the source, or delete that object"
            )

    async def _prune(self, pipeline: Pipeline) -> None:
        """What a source left behind when it was taken out of the spec."""
        wanted = {source.asset for source in pipeline.spec.sources}
        assets: list[Asset] = self._world.cache.assets_of(pipeline.namespace, pipeline.name)
        gone: list[tuple[str, Object]] = [("Asset", a) for a in assets if a.kind == "Source" and a.name not in wanted]
        cronjobs = self._world.cache.cronjobs_of(pipeline.namespace, pipeline.name)
        gone += [("CronJob", c) for c in cronjobs if c.name not in wanted]
        for kind, obj in gone:
            if any(owner.uid == pipeline.metadata.uid for owner in obj.metadata.owner_references):
                uid = obj.metadata.uid
                await self._world.kube.delete(kind, namespace=obj.namespace, name=obj.name, uid=uid)
                self._applied.pop(Key(kind, obj.namespace, obj.name), None)


class NameConflict(ValueError):
    """The name is taken by an object that is not ours."""


def _trouble(reason: str, source: SourceSpec, message: str, *, passing: bool = False) -> Trouble:
    return Trouble(reason=reason, message=f"source {source.asset}: {message}", passing=passing)
