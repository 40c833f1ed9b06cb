"""Makes the Assets that discovery plans, by server-side apply without force: what a person edited stays as it is."""

import asyncio
from collections.abc import Iterable
from typing import Any

from freshet.api import conditions
from freshet.api.asset import Asset
from freshet.api.names import ANNOTATION_APPLIED, ANNOTATION_UNIQUE_ID
from freshet.api.pipeline import Pipeline
from freshet.api.view import Key
from freshet.controllers.world import World
from freshet.core.manifests.assets import POLICY, without
from freshet.dbtcloud.found import Problem
from freshet.runtime import errors

__all__ = ["Applier"]

AT_ONCE = 8
FEW = 20
"""More names than that are looked up by one list."""


class Applier:
    """Writes; what the API server refuses comes back as problems, each about one Asset."""

    def __init__(self, *, world: World) -> None:
        self._world = world

    async def apply(self, pipeline: Pipeline, bodies: Iterable[dict[str, Any]]) -> list[Problem]:
        """Apply them all, a few at a time. Raises Throttled and Unavailable: what is missing then is applied later."""
        seats, wanted = asyncio.Semaphore(AT_ONCE), list(bodies)
        anothers = await self._anothers(pipeline, [body["metadata"]["name"] for body in wanted])

        async def one(body: dict[str, Any]) -> list[Problem]:
            if body["metadata"]["name"] in anothers:
                return [_taken(body)]
            async with seats:
                return await self._one(pipeline, body)

        return [problem for problems in await asyncio.gather(*map(one, wanted)) for problem in problems]

    async def delete(self, pipeline: Pipeline, assets: Iterable[Asset]) -> None:
        """Delete Assets whose models are gone."""
        for asset in assets:
            await self._world.kube.delete("Asset", namespace=asset.namespace, name=asset.name, uid=asset.metadata.uid)
            message = f"Asset {asset.name} is deleted: the dbt project does not have {asset.dbt_node} any more"
            self._world.tell(pipeline, type="Normal", reason="Pruned", message=message)

    async def _one(self, pipeline: Pipeline, body: dict[str, Any]) -> list[Problem]:
        """What others own, and policy that the API server refuses, is left out, and the rest applied again."""
        name: str = body["metadata"]["name"]
        problems: list[Problem] = []
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
                rest = _unmarked(without(body, fields=[field for field, _ in error.causes], only=POLICY))
                problems = [Problem(reason=conditions.INVALID_META, name=name, message=f"{_node(body)}: {refused}")]
        return [Problem(reason=conditions.WRITE_REFUSED, name=name, message=f"{_node(body)}: {refused}")]

    async def _anothers(self, pipeline: Pipeline, names: list[str]) -> set[str]:
        """Names that are not in the cache yet and that somebody else has: what this Pipeline does not control is never
        adopted.
        """
        namespace, kube = pipeline.namespace, self._world.kube
        new = [name for name in names if self._world.cache.assets.get(Key("Asset", namespace, name)) is None]
        if len(new) > FEW:
            found = await kube.list_all("Asset", namespace=namespace)
        else:
            found = [live for name in new if (live := await kube.get("Asset", namespace=namespace, name=name))]
        return {live["metadata"]["name"] for live in found if not _owns(pipeline, live)}.intersection(new)


def _unmarked(body: dict[str, Any] | None) -> dict[str, Any] | None:
    """It is not what was planned: the next look applies it again, and tells again what is refused of it."""
    if body is None:
        return None
    notes = {name: text for name, text in body["metadata"]["annotations"].items() if name != ANNOTATION_APPLIED}
    return {**body, "metadata": {**body["metadata"], "annotations": notes}}


def _owns(pipeline: Pipeline, live: dict[str, Any]) -> bool:
    references = live["metadata"].get("ownerReferences") or []
    return any(owner["uid"] == pipeline.metadata.uid for owner in references)


def _taken(body: dict[str, Any]) -> Problem:
    text = f"{_node(body)} would have the name of an Asset that somebody else made: rename one"
    return Problem(reason=conditions.NAME_CONFLICT, name=body["metadata"]["name"], message=text)


def _node(body: dict[str, Any]) -> str:
    node: str = body["metadata"]["annotations"][ANNOTATION_UNIQUE_ID]
    return node
