"""Reading run_results.json: what became of each node, and what its tests found. Pure.

Read per step: the artifacts of a run are those of its *last* step, which may be docs. Only what builds says something
of a table (``args.which``: build, run, seed, snapshot); ``test`` has checks alone; ``compile`` and ``docs generate``
write ``success`` for every model and mean nothing. dbt v2 leaves keys and whole results out: every key is
optional here, one odd entry costs that entry, and what is missing is Missing, so that the caller waits, and then falls
back (:func:`settle`) to the run's own status. Facts: artifacts of dbt 1.11, schema run-results v6.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

import msgspec

from freshet.dbtcloud.model import Run, RunStatus, RunStep, utc
from freshet.dbtcloud.outcomes import CheckResult, NodeResult, outcome_of

__all__ = [
    "BUILDS",
    "RETRY",
    "Missing",
    "StepResults",
    "TestNode",
    "artifact_steps",
    "command_of",
    "cut_short",
    "line_of",
    "merge",
    "parse",
    "settle",
    "source_steps",
    "test_name",
]

BUILDS = frozenset({"build", "run", "seed", "snapshot"})
TESTS = frozenset({"build", "test"})
RETRY = "retry"
"""Repeats what the command before left undone (dbt Cloud: rerun from failure); its ``args.which`` is that command."""
TABLES = ("model", "seed", "snapshot")
MESSAGE_LIMIT = 500
COMMANDS = (
    BUILDS | TESTS | {"docs", "compile", "source", "run-operation", "ls", "list", "parse", "clone", "retry", "deps"}
)
WORD = re.compile(r"[^\s`'\"]+")


@dataclass(frozen=True, kw_only=True)
class TestNode:
    """What the manifest says of a test: the nodes that it is about and how much it matters."""

    __test__ = False
    nodes: tuple[str, ...]
    severity: Literal["error", "warn"] = "error"


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
        document = msgspec.json.decode(raw, type=_Document)
    except (msgspec.DecodeError, UnicodeError) as error:
        return Missing(why=f"run_results.json cannot be read ({error})")
    which = str(document.args.get("which") or command_of(command) or "")
    entries = [entry for entry in map(_entry, document.results) if entry is not None]
    return StepResults(
        which=which,
        tested=which in TESTS,
        nodes=_nodes(entries, document) if which in BUILDS else {},
        checks=_checks(entries, document, tests=tests, models=models) if which in TESTS else (),
        generated_at=_time(document.metadata.get("generated_at")),
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


def artifact_steps(run: Run) -> tuple[tuple[int, str], ...]:
    """(index, command) of the steps whose run_results.json can say something; none where the run names no steps."""
    cut = cut_short(run)
    ended = [step for step in run.run_steps or () if step.index is not None and (step.ran or step is cut)]
    steps = [(step.index, _command(step)) for step in ended if step.index is not None]
    return tuple((index, name) for index, name in steps if name is not None and name in BUILDS | TESTS | {RETRY})


def cut_short(run: Run) -> RunStep | None:
    """The step that was under way when the run was cancelled: it may have left what it had done by then, or nothing."""
    steps = (run.run_steps or ()) if run.cancelled else ()
    return next((step for step in steps if step.status == RunStatus.CANCELLED), None)


def source_steps(run: Run) -> tuple[int, ...]:
    """The indexes of the steps that looked at how fresh the sources are."""
    ran = [step for step in run.run_steps or () if step.ran]
    return tuple(step.index for step in ran if step.index is not None and _command(step) == "source")


def line_of(text: str | None) -> str:
    """The command line in a step's name, such as ``Invoke dbt with `dbt build --select x```."""
    line = text or ""
    return line.partition("`")[2].rpartition("`")[0] or line


def command_of(text: str | None) -> str | None:
    """The dbt command in a step's name or command line."""
    words = WORD.findall(line_of(text))
    return next((word for word in words[1:] if word in COMMANDS), None) if words[:1] == ["dbt"] else None


class _Document(msgspec.Struct):
    metadata: dict[str, Any] = {}
    args: dict[str, Any] = {}
    results: list[msgspec.Raw] = []


class _Entry(msgspec.Struct):
    unique_id: str
    status: str | None = None
    timing: list[dict[str, Any]] | None = None
    execution_time: float | None = None
    adapter_response: dict[str, Any] | None = None
    message: str | None = None
    failures: int | None = None
    relation_name: str | None = None


def _entry(raw: msgspec.Raw) -> _Entry | None:
    """An entry with what is as it should be; None where not even its id is."""
    try:
        return msgspec.json.decode(raw, type=_Entry)
    except msgspec.ValidationError:
        pass
    try:
        loose = msgspec.json.decode(raw, type=dict[str, Any])
        return _Entry(unique_id=msgspec.convert(loose["unique_id"], str), status=str(loose.get("status") or ""))
    except (msgspec.ValidationError, KeyError):
        return None


def _nodes(entries: list[_Entry], document: _Document) -> dict[str, NodeResult]:
    kinds = [entry for entry in entries if entry.unique_id.partition(".")[0] in TABLES]
    return {entry.unique_id: _node(entry, document) for entry in kinds}


