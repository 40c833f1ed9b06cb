"""All questions, put in the order in which their answers matter."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import TypeVar
from urllib.parse import quote

from freshet.api.asset import Asset
from freshet.api.pipeline import Pipeline
from freshet.api.view import InvalidObject, Object, parse
from freshet.doctor import definitions, objects, operating, outside, rights, secrets
from freshet.doctor.findings import Finding, bad, unsure
from freshet.doctor.rights import Account
from freshet.runtime import errors
from freshet.runtime.kube import Kube
from freshet.runtime.lease import LeaseName

__all__ = ["Examination"]

T = TypeVar("T", bound=Object)
Secret = dict[str, bytes] | None
USUAL = LeaseName(namespace="freshet-system")
"""Where manifests/base puts it."""
MOMENT_SECONDS = 3.0


class Examination:
    """Of one namespace, or of all that may be listed; ``lease`` is the operator's, where that is known."""

    def __init__(self, *, kube: Kube, namespace: str | None, account: Account | None, lease: LeaseName | None) -> None:
        self._kube = kube
        self._namespace = namespace
        self._account = account
        self._lease = lease

    async def findings(self) -> AsyncIterator[Finding]:
        """Each as soon as it is known. Raises KubeError where the API itself does not answer."""
        for finding in await definitions.examine(self._kube.transport):
            yield finding
        home = self._lease.namespace if self._lease else None
        for finding in await rights.examine(
            self._kube.transport, namespace=self._namespace, account=self._account, home=home
        ):
            yield finding
        operator = await operating.examine(self._kube.transport, lease=self._lease or USUAL, now=_now)
        yield operator
        try:
            pipelines, assets = await self._settled()
        except errors.Gone:
            yield bad("objects", "there can be none: Pipelines and Assets are not defined", definitions.APPLY)
            return
        except errors.Refused as error:
            yield bad("objects", f"they cannot be listed: {error.message}", "name a namespace that you may read: -n NS")
            return
        if not (pipelines or assets) and (lost := await self._lost()) is not None:
            yield lost
            return
        for finding in objects.judge(pipelines, assets, now=_now(), acts=operator.level != "bad"):
            yield finding
        for pipeline in pipelines:
            own = [asset for asset in assets if asset.spec.pipeline == pipeline.name and _same(asset, pipeline)]
            async for finding in self._pipeline(pipeline, own):
                yield finding

    async def _lost(self) -> Finding | None:
        """A namespace that is not there lists as one that is empty."""
        if self._namespace is None:
            return None
        try:
            with suppress(errors.Refused):  # who may not look at namespaces is not told of them
                await self._kube.transport.json("GET", f"/api/v1/namespaces/{quote(self._namespace, safe='')}")
        except errors.Gone:
            remedy = "name another one: -n NS; kubectl get namespaces"
            return bad("objects", f"there is no namespace {self._namespace}", remedy)
        return None

    async def _settled(self) -> tuple[list[Pipeline], list[Asset]]:
        """Looked at twice where somebody has just changed one: an operator that acts needs a moment."""
        pipelines, assets = await self._all("Pipeline", Pipeline), await self._all("Asset", Asset)
        if objects.behind([*pipelines, *assets]):
            await asyncio.sleep(MOMENT_SECONDS)
            pipelines, assets = await self._all("Pipeline", Pipeline), await self._all("Asset", Asset)
        return pipelines, assets

    async def _all(self, kind: str, type: type[T]) -> list[T]:
        found = []
        for raw in await self._kube.list_all(kind, namespace=self._namespace):
            try:
                found.append(parse(raw, type=type))
            except InvalidObject as error:
                raise errors.Refused(str(error), reason="Invalid") from error
        return found

    async def _pipeline(self, pipeline: Pipeline, assets: list[Asset]) -> AsyncIterator[Finding]:
        known: dict[str, Secret] = {}
        sound = set()
        for need in secrets.needs(pipeline):
            try:
                if need.secret not in known:
                    known[need.secret] = await self._kube.read_secret(namespace=pipeline.namespace, name=need.secret)
            except errors.Refused:
                yield unsure(f"pipeline {pipeline.namespace}/{pipeline.name}", f"Secret {need.secret} may not be read")
                continue
            finding = secrets.judge(pipeline, need, known[need.secret])
            if finding.level == "good":
                sound.add(need.field)
            yield finding
        async for finding in _outside(pipeline, assets, known, sound):
            yield finding


async def _outside(
    pipeline: Pipeline, assets: list[Asset], known: dict[str, Secret], sound: set[str]
) -> AsyncIterator[Finding]:
    """Only with Secrets that are as they should be: without, there is nothing to be learned."""
    spec = pipeline.spec
    if spec.dbt_cloud is not None and "dbtCloud.tokenSecretRef" in sound:
        yield await outside.dbt_cloud(pipeline, known[spec.dbt_cloud.token_secret_ref.name] or {})
    warehouse = spec.warehouse
    if warehouse is not None and warehouse.databricks is not None and "warehouse.databricks.secretRef" in sound:
        yield await outside.databricks(pipeline, known[warehouse.databricks.secret_ref.name] or {})
    if warehouse is not None and warehouse.duckdb is not None:
        yield outside.by_runs(pipeline, "DuckDB", assets)
    if warehouse is not None and warehouse.dlt is not None:
        yield outside.by_runs(pipeline, f"dlt's destination {warehouse.dlt.destination}", assets)


def _same(asset: Asset, pipeline: Pipeline) -> bool:
    return asset.namespace == pipeline.namespace


def _now() -> datetime:
    return datetime.now(UTC)
