"""A container's environment variables: pure, from its spec and what it refers to."""

from collections.abc import Mapping

from freshet.local.node.expand import expand
from freshet.local.node.fields import FieldError, field_value, resource_value
from freshet.local.node.kube import Json
from freshet.local.node.sources import Sources

__all__ = ["ConfigError", "environment"]


class ConfigError(Exception):
    """A container that cannot be configured yet: ``CreateContainerConfigError``."""


def environment(
    *, pod: Json, container: Json, sources: Sources, base: Mapping[str, str], allocatable: Mapping[str, str]
) -> dict[str, str]:
    """``base``, then ``envFrom``, then ``env``; later wins, and ``$(VAR)`` sees what came before.

    Raises ``ConfigError``.
    """
    values = dict(base)
    for entry in container.get("envFrom") or ():
        values.update(_whole(entry, sources=sources))
    for entry in container.get("env") or ():
        if "valueFrom" not in entry:
            values[entry["name"]] = expand(entry.get("value") or "", variables=values)
            continue
        value = _one(entry["valueFrom"], pod=pod, container=container, sources=sources, allocatable=allocatable)
        if value is not None:
            values[entry["name"]] = value
    return values


def _whole(entry: Json, *, sources: Sources) -> dict[str, str]:
    kind, reference = ("secret", entry["secretRef"]) if entry.get("secretRef") else ("configmap", entry["configMapRef"])
    found = sources.get(kind=kind, name=reference["name"])
    if found is None:
        if reference.get("optional"):
            return {}
        raise ConfigError(f'{kind} "{reference["name"]}" not found')
    prefix = entry.get("prefix") or ""
    return {prefix + key: value.decode(errors="replace") for key, value in found.items()}


def _one(source: Json, *, pod: Json, container: Json, sources: Sources, allocatable: Mapping[str, str]) -> str | None:
    try:
        if source.get("fieldRef"):
            return field_value(pod, path=source["fieldRef"]["fieldPath"])
        if source.get("resourceFieldRef"):
            reference = source["resourceFieldRef"]
            return resource_value(pod, reference=reference, container=container["name"], allocatable=allocatable)
    except FieldError as error:
        raise ConfigError(str(error)) from error
    if source.get("secretKeyRef"):
        return _key(source["secretKeyRef"], kind="secret", pod=pod, sources=sources)
    if source.get("configMapKeyRef"):
        return _key(source["configMapKeyRef"], kind="configmap", pod=pod, sources=sources)
    raise ConfigError(f"env valueFrom {', '.join(source)} is not supported by this node agent")


def _key(reference: Json, *, kind: str, pod: Json, sources: Sources) -> str | None:
    found = sources.get(kind=kind, name=reference["name"])
    if found is not None and reference["key"] in found:
        return found[reference["key"]].decode(errors="replace")
    if reference.get("optional"):
        return None
    if found is None:
        raise ConfigError(f'{kind} "{reference["name"]}" not found')
    label = "Secret" if kind == "secret" else "ConfigMap"
    where = f"{pod['metadata']['namespace']}/{reference['name']}"
    raise ConfigError(f"couldn't find key {reference['key']} in {label} {where}")
