"""The ConfigMaps and Secrets that a pod refers to: which they are (pure), and fetching them.

A missing one is remembered as ``None``; whether that matters is for the one who asks.
"""

import asyncio
import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from freshet.local.node.kube import ApiError, Json, Kube

__all__ = ["Reference", "Sources", "fetch", "references"]


@dataclass(frozen=True, kw_only=True, order=True)
class Reference:
    """``kind`` is ``configmap`` or ``secret``, as messages have it."""

    kind: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Contents by reference: key → bytes; ``None`` for what does not exist."""

    contents: Mapping[Reference, Mapping[str, bytes] | None] = field(default_factory=dict)

    def get(self, *, kind: str, name: str) -> Mapping[str, bytes] | None:
        return self.contents.get(Reference(kind=kind, name=name))


def references(pod: Json) -> frozenset[Reference]:
    """All ConfigMaps and Secrets that the pod's containers and volumes name."""
    return frozenset((*_of_containers(pod), *_of_volumes(pod)))


def _of_containers(pod: Json) -> Iterator[Reference]:
    spec = pod["spec"]
    for container in (*spec.get("initContainers", ()), *spec["containers"]):
        for entry in container.get("env", ()):
            yield from _named(entry.get("valueFrom") or {}, configmap="configMapKeyRef", secret="secretKeyRef")
        for entry in container.get("envFrom", ()):
            yield from _named(entry, configmap="configMapRef", secret="secretRef")


def _of_volumes(pod: Json) -> Iterator[Reference]:
    for volume in pod["spec"].get("volumes", ()):
        if "configMap" in volume:
            yield Reference(kind="configmap", name=volume["configMap"]["name"])
        if "secret" in volume:
            yield Reference(kind="secret", name=volume["secret"]["secretName"])
        for source in (volume.get("projected") or {}).get("sources") or ():
            yield from _named(source, configmap="configMap", secret="secret")


def _named(data: Json, *, configmap: str, secret: str) -> Iterator[Reference]:
    for kind, key in (("configmap", configmap), ("secret", secret)):
        if data.get(key):
            yield Reference(kind=kind, name=data[key]["name"])


async def fetch(kube: Kube, *, namespace: str, wanted: frozenset[Reference]) -> Sources:
    """Read them all at once. Raises ``KubeError`` unless the answer is that one does not exist."""
    ordered = sorted(wanted)
    contents = await asyncio.gather(*(_read(kube, namespace=namespace, reference=each) for each in ordered))
    return Sources(contents=dict(zip(ordered, contents, strict=True)))


async def _read(kube: Kube, *, namespace: str, reference: Reference) -> Mapping[str, bytes] | None:
    try:
        found = await kube.get(f"/api/v1/namespaces/{namespace}/{reference.kind}s/{reference.name}")
    except ApiError as error:
        if error.status == 404:
            return None
        raise
    if reference.kind == "secret":
        return {key: base64.b64decode(value) for key, value in (found.get("data") or {}).items()}
    plain = {key: value.encode() for key, value in (found.get("data") or {}).items()}
    binary = {key: base64.b64decode(value) for key, value in (found.get("binaryData") or {}).items()}
    return plain | binary
