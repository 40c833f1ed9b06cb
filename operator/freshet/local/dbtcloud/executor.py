"""What carries a run out: the seam to real dbt (:mod:`.dbt`) or made-up results (:mod:`.scripted`)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from freshet.local.dbtcloud.model import Environment, Job, Run, Step

__all__ = ["Checkout", "Executor", "Work"]


@dataclass(frozen=True, kw_only=True)
class Checkout:
    """What the preparing steps found."""

    git_branch: str
    git_sha: str
    connection: str
    """The kind of warehouse, for the name of the step that makes its profile."""
    has_packages: bool = False


@dataclass(frozen=True, kw_only=True)
class Work:
    """One dbt command of a run, and the folder that it may write to."""

    run: Run
    job: Job
    environment: Environment
    step: Step
    command: str
    folder: Path
    retried: Path | None = None
    """The target folder of the step that a retry goes on from."""


class Executor(Protocol):
    """Carries runs out. Cancelling the task that awaits ``execute`` ends the command's processes."""

    async def start(self) -> None:
        """Get ready; called once, before any run."""

    async def close(self) -> None:
        """End every process."""

    async def checkout(self, run: Run) -> Checkout:
        """Look at the project that this run is to use. Raises OSError or ValueError where there is none."""

    async def execute(self, work: Work) -> bool:
        """Run the command: its log to ``logs.txt``, its artifacts to ``target/`` in the folder. Did it succeed?"""
