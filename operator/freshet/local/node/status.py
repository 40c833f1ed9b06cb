"""A pod's status from its containers: pure, the kubelet's rules of phases and conditions.

Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from freshet.local.node.fields import HOST_IP
from freshet.local.node.kube import Json
from freshet.local.node.records import ContainerRecord, Running, Terminated, Waiting, stamp
from freshet.local.node.support import NO_EPHEMERAL, UNSUPPORTED, notes

__all__ = ["Verdict", "phase_of", "pod_status"]

ENFORCED = "freshet.dev/Enforced"
"""Condition of a pod that asks for what this agent leaves out: False, with the sentence of its Event."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Why a pod as a whole failed, whatever its containers say."""

    reason: str
    message: str


def phase_of(*, policy: str, init: Sequence[ContainerRecord], main: Sequence[ContainerRecord], ending: bool) -> str:
    """``ending``: the pod is deleted or past its deadline, so that nothing is started any more."""
    if ending and not any(isinstance(record.state, Running) for record in (*init, *main)):
        return "Succeeded" if all(record.succeeded for record in (*init, *main)) else "Failed"
    if not all(record.succeeded for record in init):
        failed = any(record.ended and not record.succeeded for record in init)
        return "Failed" if failed and policy == "Never" else "Pending"
    if any(isinstance(record.state, Running) for record in main):
        return "Running"
    ended = [record.state for record in main if isinstance(record.state, Terminated)]
    if len(ended) == len(main):
        return _phase_at_end(ended, policy=policy)
    return "Running" if any(record.last or record.ended for record in main) else "Pending"


def _phase_at_end(ended: Sequence[Terminated], *, policy: str) -> str:
    if policy == "Always":
        return "Running"
    if all(state.exit_code == 0 for state in ended):
        return "Succeeded"
    return "Failed" if policy == "Never" else "Running"


def pod_status(
    *,
    pod: Json,
    init: Sequence[ContainerRecord],
    main: Sequence[ContainerRecord],
    started_at: datetime,
    now: datetime,
    verdict: Verdict | None = None,
    ending: bool = False,
) -> Json:
    """The whole status to write, for a strategic merge patch."""
    policy = pod["spec"].get("restartPolicy", "Always")
    phase = phase_of(policy=policy, init=init, main=main, ending=ending)
    if verdict is not None and not any(isinstance(record.state, Running) for record in (*init, *main)):
        phase = "Failed"
    return {
        "phase": phase,
        "reason": verdict.reason if verdict else None,
        "message": verdict.message if verdict else None,
        "startTime": stamp(started_at),
        "hostIP": HOST_IP,
        "hostIPs": [{"ip": HOST_IP}],
        "podIP": HOST_IP,
        "podIPs": [{"ip": HOST_IP}],
        "conditions": _conditions(pod=pod, phase=phase, init=init, main=main, now=now),
        **_containers(pod=pod, init=_judged(init, verdict=verdict), main=_judged(main, verdict=verdict)),
    }


def _containers(*, pod: Json, init: Sequence[ContainerRecord], main: Sequence[ContainerRecord]) -> Json:
    ephemeral = [_refused(container) for container in pod["spec"].get("ephemeralContainers") or ()]
    return {
        "containerStatuses": [record.as_json() for record in main],
        **({"initContainerStatuses": [record.as_json() for record in init]} if init else {}),
        **({"ephemeralContainerStatuses": ephemeral} if ephemeral else {}),
    }


def _judged(records: Sequence[ContainerRecord], *, verdict: Verdict | None) -> list[ContainerRecord]:
    """What a failed pod's containers waited for will not come: `kubectl get pods` shows the first of their reasons."""
    if verdict is None:
        return list(records)
    waiting = Waiting(reason=verdict.reason, message=verdict.message)
    return [replace(each, state=waiting) if isinstance(each.state, Waiting) else each for each in records]


def _refused(container: Json) -> Json:
    record = ContainerRecord(name=container["name"], image=container["image"])
    return replace(record, state=Waiting(reason=UNSUPPORTED, message=NO_EPHEMERAL)).as_json()


def _conditions(
    *, pod: Json, phase: str, init: Sequence[ContainerRecord], main: Sequence[ContainerRecord], now: datetime
) -> list[Json]:
    initialized = all(record.succeeded for record in init)
    ready = bool(main) and all(record.ready for record in main)
    reason, message = _why_not_ready(phase=phase, main=main)
    waiting = [record.name for record in init if not record.succeeded]
    incomplete = ("ContainersNotInitialized", f"containers with incomplete status: [{' '.join(waiting)}]")
    gates = pod["spec"].get("readinessGates") or ()
    wanted = [
        _condition("PodReadyToStartContainers", status=phase in ("Pending", "Running")),
        _condition("Initialized", status=initialized, reason=incomplete[0], message=incomplete[1]),
        _condition("ContainersReady", status=ready, reason=reason, message=message),
        _condition("Ready", status=ready and not gates, reason=reason, message=message),
    ]
    if sentence := notes(pod):
        wanted.append(_condition(ENFORCED, status=False, reason="NotEnforced", message=sentence))
    known = {each["type"]: each for each in (pod.get("status") or {}).get("conditions") or ()}
    return [{**each, "lastTransitionTime": _since(each, known=known.get(each["type"]), now=now)} for each in wanted]


def _condition(kind: str, *, status: bool, reason: str = "", message: str = "") -> Json:
    base = {"type": kind, "status": "True" if status else "False"}
    if status or kind == "PodReadyToStartContainers":
        return {**base, "reason": None, "message": None}
    return {**base, "reason": reason, "message": message or None}


def _why_not_ready(*, phase: str, main: Sequence[ContainerRecord]) -> tuple[str, str]:
    if phase == "Succeeded":
        return "PodCompleted", ""
    if phase == "Failed":
        return "PodFailed", ""
    names = [record.name for record in main if not record.ready]
    return "ContainersNotReady", f"containers with unready status: [{' '.join(names)}]"


def _since(condition: Json, *, known: Json | None, now: datetime) -> str:
    if known and known.get("status") == condition["status"] and known.get("lastTransitionTime"):
        return str(known["lastTransitionTime"])
    return stamp(now)
