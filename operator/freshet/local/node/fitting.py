"""Whether a pod may go to this node: its ``nodeSelector`` and its required node affinity, as the scheduler reads them.

Source: https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/
"""

from collections.abc import Mapping, Sequence

from freshet.local.node.kube import Json

__all__ = ["NONE_FREE", "fits", "unschedulable"]

HOSTNAME = "kubernetes.io/hostname"
NONE_FREE = "0/1 nodes are available"


def fits(pod: Json, *, labels: Mapping[str, str]) -> str | None:
    """Why this pod does not go to a node with such labels, or ``None``."""
    wanted = pod["spec"].get("nodeSelector") or {}
    wrong = sorted(f"{key}={value}" for key, value in wanted.items() if labels.get(key) != value)
    if wrong:
        return f"{NONE_FREE}: the node's labels lack {', '.join(wrong)}"
    affinity = (pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    if required and not any(_term(term, labels=labels) for term in required["nodeSelectorTerms"]):
        return f"{NONE_FREE}: the node does not match the pod's required node affinity"
    return None


def unschedulable(message: str, *, now: str) -> Json:
    """The condition of a pod that waits for a node, for a strategic merge patch of its status."""
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    return {"conditions": [{**condition, "lastTransitionTime": now}]}


def _term(term: Json, *, labels: Mapping[str, str]) -> bool:
    """All of it must match; a term without any requirement matches nothing."""
    expressions, fields = term.get("matchExpressions") or (), term.get("matchFields") or ()
    if not expressions and not fields:
        return False
    name = labels.get(HOSTNAME)  # metadata.name is the one field that there is
    return all(_matches(each, labels.get(each["key"])) for each in expressions) and all(
        _matches(each, name) for each in fields
    )


def _matches(requirement: Json, value: str | None) -> bool:
    values: Sequence[str] = requirement.get("values") or ()
    operator = requirement["operator"]
    if operator in ("Gt", "Lt"):
        return _compares(operator, value, bound=values[0])
    held = {"In": value in values, "NotIn": value not in values, "Exists": value is not None}
    return held.get(operator, operator == "DoesNotExist" and value is None)


def _compares(operator: str, value: str | None, *, bound: str) -> bool:
    try:
        found, limit = int(value or ""), int(bound)
    except ValueError:
        return False
    return found > limit if operator == "Gt" else found < limit
