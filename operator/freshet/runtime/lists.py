"""Lists in chunks: whole objects, or only what identifies them.

https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks
"""

from collections.abc import AsyncIterator
from typing import Any

import msgspec

from freshet.runtime.kinds import Resource
from freshet.runtime.transport import Transport

__all__ = ["Identity", "identities", "pages"]

CHUNK = 500
METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


class Identity(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Which object it is, and which state of it."""

    name: str
    uid: str
    resource_version: str
    namespace: str = ""


class _Item(msgspec.Struct, frozen=True):
    metadata: Identity


class _ListMeta(msgspec.Struct, frozen=True):
    token: str = msgspec.field(default="", name="continue")


class _Identities(msgspec.Struct, frozen=True):
    metadata: _ListMeta
    items: list[_Item]


class _Objects(msgspec.Struct, frozen=True):
    metadata: _ListMeta
    items: list[dict[str, Any]]


async def pages(
    transport: Transport, place: Resource, *, namespace: str | None, query: dict[str, str]
) -> AsyncIterator[list[dict[str, Any]]]:
    """Whole objects, a chunk at a time. Raises what Transport.send raises."""
    token: str | None = None
    while token != "":
        content = await transport.send("GET", place.path(namespace=namespace), query=_query(query, token))
        page = msgspec.json.decode(content, type=_Objects)
        token = page.metadata.token
        yield page.items


async def identities(
    transport: Transport, place: Resource, *, namespace: str | None, query: dict[str, str]
) -> AsyncIterator[list[Identity]]:
    """Name, uid and resourceVersion of each object, a chunk at a time: a tenth of the cost."""
    token: str | None = None
    while token != "":
        path = place.path(namespace=namespace)
        content = await transport.send("GET", path, query=_query(query, token), accept=METADATA_ONLY)
        page = msgspec.json.decode(content, type=_Identities)
        token = page.metadata.token
        yield [item.metadata for item in page.items]


def _query(query: dict[str, str], token: str | None) -> dict[str, str]:
    wanted = {name: value for name, value in query.items() if value}
    return {**wanted, "limit": str(CHUNK), **({"continue": token} if token else {})}
