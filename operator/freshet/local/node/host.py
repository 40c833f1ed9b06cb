"""What all pods of a node share, and where one pod keeps its things."""

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import aiohttp

from freshet.local.node.events import Events
from freshet.local.node.kube import Json, Kube
from freshet.local.node.launchers import Launchers
from freshet.local.node.process import Isolation
from freshet.local.node.restarts import FIRST_DELAY

__all__ = ["Host", "PodFolder"]


def _starts() -> asyncio.Semaphore:
    return asyncio.Semaphore(4 * (os.cpu_count() or 1))


@dataclass(frozen=True, kw_only=True)
class Host:
    """The node's side of every pod."""

    kube: Kube
    events: Events
    clock: Callable[[], datetime]
    isolation: Isolation
    launchers: Launchers
    root: Path
    allocatable: Mapping[str, str]
    session: aiohttp.ClientSession
    restart_delay: float = FIRST_DELAY
    starts: asyncio.Semaphore = field(default_factory=_starts)
    """Bounds how many containers are being started at once."""


@dataclass(frozen=True, kw_only=True)
class PodFolder:
    """``<root>/pods/<uid>``: volumes, and per container its logs and termination messages by number of restarts."""

    path: Path

    @classmethod
    def of(cls, pod: Json, *, root: Path) -> "PodFolder":
        return cls(path=root / "pods" / pod["metadata"]["uid"])

    @property
    def volumes(self) -> Path:
        return self.path / "volumes"

    def container(self, name: str) -> Path:
        return self.path / "containers" / name

    def log(self, name: str, *, restarts: int) -> Path:
        return self.container(name) / f"{restarts}.log"

    def message(self, name: str, *, restarts: int) -> Path:
        return self.container(name) / f"{restarts}.message"
