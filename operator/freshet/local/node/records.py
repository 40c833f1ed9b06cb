"""What the agent knows of one container: its state now, the one before, and how often it was started."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from freshet.local.node.kube import Json

__all__ = ["ContainerRecord", "Running", "State", "Terminated", "Waiting", "from_status", "stamp"]

LOST_EXIT_CODE = 137
LOST_REASON = "ContainerStatusUnknown"
LOST_MESSAGE = "The node agent was started anew, and the container's process had ended with the former one."


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """Not running yet, or not again."""

    reason: str = "ContainerCreating"
    message: str = ""

    def as_json(self) -> Json:
        return {"waiting": {"reason": self.reason, **({"message": self.message} if self.message else {})}}


@dataclass(frozen=True, kw_only=True)
class Running:
    started_at: datetime

    def as_json(self) -> Json:
        return {"running": {"startedAt": stamp(self.started_at)}}


@dataclass(frozen=True, kw_only=True)
class Terminated:
    """``reason`` is Completed, Error, StartError or a word of why; ``message`` what the container left."""

    exit_code: int
    reason: str
    started_at: datetime
    finished_at: datetime
    message: str = ""
    container_id: str = ""

    def as_json(self) -> Json:
        body = {
            "exitCode": self.exit_code,
            "reason": self.reason,
            "startedAt": stamp(self.started_at),
            "finishedAt": stamp(self.finished_at),
            **({"message": self.message} if self.message else {}),
            **({"containerID": self.container_id} if self.container_id else {}),
        }
        return {"terminated": body}


State = Waiting | Running | Terminated


@dataclass(frozen=True, kw_only=True)
class ContainerRecord:
    """One container of a pod; ``started`` counts its starts, so restarts are one less."""

    name: str
    image: str
    init: bool = False
    state: State = Waiting()
    last: Terminated | None = None
    restarts: int = 0
    ready: bool = False
    started: bool = False
    container_id: str = ""

    @property
    def succeeded(self) -> bool:
        return isinstance(self.state, Terminated) and self.state.exit_code == 0

    @property
    def ended(self) -> Terminated | None:
        return self.state if isinstance(self.state, Terminated) else None

    def as_json(self) -> Json:
        return {
            "name": self.name,
            "image": self.image,
            "imageID": self.image,
            "ready": self.succeeded if self.init else self.ready,
            "started": self.started,
            "restartCount": self.restarts,
            "state": self.state.as_json(),
            "lastState": self.last.as_json() if self.last else {},
            **({"containerID": self.container_id} if self.container_id else {}),
        }


def stamp(moment: datetime) -> str:
    """RFC 3339 in whole seconds, as ``metav1.Time`` is written."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def from_status(record: ContainerRecord, status: Json | None, *, now: datetime) -> ContainerRecord:
    """Take up what a former agent wrote of this container; one that ran then has ended with that agent."""
    if not status:
        return record
    state, last = _state(status.get("state") or {}), _state(status.get("lastState") or {})
    known = replace(
        record,
        restarts=status.get("restartCount", 0),
        container_id=status.get("containerID", ""),
        last=last if isinstance(last, Terminated) else None,
    )
    if isinstance(state, Running):
        return replace(known, state=_lost(state, container_id=known.container_id, now=now))
    if isinstance(state, Terminated):
        return replace(known, state=state)
    return replace(known, state=last) if isinstance(last, Terminated) else known  # it was backing off


def _lost(state: Running, *, container_id: str, now: datetime) -> Terminated:
    return Terminated(
        exit_code=LOST_EXIT_CODE,
        reason=LOST_REASON,
        message=LOST_MESSAGE,
        started_at=state.started_at,
        finished_at=now,
        container_id=container_id,
    )


def _state(data: Json) -> State | None:
    if data.get("running"):
        return Running(started_at=datetime.fromisoformat(data["running"]["startedAt"]))
    if not data.get("terminated"):
        return None
    ended = data["terminated"]
    return Terminated(
        exit_code=ended.get("exitCode", 0),
        reason=ended.get("reason", ""),
        message=ended.get("message", ""),
        started_at=datetime.fromisoformat(ended["startedAt"]),
        finished_at=datetime.fromisoformat(ended["finishedAt"]),
        container_id=ended.get("containerID", ""),
    )
