"""What a Job and its pods say about a run: under way, or ended and how.

The pod's termination message is the result; the Job's conditions are the fallback, since a pod may be gone.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec

from freshet.api.asset import Check, Consumed, Kind, Outcome, Rejected, RunInFlight
from freshet.api.names import (
    ANNOTATION_ATTEMPT,
    ANNOTATION_CAUSE,
    ANNOTATION_DEFINITION,
    ANNOTATION_TICK,
    ANNOTATION_TRIGGER,
    ANNOTATION_VERSIONS,
    CONTAINER,
)
from freshet.api.view import instant, to_json
from freshet.api.workload import Job, Pod, Result, Terminated, parse_result
from freshet.core.clocks import APART
from freshet.core.outcome import Ended

__all__ = ["ended", "in_flight", "obstacle", "run_annotations", "with_obstacle"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EXIT_OUTAGE = 4
"""A workload's exit code for a warehouse that cannot be reached (docs/contract.md): no attempt is used up."""

SAMPLES = 3
"""So many bad rows are shown; the quarantine table has them all."""


def run_annotations(
    *,
    looked_at: dict[str, Consumed],
    cause: str,
    attempt: int,
    definition: str,
    trigger: str | None,
    tick: datetime | None,
) -> dict[str, str]:
    """What a Job carries so that its run can be taken in after any crash."""
    optional = {ANNOTATION_TRIGGER: trigger, ANNOTATION_TICK: tick.isoformat() if tick else None}
    return {
        ANNOTATION_VERSIONS: json.dumps(to_json(looked_at), sort_keys=True),
        ANNOTATION_CAUSE: cause,
        ANNOTATION_ATTEMPT: str(attempt),
        ANNOTATION_DEFINITION: definition,
        **{key: value for key, value in optional.items() if value is not None},
    }


def in_flight(*, job: Job, pods: Sequence[Pod]) -> RunInFlight:
    """The run that this unfinished Job is."""
    notes = job.metadata.annotations
    return RunInFlight(
        id=job.metadata.uid,
        name=job.name,
        executor="Job",
        cause=_cause(job),
        attempt=_attempt(job),
        started_at=job.metadata.creation_timestamp,  # its start comes later, and would be a write of its own
        versions={name: seen.version for name, seen in _looked_at(job).items()},
        trigger=notes.get(ANNOTATION_TRIGGER),
        tick=_tick(job),
        definition=notes.get(ANNOTATION_DEFINITION),
        message=obstacle(pods),
    )


def obstacle(pods: Sequence[Pod]) -> str | None:
    """Why a pod cannot start, in its own words; None when nothing is known to stand in the way."""
    for pod in pods:
        for status in (*pod.status.init_container_statuses, *pod.status.container_statuses):
            waiting = status.state.waiting
            if waiting and waiting.reason not in ("", "ContainerCreating", "PodInitializing"):
                return f"{waiting.reason}: {waiting.message}"[:512]
        for condition in pod.status.conditions:
            if condition.type == "PodScheduled" and condition.status == "False":
                return f"{condition.reason}: {condition.message}"[:512]
    return None


def with_obstacle(run: RunInFlight, *, events: Sequence[Mapping[str, Any]]) -> RunInFlight:
    """The same run, with what its Job's newest warning says: a quota or a policy refuses the pod itself."""
    warnings = [event for event in events if event.get("type") == "Warning"]
    if not warnings:
        return run
    newest = max(warnings, key=lambda event: str(event.get("lastTimestamp") or event.get("eventTime") or ""))
    text = f"{newest.get('reason')}: {newest.get('message')}"
    return msgspec.structs.replace(run, message=text[:512])


def ended(*, job: Job, pods: Sequence[Pod], kind: Kind) -> Ended | None:
    """The run that this Job was, or None while it is under way.

    A pod that succeeded settles it at once; the Job's controller takes up to a second longer to say the same.
    A user's Job may need several pods: there, its own conditions alone say how it ended.
    """
    pod = _final_pod(pods)
    done = pod is not None and pod.status.phase == "Succeeded" and kind != "Job"
    if not job.finished and not done:
        return None
    exit = _exit(pod)
    result = parse_result(exit.message) if exit else None
    succeeded = done or job.condition("Complete") is not None
    run = _facts(job, exit, result)
    return _success(run, result, kind) if succeeded else _failure(run, job, pod, exit, result)


def _facts(job: Job, exit: Terminated | None, result: Result | None) -> Ended:
    notes = job.metadata.annotations
    finished = _finished(job, exit, result)
    return Ended(
        id=job.metadata.uid,
        outcome="Succeeded",
        finished_at=finished,
        started_at=job.status.start_time or job.metadata.creation_timestamp,
        cause=_cause(job),
        attempt=_attempt(job),
        looked_at=_looked_at(job),
        trigger=notes.get(ANNOTATION_TRIGGER),
        tick=_tick(job),
        definition=notes.get(ANNOTATION_DEFINITION),
        checks=_checks(result, finished),
        rejected=_rejected(result, finished),
    )


