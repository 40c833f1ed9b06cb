"""Makes the Assets that discovery plans, by server-side apply without force: what a person edited stays as it is."""

import asyncio
from collections.abc import Iterable
from typing import Any

from freshet.api import conditions
from freshet.api.asset import Asset
from freshet.api.names import ANNOTATION_UNIQUE_ID
from freshet.api.pipeline import Pipeline
from freshet.api.view import Key
from freshet.controllers.world import World
from freshet.core.manifests.assets import POLICY, without
from freshet.dbtcloud.discovery import Problem
from freshet.runtime import errors

__all__ = ["Applier"]

AT_ONCE = 8


class Applier:
    """Writes; what the API server refuses comes back as problems, each about one Asset."""

    def __init__(self, *, world: World) -> None:
        self._world = world

    async def apply(self, pipeline: Pipeline, bodies: Iterable[dict[str, Any]]) -> list[Problem]:
        """Apply them all, a few at a time. Raises Throttled and Unavailable: what is missing then is applied later."""
        seats = asyncio.Semaphore(AT_ONCE)

        async def one(body: dict[str, Any]) -> list[Problem]:
            async with seats:
                return await self._one(pipeline, body)

        return [problem for problems in await asyncio.gather(*map(one, bodies)) for problem in problems]

    async def delete(self, pipeline: Pipeline, assets: Iterable[Asset]) -> None:
        """Delete Assets whose models are gone."""
        for asset in assets:
            await self._world.kube.delete("Asset", namespace=asset.namespace, name=asset.name, uid=asset.metadata.uid)
            message = f"Asset {asset.name} is deleted: the dbt project does not have {asset.dbt_node} any more"
            self._world.kube.emit(pipeline, type="Normal", reason="Pruned", message=message)

    async def _one(self, pipeline: Pipeline, body: dict[str, Any]) -> list[Problem]:
        """What others own, and policy that the API server refuses, is left out, and the rest applied again."""
        name: str = body["metadata"]["name"]
        problems: list[Problem] = []
        if await self._is_anothers(pipeline, name):
            text = f"{_node(body)} would have the name of an Asset that somebody else made: rename one"
            return [Problem(reason=conditions.NAME_CONFLICT, name=name, message=text)]
        rest: dict[str, Any] | None = body
        while rest is not None:
            body = rest
            try:
                await self._world.kube.apply("Asset", namespace=pipeline.namespace, name=name, body=body, force=False)
                return problems
            except errors.Conflict as error:
                rest, refused = without(body, fields=error.fields), error.message
            except errors.Refused as error:
                refused = error.message
                rest = without(body, fields=[field for field, _ in error.causes], only=POLICY)
                problems = [Problem(reason=conditions.INVALID_META, name=name, message=f"{_node(body)}: {refused}")]
        return [Problem(reason=conditions.WRITE_REFUSED, name=name, message=f"{_node(body)}: {refused}")]

    async def _is_anothers(self, pipeline: Pipeline, name: str) -> bool:
        """An object that is not in the cache yet is looked up: what this Pipeline does not control is never adopted."""
        if self._world.cache.assets.get(Key("Asset", pipeline.namespace, name)) is not None:
            return False
        live = await self._world.kube.get("Asset", namespace=pipeline.namespace, name=name)
        references = (live or {}).get("metadata", {}).get("ownerReferences") or []
        return live is not None and not any(owner["uid"] == pipeline.metadata.uid for owner in references)


def _node(body: dict[str, Any]) -> str:
    node: str = body["metadata"]["annotations"][ANNOTATION_UNIQUE_ID]
    return node
