"""What a ConfigMap, Secret, downward API or projected volume holds: pure, from the pod and what it refers to."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from freshet.local.node.fields import FieldError, field_value, resource_value
from freshet.local.node.kube import Json
from freshet.local.node.sources import Sources

__all__ = ["File", "TokenRequest", "VolumeError", "payload", "token_requests"]

DEFAULT_MODE = 0o644
TOKEN_SECONDS = 3600


class VolumeError(Exception):
    """A volume that cannot be filled yet: ``FailedMount``."""


@dataclass(frozen=True, kw_only=True)
class File:
    """One file of a volume, by its path in it."""

    path: str
    content: bytes
    mode: int = DEFAULT_MODE


@dataclass(frozen=True, kw_only=True, order=True)
class TokenRequest:
    """A token that a projected volume wants of the API server."""

    audience: str
    seconds: int


def token_requests(pod: Json) -> frozenset[TokenRequest]:
    """All tokens that the pod's volumes want."""
    projected = (volume.get("projected") or {} for volume in pod["spec"].get("volumes") or ())
    sources = (source for each in projected for source in each.get("sources") or ())
    return frozenset(_token(source["serviceAccountToken"]) for source in sources if "serviceAccountToken" in source)


def _token(data: Json) -> TokenRequest:
    return TokenRequest(audience=data.get("audience") or "", seconds=data.get("expirationSeconds") or TOKEN_SECONDS)


def payload(
    *,
    pod: Json,
    volume: Json,
    sources: Sources,
    tokens: Mapping[TokenRequest, str],
    allocatable: Mapping[str, str],
) -> tuple[File, ...] | None:
    """The volume's files; ``None`` if it is of a kind that has none of ours. Raises ``VolumeError``."""
    filler = _Filler(pod=pod, sources=sources, tokens=tokens, allocatable=allocatable)
    if "configMap" in volume:
        return tuple(filler.configmap(volume["configMap"], mode=_mode(volume["configMap"])))
    if "secret" in volume:
        named = {**volume["secret"], "name": volume["secret"]["secretName"]}
        return tuple(filler.secret(named, mode=_mode(named)))
    if "downwardAPI" in volume:
        return tuple(filler.downward(volume["downwardAPI"], mode=_mode(volume["downwardAPI"])))
    if "projected" in volume:
        return tuple(filler.projected(volume["projected"]))
    return None


def _mode(data: Json) -> int:
    mode = data.get("defaultMode")
    return DEFAULT_MODE if mode is None else int(mode)


@dataclass(frozen=True, kw_only=True)
class _Filler:
    pod: Json
    sources: Sources
    tokens: Mapping[TokenRequest, str]
    allocatable: Mapping[str, str]

    def projected(self, data: Json) -> Iterator[File]:
        mode = _mode(data)
        for source in data.get("sources") or ():
            if source.get("configMap"):
                yield from self.configmap(source["configMap"], mode=mode)
            elif source.get("secret"):
                yield from self.secret(source["secret"], mode=mode)
            elif source.get("downwardAPI"):
                yield from self.downward(source["downwardAPI"], mode=mode)
            elif source.get("serviceAccountToken"):
                token = source["serviceAccountToken"]
                yield File(path=token["path"], content=self.tokens[_token(token)].encode(), mode=mode)

    def configmap(self, data: Json, *, mode: int) -> Iterator[File]:
        return self._keyed(data, kind="configmap", mode=mode)

    def secret(self, data: Json, *, mode: int) -> Iterator[File]:
        return self._keyed(data, kind="secret", mode=mode)

    def _keyed(self, data: Json, *, kind: str, mode: int) -> Iterator[File]:
        found = self.sources.get(kind=kind, name=data["name"])
        if found is None:
            if data.get("optional"):
                return
            raise VolumeError(f'{kind} "{data["name"]}" not found')
        for item in data.get("items") or [{"key": key, "path": key} for key in sorted(found)]:
            if item["key"] not in found:
                if data.get("optional"):
                    continue
                raise VolumeError(f'{kind} "{data["name"]}" has no key "{item["key"]}"')
            yield File(path=item["path"], content=found[item["key"]], mode=item.get("mode") or mode)

    def downward(self, data: Json, *, mode: int) -> Iterator[File]:
        for item in data.get("items") or ():
            yield File(path=item["path"], content=self._field(item).encode(), mode=item.get("mode") or mode)

    def _field(self, item: Json) -> str:
        try:
            if item.get("fieldRef"):
                return field_value(self.pod, path=item["fieldRef"]["fieldPath"])
            reference = item["resourceFieldRef"]
            return resource_value(self.pod, reference=reference, container="", allocatable=self.allocatable)
        except FieldError as error:
            raise VolumeError(str(error)) from error