def _finished(job: Job, exit: Terminated | None, result: Result | None) -> datetime:
    """By the clock of its node, unless that is far from the Job's controller's: else what follows on other nodes would
    seem to lie before this one, or this one before what it followed, and be left out for that.
    """
    told = (result.finished_at if result else None) or (exit.finished_at if exit else None)
    end = _job_end(job)
    return end if told is None or (job.finished and abs(told - end) > APART) else told


def _success(run: Ended, result: Result | None, kind: Kind) -> Ended:
    if kind != "Source":
        found = {"rows": result.rows, "relation": result.relation, "data_time": result.data_time} if result else {}
        return _with(run, version=run.id, message=result.message if result else "", **found)
    if result is None or result.version is None:
        return _with(run, outcome="Unchanged", message="the load left no result: what it loaded is not known")
    return _with(
        run,
        outcome="Succeeded" if result.changed else "Unchanged",
        version=result.version,
        data_time=result.data_time,
        updated_at=result.updated_at,
        rows=result.rows,
        relation=result.relation,
        message=result.message,
        level=to_json(msgspec.structs.replace(result, checks=(), samples=(), error=None)),
    )


def _failure(run: Ended, job: Job, pod: Pod | None, exit: Terminated | None, result: Result | None) -> Ended:
    failed, disrupted = job.condition("Failed"), _disruption(pod)
    outage = disrupted is not None or (exit is not None and exit.exit_code == EXIT_OUTAGE)
    outcome: Outcome = "Interrupted" if outage else "Failed"
    if disrupted is not None:
        message = disrupted
    elif result and result.error:
        message = f"{result.error.reason}: {result.error.message}"
    elif failed and failed.reason == "DeadlineExceeded":
        message = "DeadlineExceeded: the run took longer than its timeout"
    elif exit:
        message = _exit_words(job, exit)
    else:
        message = f"{failed.reason}: {failed.message}" if failed else "the Job failed"
    refused = result.refused if result and outcome == "Failed" else None
    return _with(run, outcome=outcome, message=message, refused=refused)


def _disruption(pod: Pod | None) -> str | None:
    """Why the cluster, not the run, ended this pod: eviction, preemption, a node that went away."""
    found = (c for c in (pod.status.conditions if pod else ()) if c.type == "DisruptionTarget" and c.status == "True")
    return next((f"{condition.reason}: {condition.message}" for condition in found), None)


def _with(run: Ended, **changes: object) -> Ended:
    return replace(run, **changes)  # type: ignore[arg-type]


def _final_pod(pods: Sequence[Pod]) -> Pod | None:
    finished = [pod for pod in pods if pod.status.phase in ("Succeeded", "Failed")]
    return max(finished, key=lambda pod: (str(pod.metadata.creation_timestamp), pod.name), default=None)


def _exit_words(job: Job, exit: Terminated) -> str:
    """``Error`` says no more than the code does; ``OOMKilled`` and the like do."""
    why = f" ({exit.reason})" if exit.reason not in ("", "Error", "Completed") else ""
    last = exit.message.strip().splitlines()[-1:]
    told = last[0] if last else f"kubectl logs -n {job.namespace} job/{job.name} has what it said"
    return f"exit code {exit.exit_code}{why}: {told}"


def _exit(pod: Pod | None) -> Terminated | None:
    """How the container that is read ended; of a user's Job, the first one."""
    statuses = pod.status.container_statuses if pod else ()
    ours = next((s for s in statuses if s.name == CONTAINER), statuses[0] if statuses else None)
    return ours.state.terminated if ours else None


def _job_end(job: Job) -> datetime:
    times = [job.status.completion_time, *(c.last_transition_time for c in job.status.conditions)]
    return next((at for at in times if at is not None), EPOCH)


def _checks(result: Result | None, at: datetime) -> tuple[Check, ...]:
    return tuple(
        Check(name=check.name, passed=check.passed, severity=check.severity, message=check.message, at=at)
        for check in (result.checks if result else ())
    )


def _rejected(result: Result | None, at: datetime) -> Rejected | None:
    """None where the load has not read its input: what was found in it before still holds."""
    if result is None or result.rows_rejected is None or not (result.rows_in or result.error):
        return None
    return Rejected(rows=result.rows_rejected, samples=result.samples[:SAMPLES], at=at)


def _cause(job: Job) -> str:
    scheduled = any(owner.kind == "CronJob" for owner in job.metadata.owner_references)
    return job.metadata.annotations.get(ANNOTATION_CAUSE) or ("schedule" if scheduled else "")


def _attempt(job: Job) -> int:
    text = job.metadata.annotations.get(ANNOTATION_ATTEMPT, "1")
    return int(text) if text.isascii() and text.isdigit() else 1


def _tick(job: Job) -> datetime | None:
    return instant(job.metadata.annotations.get(ANNOTATION_TICK))


def _looked_at(job: Job) -> dict[str, Consumed]:
    text = job.metadata.annotations.get(ANNOTATION_VERSIONS, "{}")
    try:
        return msgspec.json.decode(text, type=dict[str, Consumed])
    except msgspec.DecodeError:
        return {}
