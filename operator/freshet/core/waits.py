"""What a pod that runs waits for, in its own words: it is not ready meanwhile, and the kubelet's Event about its
readiness probe (``freshet waiting``) has the sentence.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from freshet.api.asset import RunInFlight
from freshet.api.conditions import DBT_CLOUD_UNREACHABLE, WAITING_FOR_WAREHOUSE
from freshet.api.names import CONTAINER
from freshet.api.workload import Pod

__all__ = ["Unready", "told", "unready", "waits_for_others"]

PROBE = "Readiness probe failed: "


@dataclass(frozen=True, kw_only=True, slots=True)
class Unready:
    """The pod, and since when it runs: for its first seconds nobody has asked it yet."""

    uid: str
    since: datetime


def unready(pods: Sequence[Pod]) -> Unready | None:
    """The pod whose container of ours runs and is not ready, if there is one."""
    for pod in pods:
        for status in pod.status.container_statuses:
            running = status.state.running
            if status.name == CONTAINER and not status.ready and running is not None and running.started_at:
                return Unready(uid=pod.metadata.uid, since=running.started_at)
    return None


def told(events: Sequence[Mapping[str, Any]]) -> str | None:
    """The newest sentence of ours among Events about a pod; other failures of the probe say nothing of a wait."""
    begin = f"{PROBE}{WAITING_FOR_WAREHOUSE}: "
    ours = [event for event in events if str(event.get("message", "")).startswith(begin)]
    newest = max(ours, key=lambda it: str(it.get("lastTimestamp") or it.get("eventTime") or ""), default=None)
    return str(newest["message"]).removeprefix(PROBE).strip()[:512] if newest else None


def waits_for_others(run: RunInFlight) -> bool:
    """Does the run's message begin with its reason: that the warehouse (:func:`told`) or dbt Cloud does not answer?"""
    return (run.message or "").startswith((f"{WAITING_FOR_WAREHOUSE}: ", f"{DBT_CLOUD_UNREACHABLE}: "))
