"""Reading run_results.json: what became of each node, and what its tests found. Pure.

Read per step: the artifacts of a run are those of its *last* step, which may be docs. Only what builds says something
of a table (``args.which``: build, run, seed, snapshot); ``test`` has checks alone; ``compile`` and ``docs generate``
write ``success`` for every model and mean nothing. dbt v2 leaves keys and whole results out: every key is
optional here, one odd entry costs that entry, and what is missing is Missing, so that the caller waits, and then falls
back (:func:`settle`) to the run's own status. Facts: artifacts of dbt 1.11, schema run-results v6.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

import msgspec

from freshet.dbtcloud.checks import checks_of
from freshet.dbtcloud.model import Run
from freshet.dbtcloud.outcomes import CheckResult, NodeResult, outcome_of
from freshet.dbtcloud.project import KINDS, TestNode
from freshet.dbtcloud.results_raw import RawEntry, RawResults, entry_of, line, span, time
from freshet.dbtcloud.steps import BUILDS, TESTS, command_of

__all__ = ["Missing", "StepResults", "merge", "parse", "settle"]


@dataclass(frozen=True, kw_only=True)
class Missing:
    """There is no such artifact (yet), or it cannot be read: ask again later. `why` is for people."""

    why: str


@dataclass(frozen=True, kw_only=True)
class StepResults:
    """What one step (or, merged, a run) says. `which` is the dbt command that wrote it; `tested`: it runs tests."""

    which: str
    tested: bool = False
    nodes: Mapping[str, NodeResult] = field(default_factory=dict)
    checks: tuple[CheckResult, ...] = ()
    generated_at: datetime | None = None
    invocation_id: str | None = None


def parse(
    raw: bytes | None,
    *,
    command: str | None = None,
    tests: Mapping[str, TestNode] | None = None,
    models: Collection[str] = (),
) -> StepResults | Missing:
    """Read one run_results.json. `command` is the step's, where ``args.which`` is absent; `tests` the manifest's;
    `models` the unique ids, of sources too, among which that is looked for which a test is about, where no manifest
    tells.
    """
    if not raw:
        return Missing(why="run_results.json is not there yet")
    try:
        document = msgspec.json.decode(raw, type=RawResults)
    except (msgspec.DecodeError, UnicodeError) as error:
        return Missing(why=f"run_results.json cannot be read ({error})")
    which = str(document.args.get("which") or command_of(command) or "")
    entries = [entry for entry in map(entry_of, document.results) if entry is not None]
    return StepResults(
        which=which,
        tested=which in TESTS,
        nodes=_nodes(entries, document) if which in BUILDS else {},
        checks=checks_of(entries, document, tests=tests, models=models) if which in TESTS else (),
        generated_at=time(document.metadata.get("generated_at")),
        invocation_id=document.metadata.get("invocation_id"),
    )


def merge(steps: Iterable[StepResults]) -> StepResults:
    """A run's steps, in their order, as one: a later attempt replaces an earlier one, a skip or a no-op does not."""
    nodes: dict[str, NodeResult] = {}
    checks: dict[str, CheckResult] = {}
    newest, tested = StepResults(which=""), False
    for newest in steps:
        tested = tested or newest.tested
        for unique_id, result in newest.nodes.items():
            if result.attempted or not (unique_id in nodes and nodes[unique_id].attempted):
                nodes[unique_id] = result
        checks.update({check.unique_id: check for check in newest.checks})
    return replace(newest, which="build", tested=tested, nodes=nodes, checks=tuple(checks.values()))


def settle(*, results: StepResults | None, run: Run, expected: Sequence[str]) -> dict[str, NodeResult]:
    """An outcome for each node that this run was to build; where results are silent, by the run's own status.

    Results that do not name a node make it Unknown (dbt v2 leaves failed ones out). Without any results the run's own
    success or failure is that of each.
    """
    known = results.nodes if results is not None else {}
    silent = {unique_id: _silent(unique_id, run=run, read=results is not None) for unique_id in expected}
    return {unique_id: known.get(unique_id, silent[unique_id]) for unique_id in expected}


def _nodes(entries: list[RawEntry], document: RawResults) -> dict[str, NodeResult]:
    kinds = [entry for entry in entries if entry.unique_id.partition(".")[0] in KINDS]
    return {entry.unique_id: _node(entry, document) for entry in kinds}


def _node(entry: RawEntry, document: RawResults) -> NodeResult:
    started, finished = span(entry)
    rows = (entry.adapter_response or {}).get("rows_affected")
    return NodeResult(
        unique_id=entry.unique_id,
        outcome=outcome_of(entry.status),
        status=entry.status or "",
        relation=entry.relation_name,
        rows_affected=rows if isinstance(rows, int) and not isinstance(rows, bool) and rows >= 0 else None,
        started_at=started,
        finished_at=finished or time(document.metadata.get("generated_at")),
        seconds=_seconds(entry),
        message=line(entry.message),
    )


def _seconds(entry: RawEntry) -> float | None:
    """How long it took: what dbt says, or from the first to the last of its timing."""
    if entry.execution_time is not None and entry.execution_time >= 0:
        return entry.execution_time
    started, finished = span(entry)
    return max(0.0, (finished - started).total_seconds()) if started and finished else None


def _silent(unique_id: str, *, run: Run, read: bool) -> NodeResult:
    if run.cancelled:
        return NodeResult(unique_id=unique_id, outcome="Cancelled", finished_at=run.finished_at, message=run.message)
    if read:
        text = f"{run.message}, and its results do not name this model"
        return NodeResult(unique_id=unique_id, outcome="Unknown", finished_at=run.finished_at, message=line(text))
    text = f"{run.message}; it left no results"
    outcome: Literal["Success", "Error"] = "Success" if run.succeeded else "Error"
    return NodeResult(
        unique_id=unique_id,
        outcome=outcome,
        started_at=run.started_at,
        finished_at=run.finished_at,
        message=line(text),
    )
