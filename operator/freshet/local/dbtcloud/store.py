"""What survives a restart: ``service.json`` (jobs, environments), and per run its record, logs and artifacts.

<state>/service.json
<state>/runs/<run id>/run.json
<state>/runs/<run id>/steps/<index>/{logs.txt, target/…}
"""

import os
from pathlib import Path

import msgspec

from freshet.local.dbtcloud.model import Environment, Job, Run, Status

__all__ = ["Settings", "Store"]

FIRST_ID = 70403100000001
"""Real ids are of this size: more than 32 bits hold."""
LOST = "The worker that executed this run was lost."


class Settings(msgspec.Struct, kw_only=True):
    """The account: its jobs and environments, by id."""

    created_at: float
    jobs: dict[int, Job]
    environments: dict[int, Environment]


class Store:
    """The state folder. One process at a time may use it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "runs").mkdir(parents=True, exist_ok=True)

    def load_settings(self) -> Settings | None:
        """The account as it was left, if there was one."""
        path = self.folder / "service.json"
        return msgspec.json.decode(path.read_bytes(), type=Settings) if path.exists() else None

    def save_settings(self, settings: Settings) -> None:
        """Write the account."""
        _write(self.folder / "service.json", msgspec.json.encode(settings))

    def load_runs(self, *, now: float) -> dict[int, Run]:
        """All runs by id, oldest first. A run that was under way when the service died has failed."""
        runs = {}
        for path in sorted((self.folder / "runs").glob("*/run.json"), key=lambda path: int(path.parent.name)):
            run = msgspec.json.decode(path.read_bytes(), type=Run)
            if run.status in {Status.STARTING, Status.RUNNING}:
                _lose(run, now)
                self.save(run)
            runs[run.id] = run
        return runs

    def save(self, run: Run) -> None:
        """Write a run's record; readers see the old one or the new one."""
        folder = self.run_folder(run.id)
        folder.mkdir(exist_ok=True)
        _write(folder / "run.json", msgspec.json.encode(run))

    def run_folder(self, run_id: int) -> Path:
        """A run's own folder."""
        return self.folder / "runs" / str(run_id)

    def step_folder(self, run_id: int, index: int) -> Path:
        """A step's own folder, which has ``logs.txt`` and ``target/``."""
        return self.run_folder(run_id) / "steps" / str(index)

    def logs(self, run_id: int, index: int) -> str:
        """A step's log so far."""
        path = self.step_folder(run_id, index) / "logs.txt"
        return path.read_text(errors="replace") if path.exists() else ""


def _lose(run: Run, now: float) -> None:
    run.status, run.status_message, run.finished_at, run.updated_at = Status.ERROR, LOST, now, now
    for step in run.steps:
        if step.finished_at is None:
            step.status = Status.ERROR if step.started_at is not None else Status.CANCELLED
            step.finished_at = now


def _write(path: Path, content: bytes) -> None:
    draft = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    draft.write_bytes(content)
    draft.replace(path)
