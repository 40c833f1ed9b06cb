"""What ``fieldRef`` and ``resourceFieldRef`` may ask of a pod (the downward API)."""

import math
import re
from collections.abc import Mapping
from decimal import Decimal

from kubernetes.utils.quantity import parse_quantity

from freshet.local.node.kube import Json

__all__ = ["HOST_IP", "FieldError", "field_value", "resource_value"]

HOST_IP = "127.0.0.1"
_SUBSCRIPT = re.compile(r"^metadata\.(labels|annotations)\['(.+)'\]$")


class FieldError(Exception):
    """A field that this agent cannot tell."""


def field_value(pod: Json, *, path: str) -> str:
    """The value at ``path``; labels and annotations whole are lines of ``key="value"``. Raises ``FieldError``."""
    metadata, spec = pod["metadata"], pod["spec"]
    subscript = _SUBSCRIPT.match(path)
    if subscript:
        return str(metadata.get(subscript[1], {}).get(subscript[2], ""))
    if path in ("metadata.labels", "metadata.annotations"):
        return _lines(metadata.get(path.removeprefix("metadata."), {}))
    values = {
        "metadata.name": metadata.get("name"),
        "metadata.namespace": metadata.get("namespace"),
        "metadata.uid": metadata.get("uid"),
        "spec.nodeName": spec.get("nodeName"),
        "spec.serviceAccountName": spec.get("serviceAccountName"),
        "status.hostIP": HOST_IP,
        "status.hostIPs": HOST_IP,
        "status.podIP": HOST_IP,
        "status.podIPs": HOST_IP,
    }
    if path not in values:
        raise FieldError(f"fieldRef {path!r} is not supported by this node agent")
    return str(values[path] or "")


def _lines(values: Mapping[str, str]) -> str:
    quoted = (
        (key, value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")) for key, value in values.items()
    )
    return "\n".join(f'{key}="{value}"' for key, value in sorted(quoted))


def resource_value(pod: Json, *, reference: Json, container: str, allocatable: Mapping[str, str]) -> str:
    """A request or limit in units of the divisor, rounded up; what is not set is the node's. Raises ``FieldError``."""
    name = reference.get("containerName") or container
    kind, _, resource = str(reference["resource"]).partition(".")
    amount = _resources(pod, container=name).get(kind, {}).get(resource)
    if amount is None and kind == "requests":
        amount = _resources(pod, container=name).get("limits", {}).get(resource, "0")
    if amount is None:
        amount = allocatable.get(resource)
    if amount is None or kind not in ("limits", "requests"):
        raise FieldError(f"resourceFieldRef {reference['resource']!r} is not supported by this node agent")
    divisor = parse_quantity(reference.get("divisor") or "1") or Decimal(1)
    return str(math.ceil(parse_quantity(amount) / divisor))


def _resources(pod: Json, *, container: str) -> Json:
    spec = pod["spec"]
    for candidate in (*spec.get("initContainers", ()), *spec["containers"]):
        if candidate["name"] == container:
            found: Json = candidate.get("resources") or {}
            return found
    raise FieldError(f"resourceFieldRef names container {container!r}, which the pod does not have")
