"""What a look at dbt Cloud has seen: which runs there are, and the manifest that was read. Values only."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from freshet.dbtcloud.model import Run
from freshet.dbtcloud.project import Manifest

__all__ = ["LATE", "SHARE", "Glance", "Read", "end_of"]

LATEST, SHARE = timedelta(hours=1), 20
"""A manifest of the same commit is read, too, since packages, variables and dbt itself may have changed: after so many
times what reading the last one took, and so long at most.
"""
LATE = timedelta(minutes=10)
"""A run's artifacts may come so long after its end."""


@dataclass(frozen=True, kw_only=True)
class Read:
    """A manifest, the newest run whose code it is, when it was read and how long that took.

    ``skipped``: the run has left one of the same commit that was not read yet.
    """

    manifest: Manifest
    run: Run
    at: datetime
    took: timedelta = timedelta(0)
    skipped: bool = False

    @property
    def again_at(self) -> datetime:
        """From then on a manifest of the same commit is worth reading."""
        return self.at + min(LATEST, self.took * SHARE)

    def covers(self, run: Run) -> bool:
        """Is the run not newer than what was read?"""
        return end_of(run) <= end_of(self.run)


@dataclass(frozen=True, kw_only=True)
class Glance:
    """``runs`` that count and have ended, newest first; ``newest`` of the job itself, whatever its kind and state;
    ``looked_at``: the newest end of one that looked at the project, or was only to; ``more``: there may be older ones.
    """

    runs: tuple[Run, ...]
    newest: Run | None = None
    looked_at: datetime | None = None
    more: bool = False

    def joined(self, other: "Glance") -> "Glance":
        """With what the other one saw: the list may lag behind a run whose end is known."""
        runs = {run.id: run for run in (*other.runs, *self.runs)}
        ids = [run for run in (self.newest, other.newest) if run is not None]
        newest = max(ids, key=lambda run: run.id, default=None)
        looked_at = max((at for at in (self.looked_at, other.looked_at) if at is not None), default=None)
        ended = tuple(sorted(runs.values(), key=end_of, reverse=True))
        return Glance(runs=ended, newest=newest, looked_at=looked_at)


def end_of(run: Run) -> tuple[datetime, int]:
    """Runs have this order."""
    assert run.finished_at is not None
    return run.finished_at, run.id
