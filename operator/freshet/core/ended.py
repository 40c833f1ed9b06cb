"""A run that ended, as the core is told of it: values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from freshet.api.asset import Check, Consumed, Outcome, Rejected

__all__ = ["Ended", "order"]


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A run that ended. ``version`` is the one it made, or, for a load, the one that it found in the table."""

    id: str
    outcome: Outcome
    finished_at: datetime
    started_at: datetime | None = None
    seconds: float | None = None
    """How long this asset took, where that is less than its run: models of one run have a time each."""
    executor: str = "Job"
    url: str | None = None
    cause: str = ""
    attempt: int = 1
    message: str = ""
    looked_at: Mapping[str, Consumed] = field(default_factory=dict)
    consumed: Mapping[str, Consumed] | None = None
    """What the table is built from, where that is less than what counts as looked at (an adopted table)."""
    version: str | None = None
    data_time: datetime | None = None
    updated_at: datetime | None = None
    rows: int | None = None
    relation: str | None = None
    checks: tuple[Check, ...] = ()
    declared: frozenset[str] | None = None
    """Names of the tests that the asset has, where a manifest says so: what is not among them any more is dropped."""
    retested: bool = False
    """All its tests that could run did: without a manifest, what is not among ``checks`` is dropped."""
    checks_only: bool = False
    """Only tests ran: nothing was built, nothing considered."""
    reused: bool = False
    """dbt answered ``reused``."""
    tests_of: str | None = None
    """The Pipeline whose project tests the asset as a source: of its checks, only those are meant."""
    rejected: Rejected | None = None
    """Bad rows of the input; None: the run has not read any."""
    level: dict[str, Any] | None = None
    refused: dict[str, Any] | None = None
    """Of a load whose input was refused: what the next pods are told, so that they refuse it, too."""
    trigger: str | None = None
    tick: datetime | None = None
    definition: str | None = None
    options: str | None = None
    stated: bool = False
    """Somebody says how recent the data is: that holds also where it is less than was said before."""
    passed: bool = False
    """A view that was not built: it shows what its upstreams have, and its code was not used."""
    foreign: bool = False
    """Somebody else started it: its failure is told, but uses up no attempt and earns none."""
    adopted: bool = False
    """It ended before freshet looked: taken over in silence."""

    @property
    def duration(self) -> float | None:
        """Seconds that the asset took, or else its run; a view that was not built took none."""
        if self.seconds is not None or self.passed or self.started_at is None:
            return self.seconds
        return (self.finished_at - self.started_at).total_seconds()


def order(run: Ended) -> tuple[datetime, str]:
    """Runs are recorded in this order, each once."""
    return run.finished_at, run.id
