"""Runs that somebody else started: which of them say something of our tables, exactly once each, in order. Pure.

A run of a pull request, or with another branch, commit, schema or target, builds other tables or other code: it neither
counts nor discovers. What a run of docs or compile wrote is told apart by its results (:mod:`.results`).

Runs are taken in the order of their end. A run may show in the list after one that ended later, so the cursor is a time
*and* the ids already taken near it: the next look goes back by `OVERLAP` and leaves those out.

``Ours`` carries a freshet marker: this Pipeline's (the protocol takes its results) or that of another Pipeline of the
same job, whose results count here too. Taking one twice changes nothing, since a run's id names the versions it made.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from freshet.dbtcloud.marker import token_in
from freshet.dbtcloud.model import Run

__all__ = ["OVERLAP", "Cursor", "Verdict", "advance", "consumed_version", "judge", "noted", "parse_cursor"]

OVERLAP = timedelta(minutes=10)
CATCH_UP = timedelta(days=7)
AHEAD = timedelta(hours=1)
"""A cursor that is ahead by more was begun by a clock of ours that was wrong."""
CURSOR = re.compile(r"(\S+Z)((?: [0-9]+@[0-9]+)*)")

Verdict = Literal["Counts", "Ours", "Unfinished", "OtherJob", "PullRequest", "Overridden", "Unknown"]


def judge(run: Run, *, job_id: int, environment_id: int | None, observe: str) -> Verdict:
    """Does this run's result count for the Pipeline, and if not, why?

    ``observe: Environment`` takes every job of the job's environment, ``Job`` this job's runs only.
    """
    if not run.done:
        return "Unfinished"
    if not _is_observed(run, job_id=job_id, environment_id=environment_id, observe=observe):
        return "OtherJob"
    if run.trigger is None:
        return "Unknown"
    if run.trigger.pull_request:
        return "PullRequest"
    trigger = run.trigger
    if any((trigger.git_branch, trigger.git_sha, trigger.schema_override, trigger.target_name_override)):
        return "Overridden"
    return "Ours" if token_in(run.cause) is not None and run.job == job_id else "Counts"


@dataclass(frozen=True, kw_only=True)
class Cursor:
    """How far runs were taken: the latest end seen, and those taken near it (id → second of its end)."""

    at: datetime
    taken: Mapping[int, int] = field(default_factory=dict)

    @property
    def since(self) -> datetime:
        """Where the next look begins: filter ``finished_at__range`` by it, order by ``finished_at``."""
        return self.at - OVERLAP

    def __str__(self) -> str:
        stamp = self.at.astimezone(UTC).isoformat().replace("+00:00", "Z")
        return " ".join([stamp, *(f"{key}@{end}" for key, end in sorted(self.taken.items()))])


def parse_cursor(text: str | None, *, now: datetime) -> Cursor:
    """The cursor as it was recorded. Without one, runs count from now on; an old one is cut to a week's catching up."""
    found = CURSOR.fullmatch(text or "")
    if found is None:
        return Cursor(at=now)
    try:
        at = datetime.fromisoformat(found[1])
    except ValueError:
        return Cursor(at=now)
    at = max(at, now - CATCH_UP) if at <= now + AHEAD else now
    pairs = (pair.partition("@") for pair in found[2].split())
    return Cursor(at=at, taken=_near(at, {int(key): int(end) for key, _, end in pairs}))


def advance(cursor: Cursor, *, runs: Iterable[Run]) -> tuple[tuple[Run, ...], Cursor]:
    """The runs that are new, in the order of their end, and the cursor after them. Unfinished ones come later."""
    ended = {run.id: (run.finished_at, run) for run in runs if run.done and run.finished_at is not None}
    fresh = [(end, key, run) for key, (end, run) in ended.items() if end >= cursor.since and key not in cursor.taken]
    new = sorted(fresh, key=lambda each: each[:2])
    at = max([cursor.at, *(end for end, _, _ in new)])
    taken = {**cursor.taken, **{key: int(end.timestamp()) for end, key, _ in new}}
    return tuple(run for _, _, run in new), Cursor(at=at, taken=_near(at, taken))


def noted(cursor: Cursor, *, run: Run) -> Cursor:
    """The cursor that will not take this run again; it does not move, since earlier ones may not be taken yet."""
    if run.finished_at is None:
        return cursor
    return Cursor(at=cursor.at, taken={**cursor.taken, run.id: int(run.finished_at.timestamp())})


def consumed_version(
    *, history: Sequence[tuple[str, datetime]], started_at: datetime | None, built_in_run: str | None
) -> str | None:
    """The version of an upstream that a run consumed; None where it is not known any more, so that the asset is due.

    `history`: the upstream's versions with their times, in any order. `built_in_run`: the version that this run itself
    made of the upstream, if it did.
    """
    if built_in_run is not None:
        return built_in_run
    before = [(at, version) for version, at in history if started_at is not None and at <= started_at]
    return max(before)[1] if before else None


def _near(at: datetime, taken: Mapping[int, int]) -> dict[int, int]:
    """Those that the next look from there may list again."""
    oldest = int((at - OVERLAP).timestamp())
    return {key: end for key, end in taken.items() if end >= oldest}


def _is_observed(run: Run, *, job_id: int, environment_id: int | None, observe: str) -> bool:
    if run.job == job_id:
        return True
    return observe != "Job" and environment_id is not None and run.environment_id == environment_id