def _node(entry: _Entry, document: _Document) -> NodeResult:
    started, finished = _span(entry)
    rows = (entry.adapter_response or {}).get("rows_affected")
    return NodeResult(
        unique_id=entry.unique_id,
        outcome=outcome_of(entry.status),
        status=entry.status or "",
        relation=entry.relation_name,
        rows_affected=rows if isinstance(rows, int) and not isinstance(rows, bool) and rows >= 0 else None,
        started_at=started,
        finished_at=finished or _time(document.metadata.get("generated_at")),
        seconds=_seconds(entry),
        message=_line(entry.message),
    )


def _seconds(entry: _Entry) -> float | None:
    """How long it took: what dbt says, or from the first to the last of its timing."""
    if entry.execution_time is not None and entry.execution_time >= 0:
        return entry.execution_time
    started, finished = _span(entry)
    return max(0.0, (finished - started).total_seconds()) if started and finished else None


def _checks(
    entries: list[_Entry], document: _Document, *, tests: Mapping[str, TestNode] | None, models: Collection[str]
) -> tuple[CheckResult, ...]:
    built = {entry.unique_id for entry in entries if entry.unique_id.partition(".")[0] in TABLES}
    tables = sorted(built.union(models))
    found = (_check(entry, document, tests=tests, tables=tables) for entry in entries)
    return tuple(check for check in found if check is not None)


def _check(
    entry: _Entry, document: _Document, *, tests: Mapping[str, TestNode] | None, tables: list[str]
) -> CheckResult | None:
    """A skipped test, or one of a status not known, says nothing: what is known of it stays."""
    kind, status = entry.unique_id.partition(".")[0], (entry.status or "").lower()
    if kind not in ("test", "unit_test") or status not in ("pass", "success", "warn", "fail", "error", "runtime error"):
        return None
    declared = (tests or {}).get(entry.unique_id) or TestNode(nodes=_guess(entry.unique_id, tables=tables))
    passed = status in ("pass", "success")
    return CheckResult(
        unique_id=entry.unique_id,
        name=test_name(entry.unique_id),
        nodes=declared.nodes,
        passed=passed,
        severity="warn" if status == "warn" else declared.severity if passed else "error",
        message=_line(entry.message),
        at=_span(entry)[1] or _time(document.metadata.get("generated_at")),
    )


def _guess(unique_id: str, *, tables: list[str]) -> tuple[str, ...]:
    """Where the manifest does not have it: ``test.pkg.not_null_<model>_<column>.<hash>`` names its model, the first if
    it names two, and ``test.pkg.source_not_null_<source>_<table>_<column>.<hash>`` its source.
    """
    parts = unique_id.split(".")
    if parts[0] == "unit_test":
        return (f"model.{parts[1]}.{parts[2]}",) if len(parts) > 3 else ()
    text = f"_{parts[2] if len(parts) > 2 else ''}_"
    kind = [table for table in tables if table.startswith("source.") == text.startswith("_source_")]
    places = [(text.find(f"_{_plain_name(table)}_"), -len(table), table) for table in kind]
    hits = sorted(place for place in places if place[0] >= 0)
    return (hits[0][2],) if hits else ()


def _silent(unique_id: str, *, run: Run, read: bool) -> NodeResult:
    if run.cancelled:
        return NodeResult(unique_id=unique_id, outcome="Cancelled", finished_at=run.finished_at, message=run.message)
    if read:
        text = f"{run.message}, and its results do not name this model"
        return NodeResult(unique_id=unique_id, outcome="Unknown", finished_at=run.finished_at, message=_line(text))
    text = f"{run.message}; it left no results"
    outcome: Literal["Success", "Error"] = "Success" if run.succeeded else "Error"
    return NodeResult(
        unique_id=unique_id,
        outcome=outcome,
        started_at=run.started_at,
        finished_at=run.finished_at,
        message=_line(text),
    )


def _command(step: RunStep) -> str | None:
    return command_of(step.name)


def _plain_name(unique_id: str) -> str:
    """``model.shop.dim.v2`` → ``dim_v2``, as test names have it."""
    return "_".join(unique_id.split(".")[2:])


def test_name(unique_id: str) -> str:
    """What a test is called for people: the middle of its unique id."""
    parts = unique_id.split(".")
    return ".".join(parts[2:]) if parts[0] == "unit_test" else parts[2] if len(parts) > 2 else unique_id


def _span(entry: _Entry) -> tuple[datetime | None, datetime | None]:
    timing = [span for span in entry.timing or [] if isinstance(span, dict)]
    starts = [at for span in timing if (at := _time(span.get("started_at"))) is not None]
    ends = [at for span in timing if (at := _time(span.get("completed_at"))) is not None]
    return min(starts, default=None), max(ends, default=None)


def _time(text: Any) -> datetime | None:
    try:
        return utc(datetime.fromisoformat(text)) if isinstance(text, str) else None
    except ValueError:
        return None


def _line(text: str | None) -> str:
    return " ".join((text or "").split())[:MESSAGE_LIMIT]
